package e2e

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// letter is a mail that came.
type letter struct {
	to               []string
	header           netmail.Header
	text, html, body string
}

// mailbox is an SMTP server of the test's own.
type mailbox struct {
	mu      sync.Mutex
	letters []letter
	addr    string
}

// newMailbox serves on a free port of the loopback.
func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	m := &mailbox{}
	server := smtp.NewServer(m)
	server.Domain, server.AllowInsecureAuth = "localhost", true
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	m.addr = listener.Addr().String()
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return m
}

// NewSession implements smtp.Backend.
func (m *mailbox) NewSession(*smtp.Conn) (smtp.Session, error) { return &delivering{box: m}, nil }

type delivering struct {
	box *mailbox
	to  []string
}

func (d *delivering) Reset()                               { d.to = nil }
func (d *delivering) Logout() error                        { return nil }
func (d *delivering) Mail(string, *smtp.MailOptions) error { return nil }
func (d *delivering) Rcpt(to string, _ *smtp.RcptOptions) error {
	d.to = append(d.to, to)
	return nil
}

func (d *delivering) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	parsed, err := netmail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return err
	}
	one := letter{to: d.to, header: parsed.Header, body: string(raw)}
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err == nil && strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(parsed.Body, params["boundary"])
		for part, err := parts.NextRawPart(); err == nil; part, err = parts.NextRawPart() {
			var content io.Reader = part
			if strings.EqualFold(part.Header.Get("Content-Transfer-Encoding"), "quoted-printable") {
				content = quotedprintable.NewReader(part)
			}
			text, _ := io.ReadAll(content)
			if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
				one.html = string(text)
			} else {
				one.text = string(text)
			}
		}
	}
	d.box.mu.Lock()
	defer d.box.mu.Unlock()
	d.box.letters = append(d.box.letters, one)
	return nil
}

// to are the letters to an address.
func (m *mailbox) to(address string) []letter {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []letter
	for _, l := range m.letters {
		if len(l.to) == 1 && l.to[0] == address {
			found = append(found, l)
		}
	}
	return found
}
