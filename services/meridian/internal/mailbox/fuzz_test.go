package mailbox_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/internal/mailbox"
)

// FuzzReader holds the package's promises against any bytes.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"testdata/wild.mbox", "testdata/notmuch-list.mbox"} {
		seed, err := os.ReadFile(name)
		require.NoError(f, err)
		for part := range bytes.SplitSeq(seed[:min(len(seed), 24<<10)], []byte("\n\nFrom ")) {
			f.Add(append([]byte("From "), bytes.TrimPrefix(part, []byte("From "))...))
		}
	}
	f.Add([]byte(mail("1@x", "Content-Type: multipart/mixed; boundary=\"\"\n", "--\n----\n")))
	f.Add([]byte(mail("1@x", "Content-Type: text/html\n", "<blockquote><pre><a href=x>&#0;<!--")))
	f.Add([]byte(mail("1@x", "Content-Type: text/plain; format=flowed; delsp=yes; charset=utf-7\n", ">> \n>\n-- \n ")))
	f.Add([]byte(mail("1@x", "Content-Transfer-Encoding: base64\nSubject: =?utf-16?B?AA==?= =?utf-16?B?/w==?=\n", "====\nA\nAA=A=")))
	f.Add([]byte("From (at) <<\"\\(\n" + strings.Repeat("From a Tue Nov 17 15:28:37 2009\n\n", 3)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := mailbox.NewReader(bytes.NewReader(data), mailbox.Options{Now: now, MaxMessage: 64 << 10})
		end := int64(0)
		for {
			m, err := r.Next()
			var broken *mailbox.BrokenError
			if errors.Is(err, io.EOF) {
				return
			}
			position := m.Position
			if errors.As(err, &broken) {
				position = broken.Position
			} else {
				require.NoError(t, err)
				holds(t, m)
			}
			require.GreaterOrEqual(t, position.Offset, end)
			end = position.Offset + position.Length
			require.LessOrEqual(t, end, int64(len(data)))
		}
	})
}

func holds(t *testing.T, m mailbox.Message) {
	t.Helper()
	texts := append([]string{m.ID, m.From.Name, m.From.Email, m.Subject, m.Body, m.Parent()}, append(m.InReplyTo, m.References...)...)
	for _, part := range m.Dropped {
		texts = append(texts, part.Name, part.MediaType)
	}
	for _, note := range m.Notes {
		texts = append(texts, note.Detail)
	}
	for _, text := range texts {
		require.True(t, utf8.ValidString(text), "%q", text)
		require.NotContains(t, text, "\x00")
	}
	require.NotEmpty(t, m.ID)
	require.LessOrEqual(t, len(m.ID), mailbox.MaxID)
	require.LessOrEqual(t, len(m.Body), mailbox.MaxBody)
	require.Contains(t, m.From.Email, "@")
	require.False(t, m.Date.IsZero())
	require.NotEqual(t, m.ID, m.Parent())
}
