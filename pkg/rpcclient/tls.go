package rpcclient

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/meridianhq/meridian/pkg/certs"
	"github.com/meridianhq/meridian/pkg/clock"
)

// TLS names PEM files. They are read again for every connection that is made, so that a renewed certificate and a CA that
// is replaced are taken up without a restart; where they cannot be used, those of before stay in force. Connections that stand go
// on. The zero value is no TLS.
type TLS struct {
	// CAFile is what the callee's certificate must be signed by. Setting it turns TLS on.
	CAFile string
	// CertFile and KeyFile are our own certificate and key, for mutual TLS.
	CertFile, KeyFile string
	// ServerName is the name in the callee's certificate, when it is not the target's.
	ServerName string
}

// Check says whether the files belong together and can be used as they stand.
func (t TLS) Check() error {
	_, err := t.credentials(slog.New(slog.DiscardHandler), clock.Machine())
	return err
}

func (t TLS) credentials(log *slog.Logger, machine clock.Clock) (credentials.TransportCredentials, error) {
	if t.CAFile == "" {
		if t.CertFile != "" || t.KeyFile != "" {
			return nil, errors.New("a client certificate needs the CA of the server beside it")
		}
		return insecure.NewCredentials(), nil
	}
	files := certs.Files{Cert: t.CertFile, Key: t.KeyFile, CA: t.CAFile}
	source, err := certs.New(files, log, machine, func(m certs.Material) *tls.Config {
		return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: m.CA, Certificates: m.Certificates, ServerName: t.ServerName}
	})
	if err != nil {
		return nil, err
	}
	return reread{TransportCredentials: credentials.NewTLS(source.Config()), source: source}, nil
}

// reread makes each handshake with the files as they then stand.
type reread struct {
	credentials.TransportCredentials
	source *certs.Source
}

// ClientHandshake implements credentials.TransportCredentials.
func (r reread) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return credentials.NewTLS(r.source.Config()).ClientHandshake(ctx, authority, raw)
}

// Clone implements credentials.TransportCredentials.
func (r reread) Clone() credentials.TransportCredentials {
	return reread{TransportCredentials: r.TransportCredentials.Clone(), source: r.source}
}
