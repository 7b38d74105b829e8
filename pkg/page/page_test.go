package page_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/example/library/v1"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
)

type cursor struct {
	Time time.Time `json:"t"`
	ID   uuid.UUID `json:"i"`
}

func TestSize(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		requested int32
		want      int
	}{{0, 50}, {1, 1}, {100, 100}, {101, 100}, {1 << 30, 100}} {
		got, err := page.Size(tt.requested, 50, 100)
		require.NoError(t, err)
		require.Equal(t, tt.want, got)
	}
	_, err := page.Size(-1, 50, 100)
	require.True(t, fault.Is(err, fault.Invalid))
	require.Equal(t, "page_size", fault.From(err).Fields[0].Path)
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	base := &library.ListBooksRequest{Parent: "shelves/1", PageSize: 10, PageToken: "x"}
	mark := page.Fingerprint(base)
	require.Equal(t, mark, page.Fingerprint(&library.ListBooksRequest{Parent: "shelves/1", PageSize: 99}))
	require.Equal(t, int32(10), base.GetPageSize(), "the request stays as it was")
	require.NotEqual(t, mark, page.Fingerprint(&library.ListBooksRequest{Parent: "shelves/2"}))
	require.NotEqual(t, page.Fingerprint(&library.ListShelvesRequest{}), page.Fingerprint(&library.ListBooksRequest{}),
		"the same arguments of another method are others")

	newer := &library.ListBooksRequest{Parent: "shelves/1"}
	newer.ProtoReflect().SetUnknown([]byte{0xf8, 0x07, 0x01})
	require.NotEqual(t, mark, page.Fingerprint(newer), "an argument that this version does not know counts")
}

func TestTokensComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := cursor{
			Time: time.UnixMicro(rapid.Int64Range(0, 4e15).Draw(t, "time")).UTC(),
			ID:   uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id")),
		}
		mark := page.Fingerprint(&library.ListBooksRequest{Parent: rapid.StringMatching(`[a-z/]*`).Draw(t, "parent")})
		token := page.Next(mark, &want)
		got, err := page.After[cursor](token, mark)
		require.NoError(t, err)
		require.Equal(t, want, *got)

		_, err = page.After[cursor](token, page.Fingerprint(&library.ListShelvesRequest{}))
		require.True(t, fault.HasReason(err, fault.ReasonPageTokenInvalid))
	})
}

func TestNoToken(t *testing.T) {
	t.Parallel()
	after, err := page.After[cursor]("", "p")
	require.NoError(t, err)
	require.Nil(t, after)
	require.Empty(t, page.Next[cursor]("p", nil))
	require.Panics(t, func() { page.Encode("p", func() {}) })
}

func TestBadTokens(t *testing.T) {
	t.Parallel()
	raw := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, token := range []string{
		"x", "!", raw("p"), raw("p."), raw("p.{"), raw("p.{}{}"), raw("p.{} x"), raw("p.[]"),
		raw(`p.{"t":1}`), raw(`p.{"other":1}`), raw(`q.{}`), raw(".{}"), raw("p.{}") + "=", raw("p.{}") + "\n",
		strings.Repeat("A", page.MaxToken+1),
	} {
		_, err := page.After[cursor](token, "p")
		require.True(t, fault.Is(err, fault.Invalid), token)
		require.True(t, fault.HasReason(err, fault.ReasonPageTokenInvalid), token)
		require.Equal(t, "page_token", fault.From(err).Fields[0].Path)
	}
	_, err := page.After[cursor](raw("p.{}"), "p")
	require.NoError(t, err)
}

func TestCut(t *testing.T) {
	t.Parallel()
	id := func(n int) int { return n * 10 }
	require.Equal(t, page.Result[int, int]{Items: []int{1, 2}}, page.Cut([]int{1, 2}, 2, id))
	require.Equal(t, page.Result[int, int]{}, page.Cut(nil, 2, id))
	twenty := 20
	require.Equal(t, page.Result[int, int]{Items: []int{1, 2}, Next: &twenty}, page.Cut([]int{1, 2, 3}, 2, id))
}

// FuzzDecode shows that no token breaks the reader, and that what is accepted is what Encode would make.
func FuzzDecode(f *testing.F) {
	f.Add(page.Encode("p", cursor{ID: uuid.Max}))
	f.Add("")
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`p.{"t":"2026-11-23T00:00:00Z"}`)))
	f.Fuzz(func(t *testing.T, token string) {
		var c cursor
		if err := page.Decode(token, "p", &c); err != nil {
			require.True(t, fault.HasReason(err, fault.ReasonPageTokenInvalid))
			return
		}
		var again cursor
		require.NoError(t, page.Decode(page.Encode("p", c), "p", &again))
		require.True(t, c.Time.Equal(again.Time))
		require.Equal(t, c.ID, again.ID)
	})
}
