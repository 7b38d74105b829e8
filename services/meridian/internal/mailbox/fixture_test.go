package mailbox_test

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/internal/mailbox"
)

var now = time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC)

// readAll reads every message and everything broken.
func readAll(t *testing.T, in io.Reader, options mailbox.Options) (messages []mailbox.Message, broken []*mailbox.BrokenError) {
	t.Helper()
	if options.Now.IsZero() {
		options.Now = now
	}
	r := mailbox.NewReader(in, options)
	for {
		m, err := r.Next()
		var b *mailbox.BrokenError
		switch {
		case errors.Is(err, io.EOF):
			return messages, broken
		case errors.As(err, &b):
			broken = append(broken, b)
		default:
			require.NoError(t, err)
			messages = append(messages, m)
		}
	}
}

func readFixture(t *testing.T) []mailbox.Message {
	t.Helper()
	file, err := os.Open("testdata/notmuch-list.mbox")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	messages, broken := readAll(t, file, mailbox.Options{})
	require.Empty(t, broken)
	return messages
}

func TestArchiveHasTheCountsItIsKnownToHave(t *testing.T) {
	t.Parallel()
	messages := readFixture(t)
	require.Len(t, messages, 53)

	byID, senders, roots := map[string]mailbox.Message{}, map[string]map[string]bool{}, 0
	for _, m := range messages {
		byID[m.ID] = m
	}
	for _, m := range byID {
		if _, known := byID[m.Parent()]; !known {
			roots++
		}
		if senders[m.From.Email] == nil {
			senders[m.From.Email] = map[string]bool{}
		}
		senders[m.From.Email][m.From.Name] = true
	}
	require.Len(t, byID, 52)
	require.Len(t, senders, 16)
	require.Equal(t, 24, roots)
	require.Equal(t, map[string]bool{"Alex Botero-Lowry": true, "Alexander Botero-Lowry": true}, senders["alex.boterolowry@gmail.com"])
	require.Equal(t, map[string]bool{"François Boulogne": true}, senders["boulogne.f@gmail.com"])
}

func TestArchivePositionsLeadBackToTheirMessages(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/notmuch-list.mbox")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	for i, m := range readFixture(t) {
		require.Equal(t, i+1, m.Position.Index)
		again, broken := readAll(t, io.NewSectionReader(file, m.Position.Offset, m.Position.Length), mailbox.Options{})
		require.Empty(t, broken)
		require.Len(t, again, 1)
		require.Equal(t, m.ID, again[0].ID)
		require.Equal(t, m.Body, again[0].Body)
		require.True(t, m.Date.Equal(again[0].Date))
	}
}

func mailboxOptions() mailbox.Options { return mailbox.Options{Now: now} }
