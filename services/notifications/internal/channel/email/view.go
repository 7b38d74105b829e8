package email

import (
	"bytes"
	"embed"
	htmltemplate "html/template"
	"strconv"
	"strings"
	texttemplate "text/template"

	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

//go:embed templates
var files embed.FS

// view is what a mail shows.
type view struct {
	// Digest says that it is one; else Items has one item.
	Digest  bool
	Subject string
	Name    string
	// Day is the recipient's, Zone the zone that all times are told in.
	Day, Zone string
	Waiting   []item
	Others    []item
	Followed  []space
	Omitted   int
	// Why is why the recipient gets it, Settings where they change how they are reached.
	Why, Settings string
}

// item is a notification as a mail shows it.
type item struct {
	Summary, Title, Excerpt, Due, Link, UrgentReason string
	Late                                             bool
}

// space is what happened in followed threads of one space.
type space struct {
	Name    string
	Threads []thread
}

type thread struct {
	Title, Unread, Link string
}

func (e *Email) view(p app.Parcel) view {
	v := view{
		Name: oneLine(p.To.Name), Zone: domain.Zone(p.Local), Day: domain.In(p.Local, p.Time).Format("Monday, 2 January 2006"),
		Settings: e.link(domain.PreferencesName(p.To.Preferences.Workspace, p.To.ID)),
	}
	if p.Digest == nil {
		n := p.Notification
		one := e.item(n, p)
		v.Others, v.Why = []item{one}, n.Reason.Words()
		v.Subject = oneLine(one.Summary + ": " + one.Title)
		if n.Urgency == domain.Urgent {
			v.Subject = "URGENT: " + v.Subject
		}
		return v
	}
	v.Digest, v.Omitted = true, p.Composition.Omitted
	v.Why = "You get one digest at the start of each working day on which there is something to tell."
	for _, n := range p.Composition.Waiting {
		v.Waiting = append(v.Waiting, e.item(n, p))
	}
	for _, n := range p.Composition.Others {
		v.Others = append(v.Others, e.item(n, p))
	}
	for _, s := range p.Composition.Followed {
		group := space{Name: oneLine(s.Space)}
		for _, a := range s.Activity {
			group.Threads = append(group.Threads, thread{
				Title: oneLine(a.Title), Unread: counted(a.Unread, "unread message"), Link: e.link(a.Thread),
			})
		}
		v.Followed = append(v.Followed, group)
	}
	v.Subject = subject(v)
	return v
}

func (e *Email) item(n domain.Notification, p app.Parcel) item {
	out := item{
		Summary: oneLine(n.Summary), Title: oneLine(n.Title), Excerpt: oneLine(n.Excerpt), Link: e.link(n.Context),
		UrgentReason: oneLine(n.UrgentReason),
	}
	if !n.DueTime.IsZero() && (n.Waiting || n.Reason.Waits()) {
		out.Due, out.Late = domain.DayAndTime(p.Local, n.DueTime), n.DueTime.Before(p.Time)
	}
	return out
}

// subject tells in a line what a digest holds.
func subject(v view) string {
	var parts []string
	if n := len(v.Waiting); n == 1 {
		parts = append(parts, "1 waits on you")
	} else if n > 1 {
		parts = append(parts, strconv.Itoa(n)+" wait on you")
	}
	if n := len(v.Others); n > 0 {
		parts = append(parts, counted(n, "other notification"))
	}
	threads := 0
	for _, s := range v.Followed {
		threads += len(s.Threads)
	}
	if threads > 0 {
		parts = append(parts, "news in "+counted(threads, "followed thread"))
	}
	return "Your day, " + v.Day + ": " + strings.Join(parts, ", ")
}

func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

// templates write mails.
type templates struct {
	text *texttemplate.Template
	page *htmltemplate.Template
}

// parse reads the embedded templates; one that does not parse is a mistake of the program.
func parse() *templates {
	shared := map[string]any{"rule": func(s string) string { return strings.Repeat("-", len([]rune(s))) }, "add": func(a, b int) int { return a + b }}
	return &templates{
		text: texttemplate.Must(texttemplate.New("mail.txt").Funcs(shared).ParseFS(files, "templates/mail.txt")),
		page: htmltemplate.Must(htmltemplate.New("mail.html").Funcs(shared).ParseFS(files, "templates/mail.html")),
	}
}

func (t *templates) write(v view) (text, page string, err error) {
	var plain, rich bytes.Buffer
	if err := t.text.Execute(&plain, v); err != nil {
		return "", "", err
	}
	if err := t.page.Execute(&rich, v); err != nil {
		return "", "", err
	}
	return plain.String(), rich.String(), nil
}
