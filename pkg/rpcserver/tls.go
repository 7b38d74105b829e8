package rpcserver

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"time"

	"golang.org/x/time/rate"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/meridianhq/meridian/pkg/certs"
	"github.com/meridianhq/meridian/pkg/clock"
)

const (
	// refusalPause is the time between two lines on callers who are refused.
	refusalPause = 10 * time.Second
	// handshakeRecord is the first byte of a connection with TLS (RFC 8446 5.1), which no preface of HTTP/2 begins with.
	handshakeRecord = 22
)

// TLS names the files of the server's certificate, PEM. They are read again for every connection, so that a renewed
// certificate and a CA that is replaced are taken up without a restart; where they cannot be used, those of before stay in force.
type TLS struct {
	// CertFile and KeyFile are the server's certificate chain and key. Empty: no TLS.
	CertFile, KeyFile string
	// ClientCAFile, when set, is what client certificates must be signed by: mutual TLS.
	ClientCAFile string
	// ClearText lets callers in without TLS too, on the same port: while it is turned on, or off, everywhere. It is gRPC's alone.
	ClearText bool
}

// credentials returns what the server takes connections with.
func (s *Server) credentials() (credentials.TransportCredentials, error) {
	cfg, err := s.cfg.TLS.Server(s.deps.Log, s.deps.Machine, "h2")
	switch {
	case err != nil:
		return nil, err
	case cfg == nil:
		return insecure.NewCredentials(), nil
	case s.cfg.TLS.ClientCAFile == "":
		return credentials.NewTLS(cfg), nil // anybody calls, and anybody's mistakes would fill the log
	default:
		creds := credentials.NewTLS(cfg)
		if s.cfg.TLS.ClearText {
			creds = either{creds}
		}
		return &heard{TransportCredentials: creds, log: s.deps.Log, often: &rate.Sometimes{Interval: refusalPause}}, nil
	}
}

// Server returns the configuration of a server of the protocols, in the words of ALPN; nil without TLS. It fails, naming the
// file, when one cannot be used. What is wrong later goes to the log.
func (t TLS) Server(log *slog.Logger, machine clock.Clock, protocols ...string) (*tls.Config, error) {
	if t.CertFile == "" && t.KeyFile == "" {
		if t.ClientCAFile != "" {
			return nil, errors.New("client certificates can be checked only by a server with TLS")
		}
		return nil, nil
	}
	files := certs.Files{Cert: t.CertFile, Key: t.KeyFile, CA: t.ClientCAFile}
	source, err := certs.New(files, log, machine, func(m certs.Material) *tls.Config {
		cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: m.Certificates, NextProtos: protocols}
		if m.CA != nil {
			cfg.ClientAuth, cfg.ClientCAs = tls.RequireAndVerifyClientCert, m.CA
		}
		return cfg
	})
	if err != nil {
		return nil, fmt.Errorf("the server's TLS: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: protocols,
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return source.Config(), nil },
	}, nil
}

// either takes callers with TLS and without: the first byte tells which.
type either struct {
	credentials.TransportCredentials
}

// ServerHandshake implements credentials.TransportCredentials.
func (e either) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	begun := &begunConn{Conn: raw, rest: bufio.NewReader(raw)}
	first, err := begun.rest.Peek(1)
	switch {
	case err != nil:
		return nil, nil, err
	case first[0] == handshakeRecord:
		return e.TransportCredentials.ServerHandshake(begun)
	default:
		return insecure.NewCredentials().ServerHandshake(begun)
	}
}

// Clone implements credentials.TransportCredentials.
func (e either) Clone() credentials.TransportCredentials {
	return either{e.TransportCredentials.Clone()}
}

// begunConn is a connection of which something was read ahead.
type begunConn struct {
	net.Conn
	rest *bufio.Reader
}

// Read implements net.Conn.
func (c *begunConn) Read(p []byte) (int, error) { return c.rest.Read(p) }

// heard tells the log which callers are refused, and why, now and then: they are services, which try again and again.
type heard struct {
	credentials.TransportCredentials
	log   *slog.Logger
	often *rate.Sometimes
}

// ServerHandshake implements credentials.TransportCredentials.
func (h *heard) ServerHandshake(raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ServerHandshake(raw)
	if err != nil && !errors.Is(err, io.EOF) { // which only looked whether somebody listens
		h.often.Do(func() {
			h.log.Warn("TLS: a caller is refused", slog.String("from", raw.RemoteAddr().String()), slog.Any("error", err))
		})
	}
	return conn, info, err
}

// Clone implements credentials.TransportCredentials.
func (h *heard) Clone() credentials.TransportCredentials {
	return &heard{TransportCredentials: h.TransportCredentials.Clone(), log: h.log, often: h.often}
}
