package email

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// smtpPatience is how long each step of a conversation with an SMTP server may take.
const smtpPatience = 10 * time.Second

// transportOf reads where mail goes; nil where none is sent. Its errors do not quote the URL, which may hold a password.
func transportOf(address string) (transport, error) {
	if address == "" {
		return nil, nil //nolint:nilnil // no transport is the answer, and no failure
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("is no URL")
	}
	switch u.Scheme {
	case "file":
		if u.Path == "" {
			return nil, errors.New("file:// needs a folder, such as file:///var/mail/meridian")
		}
		return folder(u.Path), nil
	case "smtp", "smtps":
		return newSMTP(u)
	}
	return nil, errors.New("must begin with smtp://, smtps:// or file://")
}

// smtpServer sends over SMTP, one connection a mail.
type smtpServer struct {
	host    string
	options []gomail.Option
}

func newSMTP(u *url.URL) (*smtpServer, error) {
	if u.Hostname() == "" {
		return nil, errors.New("needs a host")
	}
	port := 587
	if u.Scheme == "smtps" {
		port = 465
	}
	if text := u.Port(); text != "" {
		var err error
		if port, err = strconv.Atoi(text); err != nil {
			return nil, errors.New("has no number for a port")
		}
	}
	s := &smtpServer{host: u.Hostname(), options: []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(smtpPatience), gomail.WithTLSPolicy(gomail.TLSOpportunistic),
	}}
	if u.Scheme == "smtps" {
		s.options = append(s.options, gomail.WithSSL())
	}
	if password, given := u.User.Password(); given {
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(u.User.Username()),
			gomail.WithPassword(password))
	}
	if _, err := gomail.NewClient(s.host, s.options...); err != nil {
		return nil, errors.New("cannot be used")
	}
	return s, nil
}

// send implements transport. A server that took the mail has it, whatever becomes of the connection then.
func (s *smtpServer) send(ctx context.Context, _ string, message *gomail.Msg, _ string) error {
	client, err := gomail.NewClient(s.host, s.options...)
	if err != nil {
		return fmt.Errorf("make an SMTP client: %w", err)
	}
	connection, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	err = client.SendWithSMTPClient(connection, message)
	_ = client.CloseWithSMTPClient(connection)
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*gomail.SendError](err); ok && forGood(refusal) {
		return fmt.Errorf("%w: %s", app.ErrRefused, refusal.Error())
	}
	return fmt.Errorf("send a mail: %w", err)
}

// forGood says whether the server will never take the mail: it answered with a code of 500 or more about the sender, the
// recipient or the text, or the addresses cannot be written to at all.
func forGood(refusal *gomail.SendError) bool {
	switch refusal.Reason {
	case gomail.ErrGetSender, gomail.ErrGetRcpts, gomail.ErrNoUnencoded:
		return true
	case gomail.ErrSMTPMailFrom, gomail.ErrSMTPRcptTo, gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		return refusal.ErrorCode() >= 500
	case gomail.ErrSMTPReset, gomail.ErrWriteContent, gomail.ErrConnCheck, gomail.ErrAmbiguous:
	}
	return false
}

// folder writes mails into files: each as it would be sent, and its HTML beside it.
type folder string

// send implements transport. A mail that comes again replaces itself.
func (f folder) send(_ context.Context, id string, message *gomail.Msg, page string) error {
	const forOwner = 0o700
	if err := os.MkdirAll(string(f), forOwner); err != nil {
		return fmt.Errorf("make the mail folder: %w", err)
	}
	if err := f.write(id+".html", func(file *os.File) error { _, err := file.WriteString(page); return err }); err != nil {
		return err
	}
	return f.write(id+".eml", func(file *os.File) error { _, err := message.WriteTo(file); return err })
}

// write makes a whole file or none.
func (f folder) write(name string, fill func(file *os.File) error) error {
	file, err := os.CreateTemp(string(f), ".mail-*")
	if err != nil {
		return fmt.Errorf("write a mail: %w", err)
	}
	err = errors.Join(fill(file), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), filepath.Join(string(f), name))
	}
	if err != nil {
		_ = os.Remove(file.Name())
		return fmt.Errorf("write a mail: %w", err)
	}
	return nil
}
