package email

import (
	"bytes"
	"flag"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	ws  = uuid.MustParse("0198c0de-0000-7000-8000-000000000001")
	ben = uuid.MustParse("0198c0de-0000-7000-8000-000000000002")
	at  = time.Date(2026, 12, 1, 15, 3, 0, 0, time.UTC)
)

func chicago(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("America/Chicago")
	require.NoError(t, err)
	return zone
}

func recipient() domain.Recipient {
	return domain.Recipient{ID: ben, Name: "Ben Okafor", Email: "ben@example.org", Active: true, Preferences: domain.DefaultPreferences(ws, ben)}
}

func notification() domain.Notification {
	return domain.Notification{
		Workspace: ws, Recipient: ben, ID: uuid.MustParse("0198c0de-0000-7000-8000-00000000000a"),
		Source:  domain.WorkspaceName(ws) + "/asks/0198c0de-0000-7000-8000-00000000000b",
		Context: domain.WorkspaceName(ws) + "/threads/0198c0de-0000-7000-8000-00000000000c", Reason: domain.Asked, Urgency: domain.High,
		Title: "Rollout of the new relay & <friends>", Summary: "Ana asks you for a review", Waiting: true,
		Excerpt: "Could you look over the rollout plan before we switch the replica? The second step is the one that I am not sure about, “quoted” & <b>not bold</b>.",
		DueTime: time.Date(2026, 12, 2, 23, 0, 0, 0, time.UTC),
	}
}

func letterOf(t *testing.T) app.Parcel {
	t.Helper()
	return app.Parcel{ID: "notification-1", To: recipient(), Local: chicago(t), Time: at, Notification: notification()}
}

func urgentLetter(t *testing.T) app.Parcel {
	t.Helper()
	p := letterOf(t)
	p.Notification.Urgency, p.Notification.UrgentReason, p.Notification.Reason = domain.Urgent, "The primary is down and nobody answers the pager.", domain.Mentioned
	p.Notification.Summary, p.Notification.DueTime, p.Notification.Waiting = "Ana mentioned you", time.Time{}, false
	return p
}

func digestOf(t *testing.T) app.Parcel {
	t.Helper()
	ask, late, baton, other := notification(), notification(), notification(), notification()
	late.Summary, late.Title, late.DueTime = "Overdue: Chitra asks you to acknowledge", "Holidays in December", at.Add(-16*time.Hour)
	late.Excerpt = "Please say that you have seen the list."
	baton.Source, baton.Context = domain.WorkspaceName(ws)+"/handoffs/1", domain.WorkspaceName(ws)+"/tasks/0198c0de-0000-7000-8000-00000000000d"
	baton.Reason, baton.Summary, baton.Title = domain.Offered, "Ana offers you the baton of OPS-17", "Move the database to the new region"
	baton.Excerpt = "Switch the replica over, then watch the lag for an hour; the dashboard is linked in the task."
	other.Reason, other.Summary, other.Waiting, other.DueTime = domain.Answered, "Dai answered what you asked", false, time.Time{}
	other.Title, other.Excerpt = "Where is the runbook?", "In the handbook, under “Nights”."
	d := domain.Digest{Workspace: ws, Recipient: ben, Date: "2026-12-01"}
	docs := uuid.New()
	return app.Parcel{
		ID: "digest-1", To: recipient(), Local: chicago(t), Time: at, Digest: &d,
		Composition: domain.Composition{
			Waiting: []domain.Notification{late, ask, baton}, Others: []domain.Notification{other},
			Followed: []domain.SpaceActivity{
				{Space: "Engineering", Activity: []domain.Activity{
					{Thread: domain.WorkspaceName(ws) + "/threads/1", Title: "Latency in Sydney", Unread: 12, Space: docs},
					{Thread: domain.WorkspaceName(ws) + "/threads/2", Title: "Naming the new service", Unread: 1, Space: docs},
				}},
				{Space: "Water cooler", Activity: []domain.Activity{{Thread: domain.WorkspaceName(ws) + "/threads/3", Title: "Photos", Unread: 4}}},
			},
			Omitted: 7,
		},
	}
}

func newEmail(t *testing.T, url, public string) *Email {
	t.Helper()
	e, err := New(Config{URL: url, From: "Meridian <meridian@example.org>", PublicURL: public})
	require.NoError(t, err)
	return e
}

// golden compares with a file of testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

func TestMailsReadWell(t *testing.T) {
	t.Parallel()
	e := newEmail(t, "", "https://meridian.example/")
	for name, p := range map[string]app.Parcel{"notification": letterOf(t), "urgent": urgentLetter(t), "digest": digestOf(t)} {
		text, page, err := e.templates.write(e.view(p))
		require.NoError(t, err)
		golden(t, name+".txt", text)
		golden(t, name+".html", page)
		require.NotContains(t, page, "<script")
		require.NotContains(t, page, "src=", "nothing is loaded from elsewhere")
		require.NotContains(t, page, "<b>not bold</b>", "what people write is text")
	}
	text, err := e.DigestText(digestOf(t))
	require.NoError(t, err)
	golden(t, "digest.txt", text)
	require.Equal(t, "Your day, Tuesday, 1 December 2026: 3 wait on you, 1 other notification, news in 3 followed threads", e.view(digestOf(t)).Subject)

	plain, page, err := newEmail(t, "", "").templates.write(newEmail(t, "", "").view(digestOf(t)))
	require.NoError(t, err)
	require.NotContains(t, plain, "http", "an installation without an address has no links")
	require.NotContains(t, page, "href")
}

// server is an SMTP server that keeps what it takes, unless it is told what to answer.
type server struct {
	mu     sync.Mutex
	taken  [][]byte
	answer error
}

func (s *server) start(t *testing.T) string {
	t.Helper()
	backend := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return session{s}, nil }))
	backend.Domain = "mx.example.org"
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go func() { _ = backend.Serve(listener) }()
	t.Cleanup(func() { _ = backend.Close() })
	return "smtp://" + listener.Addr().String()
}

type session struct{ s *server }

func (session) Reset()                               {}
func (session) Logout() error                        { return nil }
func (session) Mail(string, *smtp.MailOptions) error { return nil }
func (c session) Rcpt(string, *smtp.RcptOptions) error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	return c.s.answer
}

func (c session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.taken = append(c.s.taken, data)
	return err
}

// Over SMTP, with the headers that keep mails together and let a receiver drop what comes twice.
func TestOverSMTP(t *testing.T) {
	t.Parallel()
	s := &server{}
	e := newEmail(t, s.start(t), "https://meridian.example")
	require.True(t, e.Leaves())
	require.NoError(t, e.Send(t.Context(), letterOf(t)))
	require.NoError(t, e.Send(t.Context(), letterOf(t)))
	require.NoError(t, e.Send(t.Context(), digestOf(t)))
	require.Len(t, s.taken, 3)
	require.Equal(t, s.taken[0], s.taken[1], "the same parcel is the same mail")
	m, err := mail.ReadMessage(bytes.NewReader(s.taken[0]))
	require.NoError(t, err)
	require.Equal(t, "<notification-1@example.org>", m.Header.Get("Message-Id"))
	require.Equal(t, "<context-0198c0de-0000-7000-8000-00000000000c@example.org>", m.Header.Get("References"))
	require.Equal(t, "<context-0198c0de-0000-7000-8000-00000000000c@example.org>", m.Header.Get("In-Reply-To"))
	require.Equal(t, "<https://meridian.example/"+domain.PreferencesName(ws, ben)+">", m.Header.Get("List-Unsubscribe"))
	require.Equal(t, "auto-generated", m.Header.Get("Auto-Submitted"))
	require.Equal(t, `"Ben Okafor" <ben@example.org>`, m.Header.Get("To"))
	require.Equal(t, "Tue, 01 Dec 2026 09:03:00 -0600", m.Header.Get("Date"))
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	require.NoError(t, err)
	require.Equal(t, "multipart/alternative", kind)
	parts := multipart.NewReader(m.Body, params["boundary"])
	for _, kind := range []string{"text/plain; charset=UTF-8", "text/html; charset=UTF-8"} {
		part, err := parts.NextPart()
		require.NoError(t, err)
		require.Equal(t, kind, part.Header.Get("Content-Type"), "the last alternative is the best")
	}
	m, err = mail.ReadMessage(bytes.NewReader(s.taken[2]))
	require.NoError(t, err)
	require.Equal(t, "<digests-"+ben.String()+"@example.org>", m.Header.Get("References"))
}

// A refusal for good is told from one for now, and from a server that is not there.
func TestRefusals(t *testing.T) {
	t.Parallel()
	s := &server{}
	e := newEmail(t, s.start(t), "")
	s.answer = &smtp.SMTPError{Code: 550, Message: "no such user"}
	err := e.Send(t.Context(), letterOf(t))
	require.ErrorIs(t, err, app.ErrRefused)
	require.ErrorContains(t, err, "no such user")
	s.answer = &smtp.SMTPError{Code: 450, Message: "come back"}
	err = e.Send(t.Context(), letterOf(t))
	require.Error(t, err)
	require.NotErrorIs(t, err, app.ErrRefused)
	broken := letterOf(t)
	broken.To.Email = "not an address"
	require.ErrorIs(t, e.Send(t.Context(), broken), app.ErrRefused)

	away := newEmail(t, "smtp://127.0.0.1:1", "")
	err = away.Send(t.Context(), letterOf(t))
	require.Error(t, err)
	require.NotErrorIs(t, err, app.ErrRefused)
	require.ErrorIs(t, newEmail(t, "", "").Send(t.Context(), letterOf(t)), app.ErrRefused)
}

// Into a folder: each mail as it would be sent, and its page beside it; one that comes again replaces itself.
func TestIntoAFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "mail", "out")
	e := newEmail(t, "file://"+folder, "")
	for range 2 {
		require.NoError(t, e.Send(t.Context(), letterOf(t)))
	}
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Len(t, files, 2)
	eml, err := os.ReadFile(filepath.Join(folder, "notification-1.eml"))
	require.NoError(t, err)
	require.Contains(t, string(eml), "Message-ID: <notification-1@example.org>")
	require.Contains(t, string(eml), "List-Unsubscribe: <mailto:meridian@example.org?subject=unsubscribe>")
	page, err := os.ReadFile(filepath.Join(folder, "notification-1.html"))
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(page), "<!DOCTYPE html>"))

	blocked := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(blocked, nil, 0o600))
	err = newEmail(t, "file://"+blocked, "").Send(t.Context(), letterOf(t))
	require.Error(t, err)
	require.NotErrorIs(t, err, app.ErrRefused, "a folder may be mended")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"http://x": "must begin with", "smtp://": "needs a host", "file://": "needs a folder", "smtp://h:secret@\x7f": "is no URL",
		"smtp://user:secret@host:port": "is no URL",
	} {
		_, err := New(Config{URL: url})
		require.ErrorContains(t, err, want, url)
		require.NotContains(t, err.Error(), "secret", "no password stands in an error")
	}
	_, err := New(Config{From: "nobody"})
	require.ErrorContains(t, err, "mail-from")
	for _, url := range []string{"smtp://host", "smtps://user:secret@host", "smtp://user:secret@host:2525", ""} {
		_, err := New(Config{URL: url})
		require.NoError(t, err, url)
	}
	none := newEmail(t, "", "")
	require.Contains(t, none.Unable(recipient()), "sends no mail")
	some := newEmail(t, "smtp://host", "")
	require.Empty(t, some.Unable(recipient()))
	require.Contains(t, some.Unable(domain.Recipient{}), "no mail address")
}

// Nothing that people write gets into a header of its own.
func TestHeadersCannotBeForged(t *testing.T) {
	t.Parallel()
	s := &server{}
	e := newEmail(t, s.start(t), "")
	p := letterOf(t)
	p.Notification.Summary = "Hello\r\nBcc: eve@example.org"
	p.Notification.Title = "x\nX-Evil: 1"
	p.To.Name = "Ben\r\nBcc: eve@example.org"
	require.NoError(t, e.Send(t.Context(), p))
	m, err := mail.ReadMessage(bytes.NewReader(s.taken[0]))
	require.NoError(t, err)
	require.Empty(t, m.Header.Get("Bcc"))
	require.Empty(t, m.Header.Get("X-Evil"))
}
