package threads

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// While the projection of rights is not known to follow the directory, no method answers from it.
func TestAStaleProjectionServesNothing(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	thread := a.begin(a.ada, a.space, "t").GetName()
	message := a.post(a.ada, thread, "hello").GetName()
	parent, ask := domain.WorkspaceName(a.ws), domain.AskName(a.ws, uuid.Must(uuid.NewV7()))
	requests := []proto.Message{
		&threadsv1.GetThreadRequest{Name: thread},
		&threadsv1.ListThreadsRequest{Parent: parent},
		&threadsv1.CreateThreadRequest{Parent: parent, Thread: &threadsv1.Thread{Space: domain.SpaceName(a.ws, a.space), Title: "u"}},
		&threadsv1.UpdateThreadRequest{Thread: &threadsv1.Thread{Name: thread, Title: "u"}},
		&threadsv1.ResolveThreadRequest{Name: thread, Outcome: "o"},
		&threadsv1.ReopenThreadRequest{Name: thread},
		&threadsv1.ArchiveThreadRequest{Name: thread},
		&threadsv1.GetMessageRequest{Name: message},
		&threadsv1.ListMessagesRequest{Parent: thread},
		&threadsv1.CreateMessageRequest{Parent: thread, Message: &threadsv1.Message{Body: "b"}},
		&threadsv1.UpdateMessageRequest{Message: &threadsv1.Message{Name: message, Body: "b"}},
		&threadsv1.DeleteMessageRequest{Name: message},
		&threadsv1.ListMessageRevisionsRequest{Parent: message},
		&threadsv1.AddReactionRequest{Name: message, Emoji: "👍"},
		&threadsv1.RemoveReactionRequest{Name: message, Emoji: "👍"},
		&threadsv1.ImportMessagesRequest{Parent: domain.SpaceName(a.ws, a.space), Messages: []*threadsv1.ImportedMessage{a.mail("1", "", "1", 0)}},
		&threadsv1.GetReadStateRequest{Name: thread + "/readState"},
		&threadsv1.ListReadStatesRequest{Parent: parent},
		&threadsv1.MarkReadRequest{Name: thread, ThroughSequence: 1},
		&threadsv1.BatchMarkReadRequest{Parent: parent, Marks: []*threadsv1.ReadMark{{Thread: thread, ThroughSequence: 1}}},
		&threadsv1.FollowThreadRequest{Name: thread},
		&threadsv1.UnfollowThreadRequest{Name: thread},
		&threadsv1.MuteThreadRequest{Name: thread},
		&threadsv1.UnmuteThreadRequest{Name: thread},
		&threadsv1.SearchMessagesRequest{Parent: parent, Query: "hello"},
		&threadsv1.GetAskRequest{Name: ask},
		&threadsv1.ListAsksRequest{Parent: parent},
		&threadsv1.AnswerAskRequest{Name: ask},
		&threadsv1.DeclineAskRequest{Name: ask, Reason: "r"},
		&threadsv1.ReassignAskRequest{Name: ask, Member: a.ada.name()},
		&threadsv1.WithdrawAskRequest{Name: ask},
	}
	byName := map[protoreflect.FullName]proto.Message{}
	for _, r := range requests {
		byName[r.ProtoReflect().Descriptor().FullName()] = r
	}
	a.directory.stale = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the directory is away")
	for _, m := range methods() {
		req := byName[m.Input().FullName()]
		require.NotNil(t, req, "a request of %s", m.FullName())
		_, err := a.invoke(a.ada.ctx, m, req)
		rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	}
	_, err := a.check(a.ada, message)
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
	_, err = a.activity(a.ada, 0, "")
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
}

// methods are all that the service serves.
func methods() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFilesByPackage("meridian.threads.v1", func(fd protoreflect.FileDescriptor) bool {
		for i := range fd.Services().Len() {
			of := fd.Services().Get(i).Methods()
			for j := range of.Len() {
				all = append(all, of.Get(j))
			}
		}
		return true
	})
	return all
}

func (w *world) invoke(ctx context.Context, m protoreflect.MethodDescriptor, req proto.Message) (proto.Message, error) {
	output, err := protoregistry.GlobalTypes.FindMessageByName(m.Output().FullName())
	require.NoError(w.t, err)
	resp := output.New().Interface()
	return resp, w.conn.Invoke(ctx, fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()), req, resp)
}
