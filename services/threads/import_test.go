package threads

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// archive is a space that an administrator imports into.
type archive struct {
	*world
	ws, space uuid.UUID
	ada       person
}

func newArchive(t *testing.T) *archive {
	t.Helper()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	return &archive{world: w, ws: ws, space: w.space(ws, false), ada: w.member(ws, auth.Admin, "ada")}
}

// mail is a message written elsewhere, so many minutes after the archive began.
func (a *archive) mail(id, parent, conversation string, minute int) *threadsv1.ImportedMessage {
	return &threadsv1.ImportedMessage{
		ExternalId: id, ParentExternalId: parent, ThreadExternalId: conversation, Subject: "About " + conversation,
		Author: a.ada.name(), Body: "text of " + id, UtcOffset: durationpb.New(-3 * time.Hour),
		CreateTime: timestamppb.New(time.Date(2009, 11, 17, 10, minute, 0, 0, time.UTC)),
	}
}

func (a *archive) call(p person, requestID string, mails ...*threadsv1.ImportedMessage) (*threadsv1.ImportMessagesResponse, error) {
	return a.messages.ImportMessages(p.ctx, &threadsv1.ImportMessagesRequest{
		Parent: domain.SpaceName(a.ws, a.space), Messages: mails, RequestId: requestID,
	})
}

func (a *archive) bring(mails ...*threadsv1.ImportedMessage) []*threadsv1.ImportResult {
	a.t.Helper()
	resp, err := a.call(a.ada, "", mails...)
	require.NoError(a.t, err)
	require.Len(a.t, resp.GetResults(), len(mails))
	for i, r := range resp.GetResults() {
		require.Equal(a.t, mails[i].GetExternalId(), r.GetExternalId())
	}
	return resp.GetResults()
}

func (a *archive) threadList() []*threadsv1.Thread {
	a.t.Helper()
	resp, err := a.threads.ListThreads(a.ada.ctx, &threadsv1.ListThreadsRequest{
		Parent: domain.WorkspaceName(a.ws), OrderBy: "create_time", PageSize: 100,
	})
	require.NoError(a.t, err)
	return resp.GetThreads()
}

// idsOf are the external ids of a thread's messages in their sequence, which must be without gaps.
func (a *archive) idsOf(thread string) []string {
	a.t.Helper()
	var ids []string
	req := &threadsv1.ListMessagesRequest{Parent: thread, PageSize: 200}
	for {
		resp, err := a.messages.ListMessages(a.ada.ctx, req)
		require.NoError(a.t, err)
		for _, m := range resp.GetMessages() {
			ids = append(ids, m.GetExternalId())
			require.EqualValues(a.t, len(ids), m.GetSequence())
		}
		if req.PageToken = resp.GetNextPageToken(); req.GetPageToken() == "" {
			return ids
		}
	}
}

func TestImportKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	bob := a.memberIn(a.ws, auth.Member, "bob", "INVITED")
	gone := a.memberIn(a.ws, auth.Member, "gone", "DEACTIVATED")
	first, second, third := a.mail("1", "", "1", 0), a.mail("2", "1", "1", 5), a.mail("3", "?", "1", 3)
	second.Author, second.Body, second.UtcOffset = bob.name(), "", nil
	third.Author, third.Body = gone.name(), "hello @ada"
	results := a.bring(first, second, third)
	require.True(t, results[0].GetThreadCreated())
	require.False(t, results[1].GetThreadCreated())
	for i, r := range results {
		require.Equal(t, threadsv1.ImportResult_IMPORTED, r.GetOutcome())
		require.Equal(t, fmt.Sprintf("%s/messages/%d", r.GetThread(), i+1), r.GetMessage())
		require.Empty(t, r.GetJoinedThreads())
	}

	thread, err := a.threads.GetThread(a.ada.ctx, &threadsv1.GetThreadRequest{Name: results[0].GetThread()})
	require.NoError(t, err)
	require.Equal(t, "About 1", thread.GetTitle())
	require.Equal(t, a.ada.name(), thread.GetCreator())
	require.True(t, thread.GetImported())
	require.EqualValues(t, 3, thread.GetLastSequence())
	require.EqualValues(t, 4, thread.GetVersion())
	require.Equal(t, first.GetCreateTime().AsTime(), thread.GetCreateTime().AsTime())
	require.Equal(t, second.GetCreateTime().AsTime(), thread.GetActivityTime().AsTime(), "the latest")

	resp, err := a.messages.ListMessages(a.ada.ctx, &threadsv1.ListMessagesRequest{Parent: thread.GetName()})
	require.NoError(t, err)
	for i, mail := range []*threadsv1.ImportedMessage{first, second, third} {
		m := resp.GetMessages()[i]
		require.Equal(t, mail.GetAuthor(), m.GetAuthor())
		require.Equal(t, mail.GetBody(), m.GetBody())
		require.Equal(t, mail.GetExternalId(), m.GetExternalId())
		require.Equal(t, mail.GetCreateTime().AsTime(), m.GetCreateTime().AsTime())
		require.True(t, proto.Equal(mail.GetUtcOffset(), m.GetUtcOffset()))
		require.True(t, m.GetImported())
		require.Empty(t, m.GetMentions())
		require.EqualValues(t, 1, m.GetRevisionCount())
	}
	require.Equal(t, results[0].GetMessage(), resp.GetMessages()[1].GetReplyTo())
	require.Empty(t, resp.GetMessages()[2].GetReplyTo(), "its parent is not there")

	events := a.unpublished()
	require.Equal(t, []string{"ThreadCreated", "MessagePosted", "MessagePosted", "MessagePosted"}, kinds(events))
	for i, e := range events {
		require.Equal(t, thread.GetName(), e.aggregate)
		require.EqualValues(t, i+1, e.version)
	}
}
