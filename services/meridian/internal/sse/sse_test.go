package sse_test

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/meridian/internal/sse"
)

func TestMessagesComeOutAsTheyWereSent(t *testing.T) {
	t.Parallel()
	r := sse.NewReader(iotest.OneByteReader(strings.NewReader(": hello\n\n\nid: 1\nevent: a.b\ndata: {\"x\":1}\n\n" +
		"id:2\r\ndata: one\r\ndata:two\r\nretry: 9\r\n\r\nevent: heartbeat\n\ndata: cut off")))
	var got []sse.Message
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		got = append(got, m)
	}
	require.Equal(t, []sse.Message{{ID: "1", Event: "a.b", Data: `{"x":1}`}, {ID: "2", Data: "one\ntwo"}, {Event: "heartbeat"}}, got)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	_, err := sse.NewReader(strings.NewReader("data: " + strings.Repeat("x", sse.MaxMessage) + "\n\n")).Next()
	require.ErrorIs(t, err, sse.ErrTooLong)
	_, err = sse.NewReader(strings.NewReader(strings.Repeat("data: "+strings.Repeat("x", sse.MaxMessage/2)+"\n", 3))).Next()
	require.ErrorIs(t, err, sse.ErrTooLong)
	_, err = sse.NewReader(iotest.ErrReader(errors.New("gone"))).Next()
	require.EqualError(t, err, "gone")
}
