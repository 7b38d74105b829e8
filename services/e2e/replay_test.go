package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// untold are methods that change what nobody but their caller sees, and of which no event tells. Of an imported calendar others
// see when it makes its member's working time uninterruptible, which `working_time.changed` tells; one of which nothing is
// fetched yet, as here, does nothing to it. A feed is seen by whoever manages it alone, and changes no working time ever.
var untold = []string{
	"CreateCalendar", "UpdateCalendar", "RefreshCalendar", "DeleteCalendar", "CreateCalendarFeed", "DeleteCalendarFeed",
}

// twins is how many send the same request at the same time.
const twins = 16

// replayed are all methods that take a request_id and are not for services only.
func replayed() []protoreflect.MethodDescriptor {
	return slices.DeleteFunc(methods(), func(m protoreflect.MethodDescriptor) bool {
		option, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
		return m.Input().Fields().ByName("request_id") == nil || option.GetRole() == optionsv1.Access_ROLE_UNSPECIFIED
	})
}

// freshRequests are builders whose every request changes something, where those of the access walk would change
// nothing the second time.
func freshRequests() map[string]request {
	all := requests()
	all["UpdateWorkspace"] = onWorkspace(func(n string) proto.Message {
		return &directoryv1.UpdateWorkspaceRequest{Workspace: &directoryv1.Workspace{Name: n, DisplayName: random("Renamed ")}, UpdateMask: mask("display_name")}
	})
	all["UpdateMember"] = func(_ *testing.T, w *world, _ principal) proto.Message {
		return &directoryv1.UpdateMemberRequest{Member: &directoryv1.Member{Name: w.owner.member, DisplayName: random("Renamed ")}, UpdateMask: mask("display_name")}
	}
	all["UpdateSpace"] = onSpace(func(n string) proto.Message {
		return &directoryv1.UpdateSpaceRequest{Space: &directoryv1.Space{Name: n, Description: random("Described ")}, UpdateMask: mask("description")}
	})
	all["RemoveReaction"] = func(t *testing.T, w *world, _ principal) proto.Message {
		t.Helper()
		message := w.newMessage(t, w.owner, w.thread)
		_, err := threadsv1.NewMessageServiceClient(w.conn).AddReaction(as(t.Context(), w.owner.token), &threadsv1.AddReactionRequest{Name: message, Emoji: "👍"})
		require.NoError(t, err)
		return &threadsv1.RemoveReactionRequest{Name: message, Emoji: "👍"}
	}
	unread := func(t *testing.T, w *world) string {
		t.Helper()
		w.newMessage(t, w.principal(t, "writer"), w.thread)
		return w.thread
	}
	all["MarkRead"] = func(t *testing.T, w *world, _ principal) proto.Message {
		t.Helper()
		return &threadsv1.MarkReadRequest{Name: unread(t, w), ThroughSequence: 2}
	}
	all["BatchMarkRead"] = func(t *testing.T, w *world, _ principal) proto.Message {
		t.Helper()
		return &threadsv1.BatchMarkReadRequest{Parent: w.workspace, Marks: []*threadsv1.ReadMark{{Thread: unread(t, w), ThroughSequence: 2}}}
	}
	all["FollowThread"] = func(t *testing.T, w *world, _ principal) proto.Message {
		t.Helper()
		_, err := threadsv1.NewReadServiceClient(w.conn).UnfollowThread(as(t.Context(), w.owner.token), &threadsv1.UnfollowThreadRequest{Name: w.thread})
		require.NoError(t, err)
		return &threadsv1.FollowThreadRequest{Name: w.thread}
	}
	all["UnmuteThread"] = func(t *testing.T, w *world, _ principal) proto.Message {
		t.Helper()
		_, err := threadsv1.NewReadServiceClient(w.conn).MuteThread(as(t.Context(), w.owner.token), &threadsv1.MuteThreadRequest{Name: w.thread})
		require.NoError(t, err)
		return &threadsv1.UnmuteThreadRequest{Name: w.thread}
	}
	all["CreateWorkingSchedule"] = func(t *testing.T, w *world, _ principal) proto.Message {
		t.Helper()
		return &availabilityv1.CreateWorkingScheduleRequest{
			Parent:          w.join(t, "fresh", directoryv1.Member_MEMBER, optionsv1.Access_RIGHT_UNSPECIFIED).member,
			WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: "Asia/Kathmandu"},
		}
	}
	all["CreateTimeOff"] = func(t *testing.T, w *world, p principal) proto.Message {
		t.Helper()
		in, ok := requests()["CreateTimeOff"](t, w, p).(*availabilityv1.CreateTimeOffRequest)
		require.True(t, ok)
		in.TimeOff.Note = random("Note ")
		return in
	}
	policies := 0
	all["UpdateTimeOffPolicy"] = func(_ *testing.T, w *world, _ principal) proto.Message {
		policies++ // each time other kinds
		policy := &availabilityv1.TimeOffPolicy{Name: w.workspace + "/timeOffPolicy"}
		for kind := availabilityv1.TimeOff_VACATION; kind <= availabilityv1.TimeOff_OTHER; kind++ {
			if (policies%15+1)>>(kind-1)&1 == 1 {
				policy.ApprovalKinds = append(policy.ApprovalKinds, kind)
			}
		}
		return &availabilityv1.UpdateTimeOffPolicyRequest{TimeOffPolicy: policy}
	}
	minute := int32(0)
	all["CreateDefaultSchedule"] = func(_ *testing.T, w *world, _ principal) proto.Message {
		minute++
		return &availabilityv1.CreateDefaultScheduleRequest{Parent: w.workspace, DefaultSchedule: &availabilityv1.DefaultSchedule{
			Windows: []*availabilityv1.WeeklyWindow{{
				Days: []dayofweek.DayOfWeek{dayofweek.DayOfWeek_MONDAY}, StartTime: &timeofday.TimeOfDay{Hours: 8, Minutes: minute}, EndTime: &timeofday.TimeOfDay{Hours: 16},
			}},
		}}
	}
	return all
}

// TestTheSameRequestTwiceDoesOneThing sends every write with one request_id many times at once and once more
// afterwards, and compares what came of it, by the stream, with what comes of a request that is sent once.
func TestTheSameRequestTwiceDoesOneThing(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	book := s.ledger(t, w.workspace)
	builders := freshRequests()
	for _, m := range replayed() {
		build := func(t *testing.T) proto.Message {
			t.Helper()
			fresh := *w
			fresh.thread = w.newThread(t, w.space)
			fresh.message = fresh.newMessage(t, w.owner, fresh.thread)
			return builders[string(m.Name())](t, &fresh, w.owner)
		}
		t.Run(string(m.Name()), func(t *testing.T) {
			once := build(t)
			book.new(t)
			_, err := w.send(t, m, once)
			require.NoError(t, err)
			effects := types(ofService(book.new(t), m))
			if !slices.Contains(untold, string(m.Name())) {
				require.NotEmpty(t, effects, "the request changes something")
			}

			in := build(t)
			id := withRequestID(in)
			book.new(t)
			first := w.sendTwins(t, m, in)
			again, err := w.send(t, m, in)
			first.add(t, again, err)
			require.Equal(t, effects, types(ofService(book.new(t), m)), "%d calls have the effects of one", twins+1)
			first.requireOneResource(t, m)

			other := variant(t, build(t), in)
			other.ProtoReflect().Set(m.Input().Fields().ByName("request_id"), protoreflect.ValueOfString(id))
			book.new(t)
			_, err = w.send(t, m, other)
			require.Equal(t, codes.InvalidArgument, status.Code(err), "another body under the same id: %v", err)
			requireRefusal(t, err, "REQUEST_ID_REUSED", "request_id")
			require.Empty(t, lines(ofService(book.new(t), m)))
		})
	}
}

// ofService leaves the events of the service whose method it is, but for those that time brings about. What follows from them
// elsewhere, or later, hangs on what else is open there, and is made once for each event.
func ofService(happened []entry, m protoreflect.MethodDescriptor) []entry {
	return slices.DeleteFunc(happened, func(e entry) bool {
		return !strings.HasPrefix(e.Type, string(m.ParentFile().Package())+".") || slices.Contains(byTime, e.Type)
	})
}

// withRequestID gives the request an id.
func withRequestID(in proto.Message) string {
	id := uuid.NewString()
	msg := in.ProtoReflect()
	msg.Set(msg.Descriptor().Fields().ByName("request_id"), protoreflect.ValueOfString(id))
	return id
}

// send calls a method as the owner.
func (w *world) send(t *testing.T, m protoreflect.MethodDescriptor, in proto.Message) (proto.Message, error) {
	t.Helper()
	out, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	require.NoError(t, err)
	answer := out.New().Interface()
	err = w.conn.Invoke(as(t.Context(), w.owner.token), "/"+string(m.Parent().FullName())+"/"+string(m.Name()), in, answer)
	return answer, err
}

// outcomes are the answers to one request sent many times.
type outcomes struct {
	answers []proto.Message
	refused []error
}

func (o *outcomes) add(t *testing.T, answer proto.Message, err error) {
	t.Helper()
	if err == nil {
		o.answers = append(o.answers, answer)
		return
	}
	o.refused = append(o.refused, err)
}

func (w *world) sendTwins(t *testing.T, m protoreflect.MethodDescriptor, in proto.Message) *outcomes {
	t.Helper()
	answers, errs := make([]proto.Message, twins), make([]error, twins)
	begin := make(chan struct{})
	var all sync.WaitGroup
	for i := range twins {
		all.Go(func() {
			<-begin
			answers[i], errs[i] = w.send(t, m, in)
		})
	}
	close(begin)
	all.Wait()
	o := &outcomes{}
	for i := range twins {
		o.add(t, answers[i], errs[i])
	}
	return o
}

// requireOneResource checks that every answer names the same resources, and that a secret was told once.
func (o *outcomes) requireOneResource(t *testing.T, m protoreflect.MethodDescriptor) {
	t.Helper()
	secret := slices.ContainsFunc([]protoreflect.Name{"secret", "code", "inbox_prefix", "url"}, func(field protoreflect.Name) bool {
		return m.Output().Fields().ByName(field) != nil
	})
	if !secret {
		require.Empty(t, o.refused)
		for _, answer := range o.answers[1:] {
			require.Equal(t, names(o.answers[0]), names(answer))
		}
		return
	}
	require.Len(t, o.answers, 1, "a secret is told once: %v", o.refused)
	for _, err := range o.refused {
		require.Equal(t, codes.AlreadyExists, status.Code(err), "%v", err)
		told := requireRefusal(t, err, "ALREADY_EXISTS", "").metadata["name"]
		require.Contains(t, names(o.answers[0]), told)
	}
}

// nameFields hold names of what a request made or changed.
var nameFields = []protoreflect.Name{"name", "message", "thread"}

// names are the names of resources in an answer, in its order.
func names(answer proto.Message) []string {
	var found []string
	var walk func(m protoreflect.Message)
	walk = func(m protoreflect.Message) {
		fields := m.Descriptor().Fields()
		for i := range fields.Len() {
			field := fields.Get(i)
			switch value := m.Get(field); {
			case field.IsMap():
			case field.IsList() && field.Message() != nil:
				for j := range value.List().Len() {
					walk(value.List().Get(j).Message())
				}
			case field.IsList():
			case field.Message() != nil:
				if m.Has(field) {
					walk(value.Message())
				}
			case field.Kind() == protoreflect.StringKind && slices.Contains(nameFields, field.Name()):
				found = append(found, value.String())
			}
		}
	}
	walk(answer.ProtoReflect())
	return found
}

// changeable are fields that take any text.
var changeable = []protoreflect.Name{"display_name", "title", "body", "outcome", "description", "note"}

// variant is a request that differs from the first: the other one as it was built, or with another text.
func variant(t *testing.T, other, first proto.Message) proto.Message {
	t.Helper()
	withRequestID(other)
	var change func(m protoreflect.Message)
	change = func(m protoreflect.Message) {
		m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
			switch {
			case field.Kind() == protoreflect.StringKind && !field.IsList() && slices.Contains(changeable, field.Name()):
				m.Set(field, protoreflect.ValueOfString(random("Other ")))
			case field.Message() != nil && !field.IsList() && !field.IsMap():
				change(value.Message())
			}
			return true
		})
	}
	change(other.ProtoReflect())
	a, b := proto.Clone(other), proto.Clone(first)
	for _, m := range []proto.Message{a, b} {
		m.ProtoReflect().Clear(m.ProtoReflect().Descriptor().Fields().ByName("request_id"))
	}
	require.False(t, proto.Equal(a, b), "the walk has no other body for %T", first)
	return other
}

// TestAnIdempotencyKeyIsARequestID does the same over HTTP, where the id may be a header.
func TestAnIdempotencyKeyIsARequestID(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	thread := h.thread(t, h.space(t, directoryv1.Space_OPEN), "Twice")
	url := h.http() + "/v1/" + thread + "/messages"
	key := uuid.NewString()
	answers := make([]answer, twins)
	var all sync.WaitGroup
	for i := range twins {
		all.Go(func() {
			answers[i] = sendWith(t, http.MethodPost, url, h.owner.token, []byte(`{"body":"once"}`), "Idempotency-Key", key)
		})
	}
	all.Wait()
	for _, a := range answers {
		require.Equal(t, http.StatusOK, a.code, "%s", a.body)
		require.Contains(t, string(a.body), fmt.Sprintf("%q", thread+"/messages/1"))
	}
	other := sendWith(t, http.MethodPost, url, h.owner.token, []byte(`{"body":"other"}`), "Idempotency-Key", key)
	require.Equal(t, http.StatusBadRequest, other.code, "%s", other.body)
	requireRefusal(t, other.refused(t), "REQUEST_ID_REUSED", "request_id")
	var page struct{ Messages []message }
	getJSON(t, url, h.owner.token, &page)
	require.Len(t, page.Messages, 1)
}
