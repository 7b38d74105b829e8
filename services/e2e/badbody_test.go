package e2e

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// TestBadBodiesOverRESTDoNothing sends what is no request and looks at what came of it: a clear refusal and nothing else.
func TestBadBodiesOverRESTDoNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	book := s.ledger(t, w.workspace)
	space := `"space":"` + w.space + `"`
	for _, c := range []struct {
		name, path, body string
		code             int
		reason, field    string
	}{
		{"10 MiB", "/threads", `{` + space + `,"title":"` + strings.Repeat("x", 10<<20) + `"}`, 413, "TOO_LARGE", "body"},
		{"10 MiB behind a good beginning", "/threads", `{` + space + `,"title":"x"}` + strings.Repeat(" ", 10<<20), 413, "TOO_LARGE", "body"},
		{"a text that is too long", "/threads", `{` + space + `,"title":"` + strings.Repeat("x", 1<<20) + `"}`, 400, "FIELD_INVALID", "thread.title"},
		{"invalid UTF-8", "/threads", `{` + space + `,"title":"caf` + "\xe9" + `"}`, 400, "FIELD_INVALID", "thread.title"},
		{"half a surrogate pair", "/threads", `{` + space + `,"title":"\ud83d"}`, 400, "FIELD_INVALID", "thread.title"},
		{"malformed JSON", "/threads", `{` + space + `,"title":"x"`, 400, "FIELD_INVALID", "thread.title"},
		{"two values", "/threads", `{` + space + `,"title":"x"}{}`, 400, "FIELD_INVALID", "thread"},
		{"unknown field", "/threads", `{` + space + `,"titel":"x"}`, 400, "FIELD_INVALID", "thread.titel"},
		{"a field twice", "/threads", `{` + space + `,"title":"x","title":"y"}`, 400, "FIELD_INVALID", "thread.title"},
		{"number for text", "/threads", `{` + space + `,"title":7}`, 400, "FIELD_INVALID", "thread.title"},
		{"unknown word", "/threads", `{` + space + `,"title":"x","type":"CHAT"}`, 400, "FIELD_INVALID", "thread.type"},
		{"text for a time", "/threads", `{` + space + `,"title":"x","createTime":"noon"}`, 400, "FIELD_INVALID", "thread.create_time"},
		{"no object", "/threads", `7`, 400, "FIELD_INVALID", "thread"},
		{"deep", "/threads", strings.Repeat(`{"title":`, 20000), 400, "FIELD_INVALID", ""},
		{"missing field", "/threads", `{"title":"x"}`, 400, "FIELD_INVALID", "thread.space"},
		{"second of two", "/" + short(w.space) + "/messages:import", `{"messages":[` + oldMessage(w.owner.member, "one") + `,{"externalId":""}]}`, 400, "FIELD_INVALID", "messages[1].external_id"},
		{"invalid UTF-8 in the second", "/" + short(w.space) + "/messages:import", `{"messages":[` + oldMessage(w.owner.member, "one") + `,{"externalId":"` + "\xff" + `"}]}`, 400, "FIELD_INVALID", "messages[1].external_id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := sendWith(t, http.MethodPost, s.http()+"/v1/"+w.workspace+c.path, w.owner.token, []byte(c.body), "Content-Type", "application/json")
			require.Equal(t, c.code, a.code, "%.500s", a.body)
			require.Less(t, len(a.body), 4<<10, "an error does not send the request back")
			requireRefusal(t, a.refused(t), c.reason, c.field)
			require.Empty(t, lines(book.new(t)))
		})
	}
	for query, field := range map[string]string{"pageSize=-1": "page_size", "pageSize=many": "page_size", "filter=%ff": "filter", "titel=x": `"titel"`, "pageSize=99999999999": "page_size"} {
		a := get(t, s.http()+"/v1/"+w.workspace+"/threads?"+query, w.owner.token)
		require.Equal(t, http.StatusBadRequest, a.code, "%s", a.body)
		requireRefusal(t, a.refused(t), "FIELD_INVALID", field, query)
	}
	for path, reason := range map[string]string{"/threads/x": "FIELD_INVALID", "/threads/%00": "FIELD_INVALID", "/threads/%ff": "FIELD_INVALID"} {
		a := get(t, s.http()+"/v1/"+w.workspace+path, w.owner.token)
		require.Equal(t, http.StatusBadRequest, a.code, "%s: %s", path, a.body)
		requireRefusal(t, a.refused(t), reason, "name")
	}
}

// short is a name without its workspace.
func short(name string) string {
	parts := strings.SplitN(name, "/", 3)
	return parts[2]
}

func oldMessage(author, id string) string {
	return `{"externalId":"` + id + `","threadExternalId":"` + id + `","subject":"Old","author":"` + author + `","body":"Old","createTime":"2009-11-17T09:00:00Z"}`
}

// TestABatchIsWholeOrNothing sends batches whose second part is bad.
func TestABatchIsWholeOrNothing(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	nobody := w.workspace + "/members/" + uuid.Must(uuid.NewV7()).String()
	team := w.newTeam(t)
	unseen := w.newThread(t, w.space)
	w.newMessage(t, w.principal(t, "writer"), unseen)
	book := s.ledger(t, w.workspace)
	for field, in := range map[string]proto.Message{
		"changes[1].principal": &directoryv1.SetSpaceAccessRequest{Name: w.space, Changes: []*directoryv1.SpaceAccess{
			{Principal: w.principal(t, "outsider").member, Role: directoryv1.SpaceAccess_READER}, {Principal: nobody, Role: directoryv1.SpaceAccess_READER},
		}},
		"members[1].member": &directoryv1.AddTeamMembersRequest{Name: team, Members: []*directoryv1.TeamMember{{Member: w.owner.member}, {Member: nobody}}},
		"members[1].email": &directoryv1.ImportMembersRequest{Parent: w.workspace, Members: []*directoryv1.ImportedMember{
			{Email: "good@example.com", DisplayName: "Good"}, {Email: "bad", DisplayName: "Bad"},
		}},
		"messages[1].author": &threadsv1.ImportMessagesRequest{Parent: w.space, Messages: []*threadsv1.ImportedMessage{imported1(w.owner.member), imported1(nobody)}},
		"marks[1].thread": &threadsv1.BatchMarkReadRequest{Parent: w.workspace, Marks: []*threadsv1.ReadMark{
			{Thread: unseen, ThroughSequence: 1}, {Thread: w.workspace + "/threads/" + uuid.Must(uuid.NewV7()).String(), ThroughSequence: 1},
		}},
	} {
		_, err := w.send(t, methodOf(t, in), in)
		require.Contains(t, []codes.Code{codes.InvalidArgument, codes.NotFound}, status.Code(err), "%s: %v", field, err)
		r := refusalOf(status.Convert(err))
		require.NotEmpty(t, r.reason)
		if status.Code(err) == codes.InvalidArgument {
			require.Contains(t, r.fields, field, "%v", err)
		}
		require.Empty(t, lines(book.new(t)), field)
	}
}

// rawBytes is a codec that sends bytes as they are.
type rawBytes struct{}

var errNoBytes = errors.New("no bytes")

func (rawBytes) Name() string { return "proto" }

func (rawBytes) Marshal(v any) ([]byte, error) {
	if data, ok := v.([]byte); ok {
		return data, nil
	}
	return nil, errNoBytes
}

func (rawBytes) Unmarshal(data []byte, v any) error {
	into, ok := v.(*[]byte)
	if !ok {
		return errNoBytes
	}
	*into = data
	return nil
}

// TestWhatGRPCItselfRefuses sends what no service gets to see; the transport's own status is the answer.
func TestWhatGRPCItselfRefuses(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	book := s.ledger(t, w.workspace)
	const method = "/meridian.threads.v1.MessageService/CreateMessage"
	post := func(body string) []byte {
		message := protowire.AppendString(protowire.AppendTag(nil, number(t, &threadsv1.Message{}, "body"), protowire.BytesType), body)
		in := protowire.AppendString(protowire.AppendTag(nil, number(t, &threadsv1.CreateMessageRequest{}, "parent"), protowire.BytesType), w.thread)
		return protowire.AppendBytes(protowire.AppendTag(in, number(t, &threadsv1.CreateMessageRequest{}, "message"), protowire.BytesType), message)
	}
	var out []byte
	for body, want := range map[string]codes.Code{
		"fine":                       codes.OK,
		strings.Repeat("x", 10<<20):  codes.ResourceExhausted,
		"caf\xe9":                    codes.Internal,
		strings.Repeat("x", 100<<10): codes.InvalidArgument, // this one a service sees
	} {
		err := w.conn.Invoke(as(t.Context(), w.owner.token), method, post(body), &out, grpc.ForceCodec(rawBytes{}))
		require.Equal(t, want, status.Code(err), "%d bytes: %v", len(body), err)
	}
	err := w.conn.Invoke(as(t.Context(), w.owner.token), method, []byte{0xff, 0xff, 0xff}, &out, grpc.ForceCodec(rawBytes{}))
	require.Equal(t, codes.Internal, status.Code(err), "no message at all: %v", err)
	require.Equal(t, []string{"meridian.threads.v1.MessagePosted"}, types(book.new(t)), "of the fine one")
}

func number(t *testing.T, m proto.Message, field protoreflect.Name) protowire.Number {
	t.Helper()
	found := m.ProtoReflect().Descriptor().Fields().ByName(field)
	require.NotNil(t, found)
	return found.Number()
}
