package directory_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

func TestATeamIsMadeChangedAndDeleted(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, ada := w.join(t, "mia", member), w.join(t, "ada", admin)
	req := &directoryv1.CreateTeamRequest{
		Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "Night Ops", Description: "Keeps watch"}, RequestId: requestID(),
	}
	_, err := h.teams.CreateTeam(mia.ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	made, err := h.teams.CreateTeam(ada.ctx, req)
	require.NoError(t, err)
	require.Equal(t, "night-ops", made.GetHandle())
	for _, err := range atOnce(4, func(int) error {
		again, err := h.teams.CreateTeam(ada.ctx, req)
		if err == nil && again.GetName() != made.GetName() {
			t.Errorf("made %s again as %s", made.GetName(), again.GetName())
		}
		return err
	}) {
		require.NoError(t, err)
	}
	_, err = h.teams.CreateTeam(ada.ctx, &directoryv1.CreateTeamRequest{
		Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "x", Handle: "mia"},
	})
	s := rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	require.Equal(t, []string{"team.handle"}, rpctest.Fields(s), "members and teams share their handles")

	changed, err := h.teams.UpdateTeam(ada.ctx, &directoryv1.UpdateTeamRequest{
		Team: &directoryv1.Team{Name: made.GetName(), Handle: "ops", Etag: made.GetEtag()}, UpdateMask: paths("handle", "description"),
	})
	require.NoError(t, err)
	require.Equal(t, "ops", changed.GetHandle())
	require.Empty(t, changed.GetDescription(), "in the mask and empty")
	_, err = h.teams.UpdateTeam(ada.ctx, &directoryv1.UpdateTeamRequest{
		Team: &directoryv1.Team{Name: made.GetName(), Handle: "x", Etag: made.GetEtag()}, UpdateMask: paths("handle"),
	})
	rpctest.Failed(t, err, codes.Aborted, "ETAG_STALE")
	got, err := h.teams.GetTeam(mia.ctx, &directoryv1.GetTeamRequest{Name: made.GetName()})
	require.NoError(t, err)
	require.Equal(t, changed.GetEtag(), got.GetEtag())

	gone := &directoryv1.DeleteTeamRequest{Name: made.GetName(), RequestId: requestID()}
	deleted, err := h.teams.DeleteTeam(ada.ctx, gone)
	require.NoError(t, err)
	require.NotNil(t, deleted.GetDeleteTime())
	again, err := h.teams.DeleteTeam(ada.ctx, gone)
	require.NoError(t, err)
	require.Equal(t, deleted.GetVersion(), again.GetVersion())
	_, err = h.teams.DeleteTeam(ada.ctx, &directoryv1.DeleteTeamRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = h.teams.GetTeam(mia.ctx, &directoryv1.GetTeamRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = h.teams.ListTeamMembers(mia.ctx, &directoryv1.ListTeamMembersRequest{Parent: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	// Its handle is free.
	_, err = h.teams.CreateTeam(ada.ctx, &directoryv1.CreateTeamRequest{
		Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "Ops", Handle: "ops"},
	})
	require.NoError(t, err)
	listed, err := h.teams.ListTeams(mia.ctx, &directoryv1.ListTeamsRequest{Parent: w.GetName(), Filter: `display_name : "op"`, OrderBy: "handle desc"})
	require.NoError(t, err)
	require.Len(t, listed.GetTeams(), 1)
	its := slices.DeleteFunc(w.events(t), func(e event) bool { return e.Subject != made.GetName() })
	require.Equal(t, []string{"TeamCreated", "TeamUpdated", "TeamDeleted"}, types(its))
}

func TestTeamMembersComeAndGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, bo := w.join(t, "mia", member), w.join(t, "bo", guest)
	team, err := h.teams.CreateTeam(w.owner.ctx, &directoryv1.CreateTeamRequest{
		Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "Ops"},
	})
	require.NoError(t, err)
	add := &directoryv1.AddTeamMembersRequest{Name: team.GetName(), RequestId: requestID(), Members: []*directoryv1.TeamMember{
		{Member: mia.GetName(), Lead: true}, {Member: bo.GetName()},
	}}
	got, err := h.teams.AddTeamMembers(w.owner.ctx, add)
	require.NoError(t, err)
	require.EqualValues(t, 2, got.GetVersion())
	again, err := h.teams.AddTeamMembers(w.owner.ctx, add)
	require.NoError(t, err)
	require.EqualValues(t, 2, again.GetVersion())
	add.RequestId = ""
	same, err := h.teams.AddTeamMembers(w.owner.ctx, add)
	require.NoError(t, err)
	require.EqualValues(t, 2, same.GetVersion(), "nothing changed")
	meta, changed := last[*directoryv1.TeamMembersChanged](t, w.events(t))
	require.EqualValues(t, 2, meta.Version)
	require.Len(t, changed.GetChanges(), 2)
	require.True(t, changed.GetChanges()[0].GetLead())
	require.EqualValues(t, 2, changed.GetChanges()[1].GetVersion())

	page, err := h.teams.ListTeamMembers(mia.ctx, &directoryv1.ListTeamMembersRequest{Parent: team.GetName(), PageSize: 1})
	require.NoError(t, err)
	rest, err := h.teams.ListTeamMembers(mia.ctx, &directoryv1.ListTeamMembersRequest{
		Parent: team.GetName(), PageSize: 1, PageToken: page.GetNextPageToken(),
	})
	require.NoError(t, err)
	require.Empty(t, rest.GetNextPageToken())
	require.ElementsMatch(t, []string{mia.GetName(), bo.GetName()},
		[]string{page.GetTeamMembers()[0].GetMember(), rest.GetTeamMembers()[0].GetMember()})

	_, err = h.teams.RemoveTeamMembers(w.owner.ctx, &directoryv1.RemoveTeamMembersRequest{Name: team.GetName(), Members: []string{bo.GetName()}})
	require.NoError(t, err)
	left, err := h.teams.ListTeamMembers(mia.ctx, &directoryv1.ListTeamMembersRequest{Parent: team.GetName()})
	require.NoError(t, err)
	require.Len(t, left.GetTeamMembers(), 1)

	twice := []*directoryv1.TeamMember{{Member: bo.GetName()}, {Member: bo.GetName(), Lead: true}}
	_, err = h.teams.AddTeamMembers(w.owner.ctx, &directoryv1.AddTeamMembersRequest{Name: team.GetName(), Members: twice})
	rpctest.FailedField(t, err, "FIELD_INVALID", "members[1]")
	other := h.found(t)
	for _, stranger := range []string{other.owner.GetName(), w.GetName() + "/members/" + w.GetUid()} {
		_, err = h.teams.AddTeamMembers(w.owner.ctx, &directoryv1.AddTeamMembersRequest{
			Name: team.GetName(), Members: []*directoryv1.TeamMember{{Member: stranger}},
		})
		rpctest.FailedField(t, err, "FIELD_INVALID", "members[0].member")
	}
	_, err = h.members.DeactivateMember(w.owner.ctx, &directoryv1.DeactivateMemberRequest{Name: bo.GetName()})
	require.NoError(t, err)
	_, err = h.teams.AddTeamMembers(w.owner.ctx, &directoryv1.AddTeamMembersRequest{
		Name: team.GetName(), Members: []*directoryv1.TeamMember{{Member: bo.GetName()}},
	})
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_DEACTIVATED")
	_, err = h.teams.AddTeamMembers(mia.ctx, &directoryv1.AddTeamMembersRequest{Name: team.GetName(), Members: twice[:1]})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
}
