package directory_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// keyOf names a row, to compare rows that come from different places.
func keyOf(row *directoryv1.AccessRow) string {
	switch r := row.GetRow().(type) {
	case *directoryv1.AccessRow_Workspace:
		return fmt.Sprintf("workspace %s urgent by %s v%d", r.Workspace.GetDisplayName(), r.Workspace.GetUrgentRole(), r.Workspace.GetVersion())
	case *directoryv1.AccessRow_Member:
		return fmt.Sprintf("%s %s v%d", r.Member.GetHandle(), r.Member.GetState(), r.Member.GetVersion())
	case *directoryv1.AccessRow_Team:
		return fmt.Sprintf("team %s deleted=%t v%d", r.Team.GetHandle(), r.Team.GetDeleteTime() != nil, r.Team.GetVersion())
	case *directoryv1.AccessRow_TeamMember:
		return fmt.Sprintf("in team lead=%t removed=%t v%d", r.TeamMember.GetLead(), r.TeamMember.GetRemoved(), r.TeamMember.GetVersion())
	case *directoryv1.AccessRow_Space:
		return fmt.Sprintf("space %s %s v%d", r.Space.GetDisplayName(), r.Space.GetVisibility(), r.Space.GetVersion())
	case *directoryv1.AccessRow_SpaceAccess:
		return fmt.Sprintf("right %s v%d", r.SpaceAccess.GetRole(), r.SpaceAccess.GetVersion())
	default:
		return "nothing"
	}
}

func keysOf(rows []*directoryv1.AccessRow) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = keyOf(row)
	}
	return out
}

func TestServicesReadWhatDecides(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w, other := h.found(t), h.found(t)
	mia, bo := w.join(t, "mia", member), w.join(t, "bo", guest)
	docs := w.space(t, mia, "Docs", directoryv1.Space_PRIVATE)
	team, err := h.teams.CreateTeam(w.owner.ctx, &directoryv1.CreateTeamRequest{Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "Ops"}})
	require.NoError(t, err)
	_, err = h.teams.AddTeamMembers(w.owner.ctx, &directoryv1.AddTeamMembersRequest{
		Name: team.GetName(), Members: []*directoryv1.TeamMember{{Member: bo.GetName(), Lead: true}},
	})
	require.NoError(t, err)
	_, err = w.grant(mia, docs.GetName(), team.GetName(), writer)
	require.NoError(t, err)
	_, err = w.grant(mia, docs.GetName(), bo.GetName(), reader)
	require.NoError(t, err)
	_, err = w.grant(mia, docs.GetName(), bo.GetName(), none)
	require.NoError(t, err)
	w.set(t, &directoryv1.Workspace{UrgentRole: admin}, "urgent_role")
	threads := h.asService(t, "threads")

	snapshot := func(ctx context.Context, only string, size int32) (rows []*directoryv1.AccessRow) {
		req := &directoryv1.SnapshotAccessRequest{Workspace: only, PageSize: size}
		for {
			got, err := h.access.SnapshotAccess(ctx, req)
			require.NoError(t, err)
			require.LessOrEqual(t, len(got.GetRows()), 1000)
			rows = append(rows, got.GetRows()...)
			if req.PageToken = got.GetNextPageToken(); req.GetPageToken() == "" {
				return rows
			}
		}
	}
	const workspace = "workspace Relay urgent by ADMIN v2"
	want := []string{
		workspace,
		"olga.owner ACTIVE v1", "mia ACTIVE v2", "bo ACTIVE v2", "team ops deleted=false v2", "in team lead=true removed=false v2",
		"space Docs PRIVATE v5", "right MANAGER v2", "right WRITER v3", "right NONE v5",
	}
	require.ElementsMatch(t, want, keysOf(snapshot(threads, w.GetName(), 1000)))
	require.Equal(t, workspace, keysOf(snapshot(threads, w.GetName(), 1))[0], "first")
	for _, size := range []int32{1, 2, 3, 7} {
		require.Equal(t, keysOf(snapshot(threads, w.GetName(), 1000)), keysOf(snapshot(threads, w.GetName(), size)))
	}
	require.Len(t, snapshot(threads, "", 4), len(want)+2, "the other workspace, and its one member")

	resolve := func(member, space string) []string {
		got, err := h.access.ResolveAccess(threads, &directoryv1.ResolveAccessRequest{Workspace: w.GetName(), Member: member, Space: space})
		require.NoError(t, err)
		return keysOf(got.GetRows())
	}
	require.ElementsMatch(t, []string{
		workspace, "bo ACTIVE v2", "team ops deleted=false v2", "in team lead=true removed=false v2", "space Docs PRIVATE v5",
		"right WRITER v3", "right NONE v5",
	}, resolve(bo.GetName(), docs.GetName()))
	require.Equal(t, []string{workspace, "mia ACTIVE v2"}, resolve(mia.GetName(), ""))
	require.Equal(t, []string{workspace}, resolve(w.GetName()+"/members/"+w.GetUid(), ""), "what is not there has no row")
	nowhere := "workspaces/" + w.owner.GetUid()
	got, err := h.access.ResolveAccess(threads, &directoryv1.ResolveAccessRequest{Workspace: nowhere, Member: nowhere + "/members/" + w.owner.GetUid()})
	require.NoError(t, err)
	require.Empty(t, got.GetRows())
	require.Equal(t, []string{workspace, "mia ACTIVE v2"}, resolve(mia.GetName(), w.GetName()+"/spaces/"+w.GetUid()))
	_, err = h.access.ResolveAccess(threads, &directoryv1.ResolveAccessRequest{Workspace: w.GetName(), Member: other.owner.GetName()})
	rpctest.FailedField(t, err, "FIELD_INVALID", "member")

	_, err = h.teams.DeleteTeam(w.owner.ctx, &directoryv1.DeleteTeamRequest{Name: team.GetName()})
	require.NoError(t, err)
	require.Contains(t, resolve(bo.GetName(), docs.GetName()), "team ops deleted=true v3")
	_, err = h.access.SnapshotAccess(w.owner.ctx, &directoryv1.SnapshotAccessRequest{})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = h.access.SnapshotAccess(threads, &directoryv1.SnapshotAccessRequest{PageToken: "x"})
	rpctest.FailedField(t, err, "PAGE_TOKEN_INVALID", "page_token")
}
