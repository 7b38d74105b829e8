package rpcclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// TLS names PEM files. They are read again for every connection that is made, so that a renewed certificate and a CA that
// is replaced are taken up without a restart; connections that stand go on. The zero value is no TLS.
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
	_, err := t.credentials()
	return err
}

func (t TLS) credentials() (credentials.TransportCredentials, error) {
	if t.CAFile == "" {
		if t.CertFile != "" || t.KeyFile != "" {
			return nil, errors.New("a client certificate needs the CA of the server beside it")
		}
		return insecure.NewCredentials(), nil
	}
	first, err := t.read()
	if err != nil {
		return nil, err
	}
	return reread{TransportCredentials: credentials.NewTLS(first), files: t}, nil
}

// read is the configuration with the files as they stand.
func (t TLS) read() (*tls.Config, error) {
	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("the CA of the server: %w", err)
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool(), ServerName: t.ServerName}
	if !cfg.RootCAs.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("the CA of the server: no certificate in %s", t.CAFile)
	}
	if t.CertFile == "" && t.KeyFile == "" {
		return cfg, nil
	}
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("the client's certificate: %w", err)
	}
	cfg.Certificates = []tls.Certificate{pair}
	return cfg, nil
}

// reread makes each handshake with the files as they then stand. While they cannot be used no connection is made, and gRPC
// tries again.
type reread struct {
	credentials.TransportCredentials
	files TLS
}

// ClientHandshake implements credentials.TransportCredentials.
func (r reread) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	cfg, err := r.files.read()
	if err != nil {
		return nil, nil, errors.Join(err, raw.Close())
	}
	return credentials.NewTLS(cfg).ClientHandshake(ctx, authority, raw)
}

// Clone implements credentials.TransportCredentials.
func (r reread) Clone() credentials.TransportCredentials {
	return reread{TransportCredentials: r.TransportCredentials.Clone(), files: r.files}
}
