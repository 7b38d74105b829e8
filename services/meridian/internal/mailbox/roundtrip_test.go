package mailbox_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// sent is a message as a mailer would have it before it writes it down.
type sent struct {
	subject, name, body string
	date                time.Time
}

func drawSent(t *rapid.T) sent {
	word := rapid.StringMatching(`[a-zA-Zéüß日本Привет.?!'-]{1,12}`)
	line := rapid.OneOf(rapid.StringMatching(`[ -~éß日]{0,90}`), rapid.Just("From the start"), rapid.Just(">From here"), rapid.Just(">>From there"),
		rapid.Just("From a@b.c Tue Nov 17 15:28:37 2009"), rapid.Just(""), rapid.Just("--boundary--"), rapid.Just("."))
	offset := rapid.IntRange(-48, 56).Draw(t, "offset") * 15 * 60
	return sent{
		subject: strings.Join(rapid.SliceOfN(word, 1, 12).Draw(t, "subject"), " "),
		name:    strings.Join(rapid.SliceOfN(rapid.StringMatching(`[A-Zé][a-zü]{1,9}`), 1, 3).Draw(t, "name"), " "),
		body:    strings.Join(rapid.SliceOfN(line, 0, 20).Draw(t, "body"), "\n"),
		date:    time.Unix(rapid.Int64Range(400_000_000, 1_700_000_000).Draw(t, "date"), 0).In(time.FixedZone("", offset)),
	}
}

var fromLine = regexp.MustCompile(`(?m)^(>*From )`)

// write writes the message as mbox files hold it, in one of the ways that keep all of it.
func (s sent) write(t *rapid.T, id int) string {
	header := fmt.Sprintf("From: %s <a%d@b.c>\nDate: %s\nMessage-ID: <%d@x>\n", mime.QEncoding.Encode("utf-8", s.name), id, s.date.Format(time.RFC1123Z), id)
	encode := rapid.SampledFrom([]mime.WordEncoder{mime.QEncoding, mime.BEncoding}).Draw(t, "words")
	header += "Subject: " + strings.ReplaceAll(encode.Encode("utf-8", s.subject), "?= =?", "?=\n =?") + "\n"
	var body bytes.Buffer
	switch rapid.SampledFrom([]string{"8bit", "quoted-printable", "base64"}).Draw(t, "encoding") {
	case "quoted-printable":
		header += "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable\n"
		w := quotedprintable.NewWriter(&body)
		_, _ = w.Write([]byte(s.body))
		_ = w.Close()
	case "base64":
		header += "Content-Type: text/plain; charset=\"UTF-8\"\nContent-Transfer-Encoding: BASE64\n"
		text := base64.StdEncoding.EncodeToString([]byte(s.body))
		for len(text) > 76 {
			body.WriteString(text[:76] + "\n")
			text = text[76:]
		}
		body.WriteString(text)
	default:
		header += "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n"
		body.WriteString(s.body)
	}
	quoted := fromLine.ReplaceAllString(strings.ReplaceAll(body.String(), "\r\n", "\n"), ">$1")
	message := "From a@b.c " + s.date.UTC().Format(time.ANSIC) + "\n" + header + "\n" + quoted + "\n\n"
	if rapid.Bool().Draw(t, "DOS") {
		message = strings.ReplaceAll(message, "\n", "\r\n")
	}
	return message
}

// trimmed is what a body keeps of a text: not the empty lines around it.
func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for len(lines) > 0 && strings.TrimSpace(lines[0]) == "" {
		lines = lines[1:]
	}
	return strings.TrimRight(strings.Join(lines, "\n"), " \n")
}

func TestWhatMailersWriteIsRead(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		all := make([]sent, rapid.IntRange(1, 4).Draw(rt, "count"))
		var file strings.Builder
		for i := range all {
			all[i] = drawSent(rt)
			file.WriteString(all[i].write(rt, i))
		}
		messages, broken := readAll(t, strings.NewReader(file.String()), mailboxOptions())
		require.Empty(rt, broken)
		require.Len(rt, messages, len(all))
		for i, m := range messages {
			require.Empty(rt, m.Notes)
			require.Equal(rt, fmt.Sprintf("%d@x", i), m.ID)
			require.Equal(rt, all[i].subject, m.Subject)
			require.Equal(rt, all[i].name, m.From.Name)
			require.Equal(rt, trimmed(all[i].body), trimmed(m.Body))
			require.Equal(rt, all[i].date.Format(time.RFC3339), m.Date.Format(time.RFC3339))
		}
	})
}
