// Package email reaches people by mail: over SMTP, or into a folder for development.
//
// It promises that the same parcel is the same mail every time, with the same Message-ID, so that what comes twice after a
// crash can be dropped; that mails about one thread or task stand together; and that nothing in a mail is loaded from elsewhere.
package email

import (
	"context"
	"fmt"
	"net/mail"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/meridianhq/meridian/pkg/secret"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// Config says how mail is sent.
type Config struct {
	// URL is, as package secret reads it, `smtp://user:password@host:port` (STARTTLS where it is offered), `smtps://`, `file:///folder`, or empty for none.
	URL string
	// From is the sender, such as `Meridian <meridian@example.org>`.
	From string
	// PublicURL begins the links in mails; empty for none.
	PublicURL string
}

// Email implements app.Channel and app.DigestWriter.
type Email struct {
	transport *secret.Parsed[transport]
	from      *mail.Address
	domain    string
	public    string
	templates *templates
}

// transport carries a mail out of the house; page is the mail's HTML.
type transport interface {
	send(ctx context.Context, id string, message *gomail.Msg, page string) error
}

// New makes the channel. It fails for a URL, a sender or an address of links that cannot be used; the error tells no password.
func New(cfg Config) (*Email, error) {
	e := &Email{public: strings.TrimRight(cfg.PublicURL, "/"), templates: parse()}
	var err error
	if e.transport, err = secret.Parse(cfg.URL, transportOf); err != nil {
		return nil, fmt.Errorf("mail-url: %w", err)
	}
	if cfg.From == "" {
		cfg.From = "Meridian <meridian@localhost>"
	}
	if e.from, err = mail.ParseAddress(cfg.From); err != nil {
		return nil, fmt.Errorf("mail-from: %q is no mail address", cfg.From)
	}
	_, e.domain, _ = strings.Cut(e.from.Address, "@")
	return e, nil
}

// Kind implements app.Channel.
func (e *Email) Kind() domain.Channel { return domain.Email }

// Unable implements app.Channel.
func (e *Email) Unable(to domain.Recipient) string {
	switch {
	case e.transport.Get() == nil:
		return "This installation sends no mail: it stands in the inbox."
	case to.Email == "":
		return "There is no mail address: it stands in the inbox."
	}
	return ""
}

// Leaves implements app.Channel.
func (e *Email) Leaves() bool { return true }

// Send implements app.Channel.
func (e *Email) Send(ctx context.Context, p app.Parcel) error {
	if e.transport.Get() == nil {
		return fmt.Errorf("%w: no mail is sent here", app.ErrRefused)
	}
	view := e.view(p)
	text, page, err := e.templates.write(view)
	if err != nil {
		return err
	}
	message := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("alternatives-"+p.ID))
	message.FromMailAddress(e.from)
	if err := message.AddToFormat(oneLine(p.To.Name), p.To.Email); err != nil {
		return fmt.Errorf("%w: the address cannot be written to", app.ErrRefused)
	}
	message.Subject(view.Subject)
	message.SetDateWithValue(domain.In(p.Local, p.Time))
	message.SetMessageIDWithValue(p.ID + "@" + e.domain)
	message.SetGenHeader(gomail.HeaderInReplyTo, "<"+about(p)+"@"+e.domain+">")
	message.SetGenHeader(gomail.HeaderReferences, "<"+about(p)+"@"+e.domain+">")
	message.SetGenHeader(gomail.HeaderListUnsubscribe, "<"+e.unsubscribe(p.To)+">")
	message.SetGenHeader("Auto-Submitted", "auto-generated")
	message.SetBodyString(gomail.TypeTextPlain, text)
	message.AddAlternativeString(gomail.TypeTextHTML, page)
	return e.transport.Get().send(ctx, p.ID, message, page)
}

// DigestText implements app.DigestWriter.
func (e *Email) DigestText(p app.Parcel) (string, error) {
	text, _, err := e.templates.write(e.view(p))
	return text, err
}

// about is the stable id of what mails stand together for: the thread or task, or a person's digests.
func about(p app.Parcel) string {
	if p.Digest != nil {
		return "digests-" + p.To.ID.String()
	}
	return "context-" + domain.LastID(p.Notification.Context)
}

// unsubscribe is where a recipient says how they want to be reached.
func (e *Email) unsubscribe(to domain.Recipient) string {
	if e.public == "" {
		return "mailto:" + e.from.Address + "?subject=unsubscribe"
	}
	return e.link(domain.PreferencesName(to.Preferences.Workspace, to.ID))
}

// link is where a resource is shown; empty where the installation has no address.
func (e *Email) link(name string) string {
	if e.public == "" || name == "" {
		return ""
	}
	return e.public + "/" + name
}

// oneLine takes line breaks and double blanks out of what goes into a header.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
