package page_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
)

const space = "workspaces/0190e0a0-0000-7000-8000-000000000001/spaces/0190e0a0-0000-7000-8000-000000000002"

var fields = []page.FieldSpec{
	{Name: "state", Kind: page.Enum, Ops: []string{"=", "!="}, Enum: []string{"OPEN", "RESOLVED"}},
	{Name: "title", Kind: page.String, Ops: []string{"=", ":"}},
	{Name: "create_time", Kind: page.Time, Ops: []string{"<", "<=", ">", ">="}},
	{Name: "last_sequence", Kind: page.Int, Ops: []string{"=", "<", ">"}},
	{Name: "imported", Kind: page.Bool},
	{Name: "space", Kind: page.Name, Pattern: resname.MustPattern("workspaces/{workspace}/spaces/{space}")},
	{Name: "creator", Kind: page.Name},
	{Name: "author.kind", Kind: page.String},
}

func TestParseFilter(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		filter string
		want   []page.Condition
	}{
		{"", nil},
		{" \t\n", nil},
		{"state = OPEN", []page.Condition{{"state", "=", "OPEN", 0}}},
		{"  state!=RESOLVED ", []page.Condition{{"state", "!=", "RESOLVED", 2}}},
		{`state = "OPEN" AND title : 'a \'b\''`, []page.Condition{{"state", "=", "OPEN", 0}, {"title", ":", "a 'b'", 19}}},
		{`title:word`, []page.Condition{{"title", ":", "word", 0}}},
		{`title = "ünïcode � ( AND )"`, []page.Condition{{"title", "=", "ünïcode � ( AND )", 0}}},
		{`create_time >= "2026-11-23T00:00:00+01:00"`, []page.Condition{{"create_time", ">=", "2026-11-23T00:00:00+01:00", 0}}},
		{"last_sequence > 5 AND (last_sequence < 10 AND imported = true)", []page.Condition{
			{"last_sequence", ">", "5", 0}, {"last_sequence", "<", "10", 23}, {"imported", "=", "true", 46},
		}},
		{"last_sequence > -5", []page.Condition{{"last_sequence", ">", "-5", 0}}},
		{`last_sequence > "5"`, []page.Condition{{"last_sequence", ">", "5", 0}}},
		{`space = "` + space + `"`, []page.Condition{{"space", "=", space, 0}}},
		{`creator = "` + space + `"`, []page.Condition{{"creator", "=", space, 0}}},
		{`author.kind = PERSON`, []page.Condition{{"author.kind", "=", "PERSON", 0}}},
	} {
		got, err := page.ParseFilter(tt.filter, fields)
		require.NoError(t, err, tt.filter)
		require.Equal(t, tt.want, got.Conditions, tt.filter)
	}
}

func TestParseFilterRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		filter   string
		position int
		says     string
	}{
		{"colour = RED", 0, "unknown field; these may be filtered: state, title"},
		{"state = OPEN AND colour = RED", 17, "unknown field"},
		{"   colour = RED", 3, "unknown field"},
		{`"state" = OPEN`, 0, "unknown field"},
		{"state.x = OPEN", 0, "unknown field"},
		{"state = CLOSED", 8, "state is one of OPEN, RESOLVED"},
		{"state > OPEN", 0, "state takes only = !="},
		{"imported != true", 0, "imported takes only ="},
		{"imported = yes", 11, "imported is true or false"},
		{"last_sequence = 1.5", 16, "not a value"},
		{"last_sequence = many", 16, "is a whole number"},
		{"create_time > 2026", 14, "is an instant"},
		{"title = a.b", 8, "not a value; quote it"},
		{"title = f(x)", 8, "not a value"},
		{"title = (a = b)", 9, "not a value"},
		{`space = "workspaces/x/spaces/y"`, 8, "is a name like workspaces/{workspace}/spaces/{space}"},
		{`creator = me`, 10, "is a resource name"},
		{"state = OPEN OR title = a", 0, "neither OR nor NOT"},
		{"NOT state = OPEN", 0, "neither OR nor NOT"},
		{"-state = OPEN", 0, "neither OR nor NOT"},
		{"state = OPEN title = a", 0, "conditions are joined by AND"},
		{"state", 0, "a condition is a field, an operator and a value"},
		{"state = OPEN AND 5", 17, "a condition is"},
		{"contains(title)", 0, "functions are not supported"},
		{"state = ", 7, ""},
		{"state = OPEN AND ", 12, ""},
		{`title = "open`, 8, "unterminated string"},
		{`title = "a\qb"`, 8, "unescape"},
		{`title = "a` + "\x00" + `"`, 10, "U+0000"},
		{`title = "a\000"`, 8, "U+0000"},
		{"title = \"a\xff\"", 10, "not valid UTF-8"},
		{strings.Repeat("(", 9) + "state = OPEN" + strings.Repeat(")", 9), 8, "nest at most 8 deep"},
		{"title = " + strings.Repeat("a", page.MaxFilter), page.MaxFilter, "at most 2048 bytes"},
		{"last_sequence = 99999999999999999999", 16, ""},
	} {
		_, err := page.ParseFilter(tt.filter, fields)
		require.True(t, fault.Is(err, fault.Invalid), tt.filter)
		f := fault.From(err)
		require.Equal(t, fault.ReasonFilterInvalid, f.Reason)
		require.Equal(t, "filter", f.Fields[0].Path)
		require.Contains(t, f.Fields[0].Rule, tt.says, tt.filter)
		require.Equal(t, strconv.Itoa(tt.position), f.Metadata["position"], "%s: %s", tt.filter, f.Message)
	}
}

func TestConditionValues(t *testing.T) {
	t.Parallel()
	got, err := page.ParseFilter(`create_time < "2026-11-23T10:00:00.5Z" AND last_sequence = 7 AND imported = true`, fields)
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 11, 23, 10, 0, 0, 5e8, time.UTC), got.Conditions[0].Time())
	require.EqualValues(t, 7, got.Conditions[1].Int())
	require.True(t, got.Conditions[2].Bool())
}

func TestEveryStringCanBeQuoted(t *testing.T) {
	t.Parallel()
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringN(0, 100, 400).Filter(func(s string) bool {
			return !strings.ContainsAny(s, "\x00\r()")
		}).Draw(t, "value")
		got, err := page.ParseFilter(`title = "`+quote.Replace(value)+`"`, fields)
		require.NoError(t, err)
		require.Equal(t, []page.Condition{{Field: "title", Op: "=", Value: value}}, got.Conditions)
	})
}

func TestParseOrderBy(t *testing.T) {
	t.Parallel()
	allowed := []string{"create_time", "title"}
	for text, want := range map[string][]page.Order{
		"":                          nil,
		"  ":                        nil,
		"title":                     {{Field: "title"}},
		"title asc":                 {{Field: "title"}},
		" create_time  desc ,title": {{Field: "create_time", Desc: true}, {Field: "title"}},
	} {
		got, err := page.ParseOrderBy(text, allowed)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"colour", "title desc desc", "title DESC", ",", "title,", "title,title", "title;drop", strings.Repeat("a", 3000),
	} {
		_, err := page.ParseOrderBy(text, allowed)
		require.True(t, fault.HasReason(err, fault.ReasonOrderByInvalid), text)
		require.Equal(t, "order_by", fault.From(err).Fields[0].Path)
	}
}

// FuzzParseFilter shows that no filter breaks the parser, that what it lets through is declared, and that every
// position lies within the filter.
func FuzzParseFilter(f *testing.F) {
	for _, seed := range []string{
		"state = OPEN", `title : "x" AND create_time > "2026-11-23T00:00:00Z"`, "((a=b))", "f(f(f(", "-1 = 1", "a.b.c = 0x1F",
		`"\u0000" = "\777"`, "state = OPEN AND AND", "NOT NOT a", "a:*", "\xff", "1. = .5", "AND", "a = -", "a\n=\nb",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, filter string) {
		got, err := page.ParseFilter(filter, fields)
		if err != nil {
			position, convErr := strconv.Atoi(fault.From(err).Metadata["position"])
			require.NoError(t, convErr)
			require.LessOrEqual(t, position, len(filter))
			require.GreaterOrEqual(t, position, 0)
			return
		}
		for _, c := range got.Conditions {
			require.NotContains(t, c.Value, "\x00")
			require.Less(t, c.Position, len(filter))
		}
	})
}
