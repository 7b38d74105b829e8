package directory_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

func TestTheRecordSaysWhoDidWhat(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", member)
	h.clock.Advance(time.Hour)
	since := h.clock.Now()
	ctx := metadata.AppendToOutgoingContext(w.owner.ctx, "x-forwarded-for", "192.0.2.1, 203.0.113.7")
	_, err := h.members.UpdateMember(ctx, &directoryv1.UpdateMemberRequest{
		Member: &directoryv1.Member{Name: mia.GetName(), Role: guest}, UpdateMask: paths("role"),
	})
	require.NoError(t, err)
	list := func(filter string) []*directoryv1.AuditEvent {
		got, err := h.audits.ListAuditEvents(w.owner.ctx, &directoryv1.ListAuditEventsRequest{Parent: w.GetName(), Filter: filter})
		require.NoError(t, err)
		return got.GetAuditEvents()
	}
	all := list("")
	var actions []string
	for _, a := range all {
		actions = append(actions, a.GetAction())
	}
	require.Equal(t, "member.update", actions[0], "newest first")
	require.ElementsMatch(t, []string{"member.update", "member.accept_invitation", "member.invite", "workspace.create"}, actions)
	one := list(`create_time >= "` + since.Format(time.RFC3339) + `"`)
	require.Len(t, one, 1)
	require.Equal(t, w.owner.GetName(), one[0].GetActor())
	require.Equal(t, mia.GetName(), one[0].GetResource())
	require.Equal(t, w.owner.token.GetName(), one[0].GetApiToken())
	require.Equal(t, "203.0.113.7 via 127.0.0.1", one[0].GetOrigin(), "what the caller put there itself stands before")
	require.Equal(t, map[string]string{"role": "GUEST"}, one[0].GetDetails())
	require.Len(t, list(`resource = "`+mia.GetName()+`"`), 3)

	first, err := h.audits.ListAuditEvents(w.owner.ctx, &directoryv1.ListAuditEventsRequest{Parent: w.GetName(), PageSize: 3})
	require.NoError(t, err)
	rest, err := h.audits.ListAuditEvents(w.owner.ctx, &directoryv1.ListAuditEventsRequest{
		Parent: w.GetName(), PageSize: 3, PageToken: first.GetNextPageToken(),
	})
	require.NoError(t, err)
	require.Len(t, rest.GetAuditEvents(), 1)
	require.Equal(t, all[3].GetName(), rest.GetAuditEvents()[0].GetName())
	_, err = h.audits.ListAuditEvents(w.owner.ctx, &directoryv1.ListAuditEventsRequest{Parent: w.GetName(), Filter: `origin = "x"`})
	rpctest.FailedField(t, err, "FILTER_INVALID", "filter")
	_, err = h.audits.ListAuditEvents(h.as(t, mia.secret), &directoryv1.ListAuditEventsRequest{Parent: w.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
}

// The record is append-only for the role that writes it, and the keys are not its to read.
func TestTheAppRoleNeitherAltersTheRecordNorReadsTheKeys(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	for _, sql := range []string{
		"UPDATE audit_events SET actor = 'x'", "DELETE FROM audit_events", "TRUNCATE audit_events",
		"SELECT seed FROM signing_keys", "DELETE FROM signing_keys", "UPDATE key_rotation SET due_time = clock_timestamp()",
	} {
		_, err := h.db.App.For(w.id(t)).Exec(t.Context(), sql)
		require.ErrorContains(t, err, "permission denied", sql)
	}
}

// Every change of the domain has its record in the same transaction: as many events of audit as rows.
func TestEveryRecordIsPublished(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", member)
	w.space(t, mia, "Docs", directoryv1.Space_OPEN)
	_, err := h.tokens.CreateApiToken(mia.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "x", Scopes: []string{"*"}},
	})
	require.NoError(t, err)
	got, err := h.audits.ListAuditEvents(w.owner.ctx, &directoryv1.ListAuditEventsRequest{Parent: w.GetName()})
	require.NoError(t, err)
	published := map[string]bool{}
	for _, e := range w.events(t) {
		if a, ok := e.payload.(*directoryv1.AuditRecorded); ok {
			published[a.GetAuditEvent().GetName()] = true
			require.Contains(t, e.Subject, "/auditEvents/")
		}
		require.NotContains(t, fmt.Sprint(e.payload), "mrd_")
	}
	require.Len(t, published, len(got.GetAuditEvents()))
	for _, a := range got.GetAuditEvents() {
		require.True(t, published[a.GetName()])
	}
}
