package tasks

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
)

// check asks as notifications does.
func (o *office) check(source string, members ...person) []*notificationsv1.SourceState {
	o.t.Helper()
	req := &notificationsv1.CheckSourcesRequest{Parent: o.parent}
	for _, m := range members {
		req.Checks = append(req.Checks, &notificationsv1.SourceCheck{Source: source, Member: m.name()})
	}
	resp, err := o.sources.CheckSources(o.authority.AsService(o.t, o.ctx, "notifications"), req)
	require.NoError(o.t, err)
	require.Len(o.t, resp.GetStates(), len(members))
	return resp.GetStates()
}

func TestSourcesOfHandoffs(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.work()
	ben, chitra, guest := o.joins("Ben"), o.joins("Chitra"), o.member(o.ws, auth.Guest, "Guest")
	task := o.held(o.ana).GetName()
	h, err := o.handoffs.HandOff(o.ana.ctx, &tasksv1.HandOffRequest{Name: task, Recipient: ben.name(), Note: &tasksv1.HandoffNote{
		NextSteps: "Fit it.", Done: strings.Repeat("ü", 2000), Blockers: "No seal.", Questions: []string{"Which?"}, Links: []string{"https://example.org"},
	}})
	require.NoError(t, err)
	o.settle()
	states := o.check(h.GetName(), ben, chitra, o.ana, guest)
	require.True(t, states[0].GetWaiting())
	require.False(t, states[0].GetRead())
	require.Equal(t, epoch.Add(4*time.Hour), states[0].GetDueTime().AsTime())
	require.Equal(t, "Replace the pump", states[0].GetTitle())
	require.True(t, strings.HasPrefix(states[0].GetText(), "**Next steps**\n\nFit it.\n\n**Blockers**\n\nNo seal.\n\n**Questions**\n\n- Which?\n\n**Done**"))
	require.LessOrEqual(t, len(states[0].GetText()), 2048)
	for _, state := range states[1:3] {
		require.False(t, state.GetGone())
		require.False(t, state.GetWaiting())
		require.Empty(t, state.GetSettledReason(), "it never waited for them")
		require.Nil(t, state.GetDueTime())
	}
	require.Equal(t, (&notificationsv1.SourceState{Gone: true}).String(), states[3].String(), "what cannot be read is gone, and nothing else is said")

	o.clock.Advance(5 * time.Hour)
	require.Equal(t, "expired", o.check(h.GetName(), ben)[0].GetSettledReason())
	for want, end := range map[string]func(h string) error{
		"accepted":  func(h string) error { _, err := o.accept(ben, h); return err },
		"declined":  func(h string) error { _, err := o.decline(ben, h); return err },
		"withdrawn": func(h string) error { _, err := o.withdraw(o.ana, h); return err },
	} {
		h := o.offer(o.ana, o.held(o.ana).GetName(), ben).GetName()
		require.NoError(t, end(h))
		state := o.check(h, ben)[0]
		require.False(t, state.GetWaiting())
		require.Equal(t, want, state.GetSettledReason())
	}

	team := o.offerTeam(o.ana, o.held(o.ana).GetName(), o.team(o.ws, "relay", o.ana, ben, chitra)).GetName()
	states = o.check(team, o.ana, ben, chitra)
	require.False(t, states[0].GetWaiting(), "not for its giver")
	require.True(t, states[1].GetWaiting())
	require.True(t, states[2].GetWaiting())
	_, err = o.decline(ben, team)
	require.NoError(t, err)
	require.Equal(t, "declined", o.check(team, ben)[0].GetSettledReason())
	require.True(t, o.check(team, chitra)[0].GetWaiting())
	_, err = o.accept(chitra, team)
	require.NoError(t, err)
	require.Equal(t, "accepted by Chitra", o.check(team, ben)[0].GetSettledReason())
}

func TestSourcesOfTasksAndOfOthers(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	guest := o.member(o.ws, auth.Guest, "Guest")
	due := epoch.Add(48 * time.Hour)
	task := o.newTask(o.ana, &tasksv1.Task{Holder: o.ana.name(), Description: strings.Repeat("x", 3000), DueTime: timestamppb.New(due)})
	states := o.check(task.GetName(), o.ana, guest)
	require.Equal(t, "Replace the pump", states[0].GetTitle())
	require.Len(t, states[0].GetText(), 2048)
	require.Equal(t, due, states[0].GetDueTime().AsTime())
	require.False(t, states[0].GetWaiting())
	require.True(t, states[1].GetGone())
	for _, source := range []string{
		domain.TaskName(o.ws, uuid.Must(uuid.NewV7())), domain.HandoffName(o.ws, uuid.Must(uuid.NewV7())),
		o.parent + "/asks/" + uuid.NewString(), o.parent + "/threads/" + uuid.NewString() + "/messages/3",
	} {
		require.True(t, o.check(source, o.ana)[0].GetGone(), source)
	}
	_, err := o.sources.CheckSources(o.authority.AsService(t, t.Context(), "notifications"), &notificationsv1.CheckSourcesRequest{
		Parent: o.parent, Checks: []*notificationsv1.SourceCheck{{Source: "workspaces/" + uuid.NewString() + "/tasks/" + uuid.NewString(), Member: o.ana.name()}},
	})
	rpctest.FailedField(t, err, fault.ReasonFieldInvalid, "checks[0].source")
	none, err := o.sources.ListFollowedActivity(o.authority.AsService(t, t.Context(), "notifications"),
		&notificationsv1.ListFollowedActivityRequest{Parent: o.parent, Member: o.ana.name()})
	require.NoError(t, err)
	require.Empty(t, none.GetActivities())
}

// Only notifications asks.
func TestSourcesAreForNotifications(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	req := &notificationsv1.CheckSourcesRequest{Parent: o.parent, Checks: []*notificationsv1.SourceCheck{{Source: o.held(o.ana).GetName(), Member: o.ana.name()}}}
	_, err := o.sources.CheckSources(o.ana.ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = o.sources.CheckSources(o.authority.AsService(t, t.Context(), "threads"), req)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	o.directory.stale = fault.New(fault.Unavailable, fault.ReasonUnavailable, "the directory is away")
	_, err = o.sources.CheckSources(o.authority.AsService(t, t.Context(), "notifications"), req)
	rpctest.Failed(t, err, codes.Unavailable, fault.ReasonUnavailable)
}
