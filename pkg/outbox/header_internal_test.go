package outbox

import (
	"encoding/json"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/pgtest"
)

// What Postgres keeps of headers is read as what they were, whatever stands in them.
func TestHeadersAreReadAsTheyWereWritten(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t, "things", Set())
	text := rapid.StringOf(rapid.OneOf(
		rapid.RuneFrom([]rune(`"\{}:, /é€`)), rapid.Rune().Filter(func(r rune) bool { return r != 0 }),
	))
	rapid.Check(t, func(rt *rapid.T) {
		headers := rapid.MapOf(text, text).Draw(rt, "headers")
		var kept []byte
		require.NoError(rt, db.Owner.Pool().QueryRow(t.Context(), `SELECT $1::jsonb`, headersOf(Message{Headers: headers})).Scan(&kept))
		want := nats.Header{}
		for name, value := range headers {
			want[name] = []string{value}
		}
		require.Equal(rt, want, readHeader(kept))
	})
}

func TestWhatIsNoHeaders(t *testing.T) {
	t.Parallel()
	for _, text := range []string{``, `null`, `[]`, `"a"`, `{"a": 1}`, `{"a": {"b": "c"}}`, `{"a": "b"`, `{"a" "b"}`, `{"a": "b" "c": "d"}`, `{"a": "b", }`} {
		require.Nil(t, readHeader([]byte(text)), text)
	}
	for _, text := range []string{`{}`, `{"a":"b","c":"d"}`, `{ "a": "b" }`, `{"a": "b", "c": "d\n"}`} {
		var want map[string]string
		require.NoError(t, json.Unmarshal([]byte(text), &want))
		got := readHeader([]byte(text))
		require.Len(t, got, len(want))
		for name, value := range want {
			require.Equal(t, []string{value}, got[name])
		}
	}
}
