package rpc

import (
	"math"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// A filter on sequences lets through exactly what its conditions say, one by one.
func TestBounds(t *testing.T) {
	t.Parallel()
	holds := map[string]func(sequence, value int64) bool{
		"=":  func(s, v int64) bool { return s == v },
		"<":  func(s, v int64) bool { return s < v },
		"<=": func(s, v int64) bool { return s <= v },
		">":  func(s, v int64) bool { return s > v },
		">=": func(s, v int64) bool { return s >= v },
	}
	rapid.Check(t, func(t *rapid.T) {
		var text []string
		for range rapid.IntRange(0, 4).Draw(t, "conditions") {
			op := rapid.SampledFrom([]string{"=", "<", "<=", ">", ">="}).Draw(t, "op")
			value := rapid.SampledFrom([]string{"1", "2", "5", "9", "0", "9223372036854775807"}).Draw(t, "value")
			text = append(text, "sequence "+op+" "+value)
		}
		filter, err := page.ParseFilter(strings.Join(text, " AND "), []page.FieldSpec{
			{Name: "sequence", Kind: page.Int, Ops: []string{"=", "<", "<=", ">", ">="}},
		})
		require.NoError(t, err)
		first, last := bounds(filter)
		for _, sequence := range []int64{1, 2, 3, 4, 5, 6, 8, 9, 10, math.MaxInt64 - 1} {
			want := true
			for _, c := range filter.Conditions {
				want = want && holds[c.Op](sequence, c.Int())
			}
			require.Equal(t, want, first <= sequence && sequence <= last, "%d by %s", sequence, text)
		}
	})
}

func TestNamesAreReadStrictly(t *testing.T) {
	t.Parallel()
	ws, thread := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	name := domain.MessageName(ws, thread, 42)
	in, sequence, err := messageID("name", name)
	require.NoError(t, err)
	require.Equal(t, thread, in)
	require.EqualValues(t, 42, sequence)
	for _, bad := range []string{
		"", "messages/1", name + "/", "/" + name, strings.ToUpper(name), strings.Replace(name, "/42", "/042", 1),
		strings.Replace(name, "/42", "/0", 1), strings.Replace(name, "/42", "/-1", 1), strings.Replace(name, "/42", "/x", 1),
		strings.Replace(name, "/42", "/99999999999999999999", 1), domain.ThreadName(ws, thread),
		strings.Replace(name, thread.String(), uuid.Nil.String(), 1),
	} {
		_, _, err := messageID("name", bad)
		require.True(t, fault.Is(err, fault.Invalid), bad)
		require.Equal(t, "name", fault.From(err).Fields[0].Path)
	}

	answered, err := replyTo("", thread)
	require.NoError(t, err)
	require.Zero(t, answered)
	answered, err = replyTo(name, thread)
	require.NoError(t, err)
	require.EqualValues(t, 42, answered)
	_, err = replyTo(name, uuid.Must(uuid.NewV7()))
	require.True(t, fault.Is(err, fault.Invalid))

	space := uuid.Must(uuid.NewV7())
	got, err := within(spacePattern, "space", domain.SpaceName(ws, space), ws)
	require.NoError(t, err)
	require.Equal(t, space, got)
	_, err = within(spacePattern, "space", domain.SpaceName(uuid.Must(uuid.NewV7()), space), ws)
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestThreadChange(t *testing.T) {
	t.Parallel()
	full := &threadsv1.Thread{Title: "T", Type: threadsv1.Thread_REVIEW, ReopenOnMessage: true}
	for name, test := range map[string]struct {
		thread *threadsv1.Thread
		mask   *fieldmaskpb.FieldMask
		want   []string
	}{
		"no mask":              {full, nil, []string{"title", "type", "reopen"}},
		"no mask, empty":       {&threadsv1.Thread{}, nil, nil},
		"an empty mask":        {full, &fieldmaskpb.FieldMask{}, nil},
		"everything":           {&threadsv1.Thread{}, &fieldmaskpb.FieldMask{Paths: []string{"*"}}, []string{"title", "type", "reopen"}},
		"one":                  {full, &fieldmaskpb.FieldMask{Paths: []string{"type"}}, []string{"type"}},
		"one without a value":  {&threadsv1.Thread{}, &fieldmaskpb.FieldMask{Paths: []string{"reopen_on_message"}}, []string{"reopen"}},
		"what cannot be given": {full, &fieldmaskpb.FieldMask{Paths: []string{"title", "outcome"}}, []string{"error"}},
		"unknown":              {full, &fieldmaskpb.FieldMask{Paths: []string{"nonsense"}}, []string{"error"}},
	} {
		change, err := threadChange(test.thread, test.mask)
		var got []string
		if err != nil {
			require.Equal(t, "update_mask", fault.From(err).Fields[0].Path, name)
			got = append(got, "error")
		}
		if change.Title != nil {
			got = append(got, "title")
		}
		if change.Type != nil {
			got = append(got, "type")
		}
		if change.ReopenOnMessage != nil {
			got = append(got, "reopen")
		}
		require.Equal(t, test.want, got, name)
	}
}
