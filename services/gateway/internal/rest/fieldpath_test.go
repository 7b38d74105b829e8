package rest

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

func methodWith(body string, message protoreflect.ProtoMessage) edge.Method {
	return edge.Method{Body: body, Input: message.ProtoReflect().Descriptor()}
}

func TestFieldAtNamesTheField(t *testing.T) {
	t.Parallel()
	imports := methodWith("*", &threadsv1.ImportMessagesRequest{})
	create := methodWith("thread", &threadsv1.CreateThreadRequest{})
	for _, c := range []struct {
		method edge.Method
		// text has a bar before the position.
		text, want string
	}{
		{create, `|{"title":"x"}`, "thread"},
		{create, `{|"title":"x"}`, "thread.title"},
		{create, `{"title":|"x"}`, "thread.title"},
		{create, `{"title":"x|y"}`, "thread.title"},
		{create, `{"title":"x","reopenOnMessage":|3}`, "thread.reopen_on_message"},
		{create, `{"title":"a\"b","reopen_on_message":|3}`, "thread.reopen_on_message"},
		{create, `{"title":"x",|`, "thread.title"},
		{create, `[|1]`, "thread[0]"},
		{create, `|[]`, "thread"},
		{create, `|"x"`, "thread"},
		{imports, `|`, "body"},
		{imports, `{"messages":[{"externalId":"a"},{"externalId":|1}]}`, "messages[1].external_id"},
		{imports, `{"messages":[{"subject":"[{,:"},{"body":|1}]}`, "messages[1].body"},
		{imports, `{"messages":[|{"x":1}]}`, "messages[0]"},
		{imports, `{"messages":[{"nobody":{"deep":|1}}]}`, "messages[0].nobody.deep"},
		{imports, `{"messages":[]},|"requestId":1`, "body"},
	} {
		before, after, found := strings.Cut(c.text, "|")
		require.True(t, found)
		require.Equal(t, c.want, fieldAt(c.method, []byte(before+after), len(before)), c.text)
	}
}

func TestPositionsAndOffsets(t *testing.T) {
	t.Parallel()
	text := []byte("{\n \"é\": x}")
	line, column := position(text, bytes.IndexByte(text, 'x')+1)
	require.Equal(t, 2, line)
	require.Equal(t, 8, column)
	require.Equal(t, "x", string(text[offsetOf(text, 2, 7)]))
	require.Equal(t, len(text), offsetOf(text, 9, 9))
	require.Equal(t, 0, offsetOf(nil, 1, 1))
	require.Equal(t, 3, invalidUTF8([]byte("abc\xff")))
	require.Equal(t, -1, invalidUTF8([]byte("é\uFFFD")))
}

func FuzzFieldAt(f *testing.F) {
	for _, seed := range []string{`{"messages":[{"externalId":"a"}]}`, `]}{[,:"`, `{"a\`, "{\"\xff\":1}", ``} {
		f.Add([]byte(seed), 3)
	}
	method := methodWith("*", &threadsv1.ImportMessagesRequest{})
	f.Fuzz(func(t *testing.T, body []byte, offset int) {
		require.NotEmpty(t, fieldAt(method, body, offset))
		require.True(t, utf8.ValidString(fieldAt(method, body, offset)))
		line, column := position(body, offset)
		require.LessOrEqual(t, offsetOf(body, line, column), len(body))
	})
}
