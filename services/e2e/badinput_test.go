package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	bigendian "encoding/binary"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// served are all unary methods that the gateway knows: those for services only it does not.
func served() []protoreflect.MethodDescriptor {
	return slices.DeleteFunc(methods(), func(m protoreflect.MethodDescriptor) bool {
		option, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
		return option.GetRole() == optionsv1.Access_ROLE_UNSPECIFIED && !option.GetPublic()
	})
}

// route leads to a string within a message.
type route []protoreflect.FieldDescriptor

// String is the route as violations name it.
func (r route) String() string {
	var text strings.Builder
	for i, field := range r {
		if i > 0 {
			text.WriteByte('.')
		}
		text.WriteString(string(field.Name()))
		if field.IsList() {
			text.WriteString("[0]")
		}
	}
	return text.String()
}

// set returns the request with the string at the end of the route, and what leads there, in place.
func (r route) set(request proto.Message, text string) proto.Message {
	in := proto.Clone(request)
	m := in.ProtoReflect()
	for _, field := range r[:len(r)-1] {
		if !field.IsList() {
			m = m.Mutable(field).Message()
			continue
		}
		list := m.Mutable(field).List()
		if list.Len() == 0 {
			list.AppendMutable()
		}
		m = list.Get(0).Message()
	}
	last, value := r[len(r)-1], protoreflect.ValueOfString(text)
	if !last.IsList() {
		m.Set(last, value)
		return in
	}
	list := m.Mutable(last).List()
	list.Truncate(0)
	list.Append(value)
	return in
}

// texts are the routes to every string of a message type.
func texts(m protoreflect.MessageDescriptor, above route) []route {
	var found []route
	for i := range m.Fields().Len() {
		field := m.Fields().Get(i)
		at := append(slices.Clone(above), field)
		switch {
		case field.IsMap():
		case field.Kind() == protoreflect.StringKind:
			found = append(found, at)
		case field.Message() != nil && !slices.Contains(above, field):
			found = append(found, texts(field.Message(), at)...)
		}
	}
	return found
}

// TestUPlus0000IsRefusedInEveryString puts U+0000 into each string of each request of each method, also those that only
// the server sets.
func TestUPlus0000IsRefusedInEveryString(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	builders, tried := requests(), 0
	for _, m := range served() {
		good := builders[string(m.Name())](t, w, w.owner)
		book := s.ledger(t, w.workspace)
		for _, at := range texts(m.Input(), nil) {
			_, err := w.send(t, m, at.set(good, "a\x00b"))
			require.Equal(t, codes.InvalidArgument, status.Code(err), "%s, %s: %v", m.Name(), at, err)
			requireRefusal(t, err, "FIELD_INVALID", at.String(), m.Name())
			tried++
		}
		require.Empty(t, lines(book.new(t)), m.Name())
	}
	require.Greater(t, tried, 200)
	for _, at := range texts((&gatewayv1.WatchEventsRequest{}).ProtoReflect().Descriptor(), nil) {
		in, _ := at.set(&gatewayv1.WatchEventsRequest{Parent: w.workspace}, "a\x00b").(*gatewayv1.WatchEventsRequest)
		requireRefusal(t, w.watchError(t, in), "FIELD_INVALID", at.String())
	}
	over := sendWith(t, http.MethodPost, s.http()+"/v1/"+w.thread+"/messages", w.owner.token, []byte(`{"body":"a\u0000b"}`))
	require.Equal(t, http.StatusBadRequest, over.code)
	requireRefusal(t, over.refused(t), "FIELD_INVALID", "message.body")
}

// watchError opens WatchEvents as the owner and returns why it was refused.
func (w *world) watchError(t *testing.T, in *gatewayv1.WatchEventsRequest) error {
	t.Helper()
	events, err := gatewayv1.NewEventServiceClient(w.conn).WatchEvents(as(t.Context(), w.owner.token), in)
	require.NoError(t, err)
	_, err = events.Recv()
	require.Error(t, err, "%v", in)
	return err
}

// named are the fields that say what a request is about.
func named(m protoreflect.MessageDescriptor) route {
	for _, name := range []protoreflect.Name{"name", "parent"} {
		if field := m.Fields().ByName(name); field != nil {
			return route{field}
		}
	}
	if m.Fields().ByName("update_mask") == nil {
		return nil
	}
	for i := range m.Fields().Len() {
		outer := m.Fields().Get(i)
		if outer.Message() == nil || outer.IsList() || outer.IsMap() {
			continue
		}
		if inner := outer.Message().Fields().ByName("name"); inner != nil {
			return route{outer, inner}
		}
	}
	return nil
}

func (r route) get(in proto.Message) string {
	m := in.ProtoReflect()
	for _, field := range r[:len(r)-1] {
		m = m.Get(field).Message()
	}
	return m.Get(r[len(r)-1]).String()
}

// TestNamesAreRefusedThatAreMalformedOrOfAnotherWorkspace bends the name in each method's request.
func TestNamesAreRefusedThatAreMalformedOrOfAnotherWorkspace(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	elsewhere := "workspaces/" + uuid.Must(uuid.NewV7()).String()
	builders := requests()
	for _, m := range served() {
		at := named(m.Input())
		if at == nil {
			continue
		}
		good := builders[string(m.Name())](t, w, w.owner)
		name := at.get(good)
		for _, bad := range []string{"", "nonsense", name + "/", "/" + name, strings.ToUpper(name), name + "/messages/x", "workspaces/x", strings.Repeat("x", 5000), "workspaces/" + uuid.NewString() + "/../" + name} {
			_, err := w.send(t, m, at.set(good, bad))
			require.Equal(t, codes.InvalidArgument, status.Code(err), "%s of %.80q: %v", m.Name(), bad, err)
			requireRefusal(t, err, "FIELD_INVALID", at.String(), m.Name(), bad)
		}
		_, err := w.send(t, m, at.set(good, strings.Replace(name, w.workspace, elsewhere, 1)))
		require.Equal(t, codes.NotFound, status.Code(err), "%s of another workspace: %v", m.Name(), err)
		requireRefusal(t, err, "RESOURCE_NOT_FOUND", "", m.Name())
	}
}

// TestReferencesToAnotherWorkspaceAreRefused names what is another workspace's within a request of one's own.
func TestReferencesToAnotherWorkspaceAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	other := newWorld(t, w.conn, s.newWorkspace(t), w.owner.token)
	book, theirs := s.ledger(t, w.workspace), s.ledger(t, other.workspace)
	for field, in := range map[string]proto.Message{
		"thread.space":         &threadsv1.CreateThreadRequest{Parent: w.workspace, Thread: &threadsv1.Thread{Space: other.space, Title: "x"}},
		"changes[0].principal": &directoryv1.SetSpaceAccessRequest{Name: w.space, Changes: []*directoryv1.SpaceAccess{{Principal: other.owner.member, Role: directoryv1.SpaceAccess_READER}}},
		"members[0].member":    &directoryv1.AddTeamMembersRequest{Name: w.newTeam(t), Members: []*directoryv1.TeamMember{{Member: other.owner.member}}},
		"members[0]":           &directoryv1.RemoveTeamMembersRequest{Name: w.newTeam(t), Members: []string{other.owner.member}},
		"message.reply_to":     &threadsv1.CreateMessageRequest{Parent: w.thread, Message: &threadsv1.Message{Body: "x", ReplyTo: other.message}},
		"marks[0].thread":      &threadsv1.BatchMarkReadRequest{Parent: w.workspace, Marks: []*threadsv1.ReadMark{{Thread: other.thread, ThroughSequence: 1}}},
		"messages[0].author":   &threadsv1.ImportMessagesRequest{Parent: w.space, Messages: []*threadsv1.ImportedMessage{imported1(other.owner.member)}},
		"filter":               &threadsv1.ListThreadsRequest{Parent: w.workspace, Filter: `space = "` + other.space + `"`},
	} {
		book.new(t)
		m := methodOf(t, in)
		_, err := w.send(t, m, in)
		require.Contains(t, []codes.Code{codes.InvalidArgument, codes.NotFound}, status.Code(err), "%s: %v", field, err)
		r := refusalOf(status.Convert(err))
		require.NotEmpty(t, r.reason, "%v", err)
		if status.Code(err) == codes.InvalidArgument {
			require.Contains(t, r.fields, field, "%v", err)
		}
		require.Empty(t, lines(book.new(t)), field)
	}
	require.Empty(t, lines(theirs.new(t)))
}

func imported1(author string) *threadsv1.ImportedMessage {
	id := random("bad-")
	return &threadsv1.ImportedMessage{ExternalId: id, ThreadExternalId: id, Subject: "Old", Author: author, Body: "Old", CreateTime: timestamppb.New(time.Date(2009, 11, 17, 9, 0, 0, 0, time.UTC))}
}

// methodOf is the method that takes a request.
func methodOf(t *testing.T, in proto.Message) protoreflect.MethodDescriptor {
	t.Helper()
	for _, m := range methods() {
		if m.Input().FullName() == in.ProtoReflect().Descriptor().FullName() {
			return m
		}
	}
	require.Fail(t, "no method takes it", "%T", in)
	return nil
}

// TestListsRefuseWhatTheyDoNotKnow asks every list for pages, filters and orders that it cannot have.
func TestListsRefuseWhatTheyDoNotKnow(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	w.newThread(t, w.space)
	w.newMessage(t, w.owner, w.thread)
	w.newTeam(t)
	w.newTeam(t)
	w.newSpace(t, directoryv1.Space_OPEN)
	builders := requests()
	lists, tokens := 0, map[string]string{}
	for _, m := range served() {
		fields := m.Input().Fields()
		if fields.ByName("page_size") == nil {
			continue
		}
		lists++
		good := builders[string(m.Name())](t, w, w.owner)
		set := func(field protoreflect.Name, value any) proto.Message {
			in := proto.Clone(good)
			in.ProtoReflect().Set(fields.ByName(field), protoreflect.ValueOf(value))
			return in
		}
		_, err := w.send(t, m, set("page_size", int32(-1)))
		requireRefusal(t, err, "FIELD_INVALID", "page_size", m.Name())
		for _, token := range []string{"nonsense", "AAAA", base64.RawURLEncoding.EncodeToString([]byte(`x.{"ID":"y"}`)), strings.Repeat("A", 1000)} {
			_, err = w.send(t, m, set("page_token", token))
			requireRefusal(t, err, "PAGE_TOKEN_INVALID", "page_token", m.Name())
		}
		if fields.ByName("filter") != nil {
			for filter, position := range map[string]string{`nonsense = "x"`: "0", `  nonsense = "x"`: "2"} {
				_, err = w.send(t, m, set("filter", filter))
				require.Equal(t, position, requireRefusal(t, err, "FILTER_INVALID", "filter", m.Name(), filter).metadata["position"], "%s: %v", m.Name(), err)
			}
			for _, filter := range []string{`=`, `a = `, `"`, `(`, `a = "x" OR b = "y"`, strings.Repeat("(", 500), `a:*`, "a = 'é"} {
				_, err = w.send(t, m, set("filter", filter))
				require.NotEmpty(t, requireRefusal(t, err, "FILTER_INVALID", "filter", m.Name(), filter).metadata["position"])
			}
		}
		if fields.ByName("order_by") != nil {
			for _, order := range []string{"nonsense", "create_time,nonsense", "create_time sideways", ","} {
				_, err = w.send(t, m, set("order_by", order))
				requireRefusal(t, err, "ORDER_BY_INVALID", "order_by", m.Name(), order)
			}
		}
		answer, err := w.send(t, m, set("page_size", int32(1)))
		require.NoError(t, err, m.Name())
		next := answer.ProtoReflect().Get(m.Output().Fields().ByName("next_page_token")).String()
		if next != "" {
			tokens[string(m.Name())] = next
			_, err = w.send(t, m, set("page_token", next))
			require.NoError(t, err, "%s: another page_size is no other query", m.Name())
		}
	}
	require.Greater(t, lists, 8)
	require.Greater(t, len(tokens), 4)
	for from, token := range tokens {
		for _, m := range served() {
			if m.Input().Fields().ByName("page_token") == nil || string(m.Name()) == from {
				continue
			}
			in := builders[string(m.Name())](t, w, w.owner)
			in.ProtoReflect().Set(m.Input().Fields().ByName("page_token"), protoreflect.ValueOfString(token))
			_, err := w.send(t, m, in)
			requireRefusal(t, err, "PAGE_TOKEN_INVALID", "page_token", m.Name(), from)
		}
	}
	for _, other := range []*threadsv1.ListThreadsRequest{
		{Parent: w.workspace, Filter: "state = OPEN", PageToken: tokens["ListThreads"]},
		{Parent: w.workspace, OrderBy: "create_time", PageToken: tokens["ListThreads"]},
	} {
		_, err := w.send(t, methodOf(t, other), other)
		requireRefusal(t, err, "PAGE_TOKEN_INVALID", "page_token", other)
	}
	over := get(t, s.http()+"/v1/"+w.workspace+"/threads?pageToken="+tokens["ListThreads"]+"&filter="+url.QueryEscape("state = OPEN"), w.owner.token)
	require.Equal(t, http.StatusBadRequest, over.code)
	requireRefusal(t, over.refused(t), "PAGE_TOKEN_INVALID", "page_token")
	over = get(t, s.http()+"/v1/"+w.workspace+"/threads?filter="+url.QueryEscape(`state = OPEN AND colour = "red"`), w.owner.token)
	require.Equal(t, http.StatusBadRequest, over.code)
	require.Equal(t, "17", requireRefusal(t, over.refused(t), "FILTER_INVALID", "filter").metadata["position"])
}

// TestResumeTokensAreRefusedThatWereNotGiven tries forged ones, one of another filter, and one beyond the stream, over
// both kinds of stream.
func TestResumeTokensAreRefusedThatWereNotGiven(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	other := newWorld(t, w.conn, s.newWorkspace(t), w.owner.token)
	given := w.watch(t, w.owner).first.GetResumeToken()
	raw, err := base64.RawURLEncoding.DecodeString(given)
	require.NoError(t, err)
	forged := slices.Clone(raw)
	forged[8]-- // an earlier place
	for name, try := range map[string]*gatewayv1.WatchEventsRequest{
		"nonsense":                 {Parent: w.workspace, ResumeToken: "nonsense"},
		"forged":                   {Parent: w.workspace, ResumeToken: base64.RawURLEncoding.EncodeToString(forged)},
		"of another filter":        {Parent: w.workspace, ResumeToken: given, Types: []string{"meridian.threads.v1.MessagePosted"}},
		"of another workspace":     {Parent: w.workspace, ResumeToken: other.watch(t, other.owner).first.GetResumeToken()},
		"beyond the stream":        {Parent: w.workspace, ResumeToken: signedAgain(t, raw, 8, 1<<40)},
		"of another stream's life": {Parent: w.workspace, ResumeToken: signedAgain(t, raw, 16, 12345)},
	} {
		err := w.watchError(t, try)
		code, reason, answer := codes.InvalidArgument, "RESUME_TOKEN_INVALID", http.StatusBadRequest
		if name == "of another stream's life" {
			code, reason, answer = codes.OutOfRange, "RESUME_TOKEN_TOO_OLD", http.StatusGone
		}
		require.Equal(t, code, status.Code(err), "%s: %v", name, err)
		r := requireRefusal(t, err, reason, "resume_token", name)
		require.Equal(t, code == codes.OutOfRange, r.metadata["earliest_resume_token"] != "", "%v", err)
		query := url.Values{"resumeToken": {try.GetResumeToken()}, "types": try.GetTypes()}
		over := get(t, s.http()+"/v1/"+w.workspace+"/events:watch?"+query.Encode(), w.owner.token)
		require.Equal(t, answer, over.code, "%s: %s", name, over.body)
		requireRefusal(t, over.refused(t), reason, "resume_token", name)
	}
	for field, try := range map[string]*gatewayv1.WatchEventsRequest{
		"types":    {Parent: w.workspace, Types: []string{"meridian.threads.v1.Nonsense"}},
		"types[0]": {Parent: w.workspace, Types: []string{"*.posted"}},
		"spaces":   {Parent: w.workspace, Spaces: []string{other.space}},
		"parent":   {Parent: "workspaces/x"},
	} {
		requireRefusal(t, w.watchError(t, try), "FIELD_INVALID", field)
	}
}

// signedAgain is a token with another number in its last bytes before end, signed with the stack's own key: what no client
// can make, but a stream that was put back leaves behind.
func signedAgain(t *testing.T, raw []byte, end int, number uint64) string {
	t.Helper()
	kept, err := os.ReadFile(filepath.Join(common.folder, "shared", "secrets.json"))
	require.NoError(t, err)
	var secrets struct {
		ResumeKey string `json:"resume_key"`
	}
	require.NoError(t, json.Unmarshal(kept, &secrets))
	key, err := base64.RawURLEncoding.DecodeString(secrets.ResumeKey)
	require.NoError(t, err)
	const macSize = 16
	text := slices.Clone(raw[:len(raw)-macSize])
	bigendian.BigEndian.PutUint64(text[end-7:end+1], number)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("meridian resume token\n"))
	mac.Write(text)
	return base64.RawURLEncoding.EncodeToString(append(text, mac.Sum(nil)[:macSize]...))
}
