package mailbox_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/internal/mailbox"
)

const from1 = "From a@b.c Tue Nov 17 15:28:37 2009\n"

// mail is a message with what every message needs, and more header lines and a body.
func mail(id, more, body string) string {
	return from1 + "From: A <a@b.c>\nDate: Tue, 17 Nov 2009 21:28:37 +0600\nMessage-ID: <" + id + ">\n" + more + "\n" + body + "\n\n"
}

func one(t *testing.T, text string) mailbox.Message {
	t.Helper()
	messages, broken := readAll(t, strings.NewReader(text), mailbox.Options{})
	require.Empty(t, broken)
	require.Len(t, messages, 1)
	return messages[0]
}

func TestFromLinesSeparateOnlyWhereTheyMay(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		text   string
		bodies []string
	}{
		"two messages":                 {mail("1@x", "", "one") + mail("2@x", "", "two"), []string{"one", "two"}},
		"line ends of DOS":             {strings.ReplaceAll(mail("1@x", "", "one")+mail("2@x", "", "two"), "\n", "\r\n"), []string{"one", "two"}},
		"byte order mark":              {"\ufeff" + mail("1@x", "", "one"), []string{"one"}},
		"no empty line before":         {mail("1@x", "", "one\n"+from1+"two"), []string{"one\n" + from1 + "two"}},
		"no date":                      {mail("1@x", "", "one\n\nFrom here on it rains"), []string{"one\n\nFrom here on it rains"}},
		"weekday without a date":       {mail("1@x", "", "one\n\nFrom now to Mon we rest"), []string{"one\n\nFrom now to Mon we rest"}},
		"mboxrd quoting":               {mail("1@x", "", "one\n\n>From "+"a@b.c Tue Nov 17 15:28:37 2009\n>>From two\n> From three"), []string{"one\n\nFrom a@b.c Tue Nov 17 15:28:37 2009\n>From two\n> From three"}},
		"git patch in the body":        {mail("1@x", "", "look\n\nFrom 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: x@y.z\n\npatch"), []string{"look\n\nFrom 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: x@y.z\n\npatch"}},
		"nothing":                      {"", nil},
		"nothing but empty lines":      {"\n\n\n", nil},
		"last line without its end":    {strings.TrimRight(mail("1@x", "", "one"), "\n"), []string{"one"}},
		"hidden sender":                {strings.Replace(mail("1@x", "", "one"), "From a@b.c ", "From a at b.c  ", 1), []string{"one"}},
		"dash for the sender":          {strings.Replace(mail("1@x", "", "one"), "From a@b.c ", "From - ", 1), []string{"one"}},
		"zone in the envelope":         {strings.Replace(mail("1@x", "", "one"), "15:28:37 2009", "15:28:37 PST 2009", 1), []string{"one"}},
		"offset before the year":       {strings.Replace(mail("1@x", "", "one"), "15:28:37 2009", "15:28:37 +0000 2009", 1), []string{"one"}},
		"remote from":                  {strings.Replace(mail("1@x", "", "one"), "2009\n", "2009 remote from host\n", 1), []string{"one"}},
		"header cut off by the end":    {from1 + "From: a@b.c\nDate: Tue, 17 Nov 2009 21:28:37 +0600", []string{""}},
		"rubbish line inside a header": {mail("1@x", "", "one")[:len(from1)] + "%%% rubbish\n" + mail("1@x", "", "one")[len(from1):], []string{"one"}},
		"no empty line after a header": {from1 + "From: a@b.c\nDate: Tue, 17 Nov 2009 21:28:37 +0600\nhello there\n\nyou", []string{"hello there\n\nyou"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			messages, broken := readAll(t, strings.NewReader(c.text), mailbox.Options{})
			require.Empty(t, broken)
			var bodies []string
			for _, m := range messages {
				bodies = append(bodies, m.Body)
			}
			require.Equal(t, c.bodies, bodies)
		})
	}
}

func TestFormatPatchFileIsAMailbox(t *testing.T) {
	t.Parallel()
	head := "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: a@b.c\nDate: Tue, 17 Nov 2009 21:28:37 +0600\nSubject: [PATCH]\n\n"
	messages, broken := readAll(t, strings.NewReader(head+"one\n\n"+head+"two\n"), mailbox.Options{})
	require.Empty(t, broken)
	require.Len(t, messages, 2)
	require.Equal(t, 2009, messages[0].Date.Year(), "git's fixed date says nothing about Date")
}

func TestBrokenMessagesAreSaidWithTheirPositionWhileTheRestGoesOn(t *testing.T) {
	t.Parallel()
	good := mail("1@x", "", "one")
	cases := map[string]struct{ text, reason string }{
		"no header":       {from1 + "\njust text\n\n", "no header"},
		"empty":           {from1 + "\n", "no header"},
		"rubbish":         {from1 + "\x00\x01\x02\n\n", "no header"},
		"no From":         {from1 + "To: x@y.z\n\nhello\n\n", "no From field"},
		"From is no mail": {from1 + "From: the committee\nDate: Tue, 17 Nov 2009 21:28:37 +0600\n\nhello\n\n", "no address in From: the committee"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			messages, broken := readAll(t, strings.NewReader(good+c.text+mail("2@x", "", "two")), mailbox.Options{})
			require.Len(t, messages, 2)
			require.Len(t, broken, 1)
			require.Equal(t, c.reason, broken[0].Reason)
			require.Equal(t, mailbox.Position{Index: 2, Offset: int64(len(good)), Length: int64(len(c.text))}, broken[0].Position)
			require.Equal(t, 3, messages[1].Position.Index)
			require.Contains(t, broken[0].Error(), "message 2 at byte ")
		})
	}
}

func TestTextBeforeTheFirstMessageIsSaid(t *testing.T) {
	t.Parallel()
	messages, broken := readAll(t, strings.NewReader("hello\n\n"+mail("1@x", "", "one")), mailbox.Options{})
	require.Len(t, messages, 1)
	require.Equal(t, 1, messages[0].Position.Index)
	require.Equal(t, int64(7), messages[0].Position.Offset)
	require.Len(t, broken, 1)

	messages, broken = readAll(t, strings.NewReader("%PDF-1.4\nnot mail at all"), mailbox.Options{})
	require.Empty(t, messages)
	require.Len(t, broken, 1)
	require.Contains(t, broken[0].Reason, "not an mbox file")
}

func TestHugeMessagesAreReadOnlyToTheLimit(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 300<<10) // longer than any buffer, and no line end in it
	messages, broken := readAll(t, strings.NewReader(mail("1@x", "", long)+mail("2@x", "", "two")), mailbox.Options{MaxMessage: 100 << 10})
	require.Empty(t, broken)
	require.Len(t, messages, 2)
	require.Len(t, messages[0].Body, mailbox.MaxBody)
	require.Len(t, messages[0].Notes, 2)
	require.Equal(t, mailbox.NoteCut, messages[0].Notes[0].Kind)
	require.Equal(t, "two", messages[1].Body)
}
