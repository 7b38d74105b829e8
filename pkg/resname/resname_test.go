package resname_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
)

const (
	ws     = "0190e0a0-0000-7000-8000-000000000001"
	thread = "0190e0a0-0000-7000-8000-000000000002"
)

var message = resname.MustPattern("workspaces/{workspace}/threads/{thread}/messages/{sequence}")

func TestParse(t *testing.T) {
	t.Parallel()
	ids, err := message.Parse("name", "workspaces/"+ws+"/threads/"+thread+"/messages/17")
	require.NoError(t, err)
	require.Equal(t, []string{ws, thread, "17"}, ids)

	singleton := resname.MustPattern("workspaces/{workspace}/threads/{thread}/readState")
	ids, err = singleton.Parse("name", "workspaces/"+ws+"/threads/"+thread+"/readState")
	require.NoError(t, err)
	require.Equal(t, []string{ws, thread}, ids)
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	good := "workspaces/" + ws + "/threads/" + thread + "/messages/17"
	for _, name := range []string{
		"", "/", good + "/", "/" + good, good + "/x", strings.TrimSuffix(good, "/messages/17"),
		strings.ToUpper(good), strings.Replace(good, "threads", "tasks", 1), strings.Replace(good, "/17", "/0", 1),
		strings.Replace(good, "/17", "/017", 1), strings.Replace(good, "/17", "/-1", 1),
		strings.Replace(good, "/17", "/+17", 1), strings.Replace(good, "/17", "/99999999999999999999", 1),
		strings.Replace(good, ws, "", 1), strings.Replace(good, ws, "-", 1), strings.Replace(good, ws, "{"+ws+"}", 1),
		strings.Replace(good, ws, strings.ToUpper(ws), 1), strings.Replace(good, ws, "urn:uuid:"+ws, 1),
		strings.Replace(good, ws, uuid.Nil.String(), 1), strings.Replace(good, ws, strings.ReplaceAll(ws, "-", ""), 1),
		good + "\x00", " " + good,
	} {
		_, err := message.Parse("message.name", name)
		require.True(t, fault.Is(err, fault.Invalid), "%q", name)
		require.Equal(t, "message.name", fault.From(err).Fields[0].Path)
		require.False(t, message.Matches(name))
	}
}

func TestFormatIsTheInverseOfParse(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		ids := []string{
			uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(notZero).Draw(t, "workspace")).String(),
			uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Filter(notZero).Draw(t, "thread")).String(),
			strconv.FormatInt(rapid.Int64Min(1).Draw(t, "sequence"), 10),
		}
		name := message.Format(ids...)
		parsed, err := message.Parse("name", name)
		require.NoError(t, err)
		require.Equal(t, ids, parsed)
		got, err := resname.Workspace("name", name)
		require.NoError(t, err)
		require.Equal(t, ids[0], got.String())
	})
}

func notZero(b []byte) bool { return uuid.UUID(b) != uuid.Nil }

func TestUUIDs(t *testing.T) {
	t.Parallel()
	p := resname.MustPattern("workspaces/{workspace}/threads/{thread}")
	want := []uuid.UUID{uuid.MustParse(ws), uuid.MustParse(thread)}
	name := p.FormatUUIDs(want...)
	require.Equal(t, "workspaces/"+ws+"/threads/"+thread, name)
	got, err := p.ParseUUIDs("name", name)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = message.ParseUUIDs("name", name+"/messages/1")
	require.True(t, fault.Is(err, fault.Invalid), "a sequence is no UUID")
	_, err = p.ParseUUIDs("name", "threads")
	require.True(t, fault.Is(err, fault.Invalid))
}

func TestWorkspace(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"workspaces/" + ws, "workspaces/" + ws + "/threads/any thing"} {
		got, err := resname.Workspace("parent", name)
		require.NoError(t, err)
		require.Equal(t, ws, got.String())
	}
	for _, name := range []string{"", "workspaces", "workspaces/", "workspaces/x", ws, "spaces/" + ws, "workspaces//" + ws} {
		_, err := resname.Workspace("parent", name)
		require.True(t, fault.Is(err, fault.Invalid), name)
		require.Equal(t, "parent", fault.From(err).Fields[0].Path)
	}
}

func TestMustPatternPanics(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "a//b", "{a", "a}", "a/{}", "a/b{c}", "{a}b"} {
		require.Panics(t, func() { resname.MustPattern(text) }, text)
	}
	require.Panics(t, func() { message.Format(ws) })
	require.Equal(t, "a/{b}", resname.MustPattern("a/{b}").String())
}

func FuzzParse(f *testing.F) {
	f.Add("workspaces/" + ws + "/threads/" + thread + "/messages/17")
	f.Add("workspaces/" + ws)
	f.Add("//\x00{}")
	f.Fuzz(func(t *testing.T, name string) {
		if ids, err := message.Parse("name", name); err == nil {
			require.Equal(t, name, message.Format(ids...))
		}
	})
}
