package notifications

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"
)

// letter is a mail that arrived.
type letter struct {
	to, subject, id, references, unsubscribe string
	text, html                               string
}

// postOffice is an SMTP server of the test's own.
type postOffice struct {
	t    *testing.T
	url  string
	mu   sync.Mutex
	all  []letter
	fail []error // answers to the next mails instead of taking them
	// taken is called for each mail after it was taken.
	taken func()
}

func newPostOffice(t *testing.T) *postOffice {
	t.Helper()
	p := &postOffice{t: t}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &counter{office: p}, nil }))
	server.Domain = "meridian.test"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	p.url = "smtp://" + listener.Addr().String()
	return p
}

// letters are those that arrived, in their order.
func (p *postOffice) letters() []letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]letter(nil), p.all...)
}

func (p *postOffice) refuse(answers ...error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = answers
}

// counter is one conversation.
type counter struct {
	office *postOffice
	to     string
}

func (c *counter) Reset()                               {}
func (c *counter) Logout() error                        { return nil }
func (c *counter) Mail(string, *smtp.MailOptions) error { return nil }

func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	c.office.mu.Lock()
	defer c.office.mu.Unlock()
	c.to = to
	if len(c.office.fail) > 0 {
		answer := c.office.fail[0]
		c.office.fail = c.office.fail[1:]
		return answer
	}
	return nil
}

func (c *counter) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	l, err := open(data)
	if err != nil {
		return err
	}
	l.to = c.to
	c.office.mu.Lock()
	c.office.all = append(c.office.all, l)
	taken := c.office.taken
	c.office.mu.Unlock()
	if taken != nil {
		taken()
	}
	return nil
}

// open reads a mail with its two alternatives.
func open(data []byte) (letter, error) {
	m, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		return letter{}, err
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil {
		return letter{}, err
	}
	l := letter{
		subject: subject, id: m.Header.Get("Message-Id"), references: m.Header.Get("References"),
		unsubscribe: m.Header.Get("List-Unsubscribe"),
	}
	_, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil {
		return letter{}, err
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return l, nil
		}
		if err != nil {
			return letter{}, err
		}
		body, err := io.ReadAll(quotedprintable.NewReader(part))
		if err != nil {
			return letter{}, err
		}
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		if strings.HasPrefix(part.Header.Get("Content-Type"), "text/html") {
			l.html = text
		} else {
			l.text = text
		}
	}
}
