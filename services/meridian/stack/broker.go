package stack

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/meridianhq/meridian/pkg/natsd"
)

// StartBroker starts the broker of a data folder without anything else, on a free port, and holds the folder. stop ends both.
func StartBroker(ctx context.Context, data string) (broker *natsd.Server, credentials natsd.Credentials, stop func(context.Context) error, err error) {
	if data, err = filepath.Abs(data); err != nil {
		return nil, credentials, nil, err
	}
	lock, err := openFolder(data)
	if err != nil {
		return nil, credentials, nil, err
	}
	if credentials, err = natsd.LoadCredentials(CredentialsFile(data)); err == nil {
		broker, err = natsd.Start(ctx, natsd.Config{Addr: loopback, StoreDir: storeFolder(data), Credentials: credentials})
	}
	if err != nil {
		return nil, credentials, nil, errors.Join(err, lock.Close())
	}
	return broker, credentials, func(ctx context.Context) error { return errors.Join(broker.Stop(ctx), lock.Close()) }, nil
}

// storeFolder is where a data folder keeps the broker's streams.
func storeFolder(data string) string { return filepath.Join(data, "nats", "store") }
