// Package certs reads what TLS is set to from files, which are replaced while a process runs.
//
// It promises that each connection is made with the files as they stand, so that a renewed certificate and a CA that is
// replaced are taken up without a restart; that files which cannot be used, gone or broken, leave those of before in force;
// and that the log says so, by the file's name, and never by what a file holds.
package certs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

// Files names PEM files. An empty name is none.
type Files struct {
	// Cert and Key are our own certificate chain and its key.
	Cert, Key string
	// CA is what the other side's certificate must be signed by.
	CA string
}

// Material is what files hold.
type Material struct {
	Certificates []tls.Certificate
	CA           *x509.CertPool
}

// Source is a configuration that follows its files. It may be used by many goroutines.
type Source struct {
	files   Files
	build   func(Material) *tls.Config
	log     *slog.Logger
	machine clock.Clock

	mu       sync.Mutex
	contents [3][]byte
	current  *tls.Config
	leaf     *x509.Certificate // nil without a certificate of our own
	told     string            // what the log was told last
}

// New reads the files and makes a configuration of what they hold. It fails, with the file's name, when one cannot be used.
func New(files Files, log *slog.Logger, machine clock.Clock, build func(Material) *tls.Config) (*Source, error) {
	s := &Source{files: files, build: build, log: log, machine: machine}
	if err := s.read(); err != nil {
		return nil, err
	}
	s.tell(s.timely())
	return s, nil
}

// Config is the configuration of the files as they stand; where they cannot be used, of those before. It stays the same one while
// the files do, so that sessions are resumed.
func (s *Source) Config() *tls.Config {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.read(); err != nil {
		s.tell(fmt.Errorf("those of before stay in force: %w", err))
	} else {
		s.tell(s.timely())
	}
	return s.current
}

// read takes the files up if they have changed.
func (s *Source) read() error {
	var contents [3][]byte
	for i, name := range []string{s.files.Cert, s.files.Key, s.files.CA} {
		if name == "" {
			continue
		}
		var err error
		if contents[i], err = os.ReadFile(name); err != nil { //nolint:gosec // the operator says which file
			return err
		}
	}
	if s.current != nil && bytes.Equal(contents[0], s.contents[0]) && bytes.Equal(contents[1], s.contents[1]) && bytes.Equal(contents[2], s.contents[2]) {
		return nil
	}
	var material Material
	var leaf *x509.Certificate
	if s.files.Cert != "" || s.files.Key != "" {
		pair, err := tls.X509KeyPair(contents[0], contents[1])
		if err != nil {
			return fmt.Errorf("%s with %s: %w", s.files.Cert, s.files.Key, err)
		}
		material.Certificates, leaf = []tls.Certificate{pair}, pair.Leaf
	}
	if s.files.CA != "" {
		if material.CA = x509.NewCertPool(); !material.CA.AppendCertsFromPEM(contents[2]) {
			return fmt.Errorf("%s: no certificate is in it", s.files.CA)
		}
	}
	s.contents, s.leaf, s.current = contents, leaf, s.build(material)
	return nil
}

// timely fails when our own certificate is not good at present: it is used all the same, and the other side refuses it.
func (s *Source) timely() error {
	if now := s.machine.Now(); s.leaf != nil && (now.Before(s.leaf.NotBefore) || now.After(s.leaf.NotAfter)) {
		return fmt.Errorf("%s: good from %s to %s only", s.files.Cert, s.leaf.NotBefore.Format(time.RFC3339), s.leaf.NotAfter.Format(time.RFC3339))
	}
	return nil
}

// tell tells the log once what is wrong, and once that it is over.
func (s *Source) tell(err error) {
	ctx, now := context.Background(), ""
	if err != nil {
		now = err.Error()
	}
	switch {
	case now == s.told:
	case err != nil:
		s.log.ErrorContext(ctx, "TLS: the files must be replaced", slog.Any("error", err))
	default:
		s.log.InfoContext(ctx, "TLS: the files are well again")
	}
	s.told = now
}
