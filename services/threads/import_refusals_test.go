package threads

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func TestImportRefusals(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	member := a.member(a.ws, auth.Member, "bob")
	hidden := a.world.space(a.ws, true)
	stranger := a.member(uuid.Must(uuid.NewV7()), auth.Owner, "sam")
	refused := func(change func(m *threadsv1.ImportedMessage)) error {
		mail := a.mail("2", "1", "1", 0)
		change(mail)
		_, err := a.call(a.ada, "", a.mail("1", "", "1", 0), mail)
		return err
	}
	for field, change := range map[string]func(m *threadsv1.ImportedMessage){
		"external_id":        func(m *threadsv1.ImportedMessage) { m.ExternalId = "" },
		"thread_external_id": func(m *threadsv1.ImportedMessage) { m.ThreadExternalId = "" },
		"parent_external_id": func(m *threadsv1.ImportedMessage) { m.ParentExternalId = strings.Repeat("x", 999) },
		"subject":            func(m *threadsv1.ImportedMessage) { m.Subject = "two\nlines" },
		"author":             func(m *threadsv1.ImportedMessage) { m.Author = domain.MemberName(a.ws, uuid.New()) },
		"body":               func(m *threadsv1.ImportedMessage) { m.Body = strings.Repeat("x", 64<<10+1) },
		"create_time":        func(m *threadsv1.ImportedMessage) { m.CreateTime = nil },
		"utc_offset":         func(m *threadsv1.ImportedMessage) { m.UtcOffset = durationpb.New(90 * time.Second) },
	} {
		rpctest.FailedField(t, refused(change), fault.ReasonFieldInvalid, "messages[1]."+field)
	}
	require.Equal(t, 1, a.directory.asked, "the directory is asked about an author once")
	rpctest.FailedField(t, refused(func(m *threadsv1.ImportedMessage) { m.Author = stranger.name() }), fault.ReasonFieldInvalid, "messages[1].author")
	rpctest.FailedField(t, refused(func(m *threadsv1.ImportedMessage) { m.Body = "a\x00b" }), fault.ReasonFieldInvalid, "messages[1].body")
	for _, at := range []time.Time{time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), epoch.AddDate(0, 0, 2)} {
		rpctest.FailedField(t, refused(func(m *threadsv1.ImportedMessage) { m.CreateTime = timestamppb.New(at) }), fault.ReasonFieldInvalid, "messages[1].create_time")
	}
	_, err := a.call(a.ada, "")
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "messages")
	_, err = a.call(member, "", a.mail("1", "", "1", 0))
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = a.call(stranger, "", a.mail("1", "", "1", 0))
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = a.messages.ImportMessages(a.ada.ctx, &threadsv1.ImportMessagesRequest{
		Parent: domain.SpaceName(a.ws, hidden), Messages: []*threadsv1.ImportedMessage{a.mail("1", "", "1", 0)},
	})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	a.grant(a.ws, hidden, a.ada.Member, auth.Reader)
	_, err = a.messages.ImportMessages(a.ada.ctx, &threadsv1.ImportMessagesRequest{
		Parent: domain.SpaceName(a.ws, hidden), Messages: []*threadsv1.ImportedMessage{a.mail("1", "", "1", 0)},
	})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	require.Empty(t, a.threadList())
	require.Empty(t, a.unpublished(), "what was refused has done nothing")
}

// An author whom the projection has not heard of yet is asked for.
func TestImportAsksForNewAuthors(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	mail := a.mail("1", "", "1", 0)
	id := uuid.Must(uuid.NewV7())
	mail.Author = domain.MemberName(a.ws, id)
	a.directory.answer = func() {
		a.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
			VALUES ($1, $2, 'New', '', 'UTC', 2, 1, 1, 1) ON CONFLICT DO NOTHING`, a.ws, id)
	}
	require.Equal(t, "I", outcomes(a.bring(mail)))
	a.directory.down = fault.New(fault.Unavailable, fault.ReasonUnavailable, "down")
	a.directory.answer = nil
	mail = a.mail("2", "", "2", 0)
	mail.Author = domain.MemberName(a.ws, uuid.New())
	_, err := a.call(a.ada, "", mail)
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
}

// The same ids in another space, or in another workspace, are other messages.
func TestImportStaysInItsSpace(t *testing.T) {
	t.Parallel()
	a := newArchive(t)
	first := a.bring(a.mail("1", "", "1", 0))[0]
	b := *a
	b.space = a.world.space(a.ws, false)
	second := b.bring(b.mail("1", "", "1", 0), b.mail("2", "1", "1", 0))
	require.Equal(t, "II", outcomes(second))
	require.NotEqual(t, first.GetThread(), second[0].GetThread())
	c := archive{world: a.world, ws: uuid.Must(uuid.NewV7())}
	c.space, c.ada = a.world.space(c.ws, false), a.member(c.ws, auth.Admin, "ada")
	require.Equal(t, "I", outcomes(c.bring(c.mail("1", "", "1", 0))))
	require.Len(t, c.threadList(), 1)
	require.Len(t, a.threadList(), 2)
}
