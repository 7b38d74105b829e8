package directory_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const (
	none    = directoryv1.SpaceAccess_NONE
	reader  = directoryv1.SpaceAccess_READER
	writer  = directoryv1.SpaceAccess_WRITER
	manager = directoryv1.SpaceAccess_MANAGER
)

// space makes a space by somebody.
func (w *tenant) space(t *testing.T, by person, name string, v directoryv1.Space_Visibility) *directoryv1.Space {
	t.Helper()
	s, err := w.h.spaces.CreateSpace(by.ctx, &directoryv1.CreateSpaceRequest{
		Parent: w.GetName(), Space: &directoryv1.Space{DisplayName: name, Visibility: v},
	})
	require.NoError(t, err)
	return s
}

// grant changes one right.
func (w *tenant) grant(by person, space, principal string, role directoryv1.SpaceAccess_Role) (*directoryv1.Space, error) {
	return w.h.spaces.SetSpaceAccess(by.ctx, &directoryv1.SetSpaceAccessRequest{
		Name: space, Changes: []*directoryv1.SpaceAccess{{Principal: principal, Role: role}},
	})
}

// visible are the names of the spaces that somebody lists; each must also be there by its name, and no other.
func (w *tenant) visible(t *testing.T, by person, all ...*directoryv1.Space) []string {
	t.Helper()
	listed, err := w.h.spaces.ListSpaces(by.ctx, &directoryv1.ListSpacesRequest{Parent: w.GetName(), OrderBy: "display_name"})
	require.NoError(t, err)
	seen := map[string]bool{}
	var names []string
	for _, s := range listed.GetSpaces() {
		seen[s.GetName()] = true
		names = append(names, s.GetDisplayName())
	}
	for _, s := range all {
		_, err := w.h.spaces.GetSpace(by.ctx, &directoryv1.GetSpaceRequest{Name: s.GetName()})
		if seen[s.GetName()] {
			require.NoError(t, err)
			continue
		}
		rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	}
	return names
}

func TestASpaceIsSeenByThoseWithARight(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, bo, gus, ada := w.join(t, "mia", member), w.join(t, "bo", member), w.join(t, "gus", guest), w.join(t, "ada", admin)
	open := w.space(t, mia, "A open", directoryv1.Space_OPEN)
	private := w.space(t, mia, "B private", directoryv1.Space_PRIVATE)
	require.EqualValues(t, 2, private.GetVersion(), "made, and its maker its manager")
	all := []*directoryv1.Space{open, private}
	require.Equal(t, []string{"A open", "B private"}, w.visible(t, mia, all...))
	require.Equal(t, []string{"A open"}, w.visible(t, bo, all...))
	require.Empty(t, w.visible(t, gus, all...))
	require.Equal(t, []string{"A open", "B private"}, w.visible(t, ada, all...), "to manage it")
	_, err := h.spaces.CreateSpace(gus.ctx, &directoryv1.CreateSpaceRequest{Parent: w.GetName(), Space: &directoryv1.Space{DisplayName: "x"}})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")

	// By a right of one's own, and by a team's.
	_, err = w.grant(mia, open.GetName(), gus.GetName(), reader)
	require.NoError(t, err)
	require.Equal(t, []string{"A open"}, w.visible(t, gus, all...))
	team, err := h.teams.CreateTeam(ada.ctx, &directoryv1.CreateTeamRequest{Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "Ops"}})
	require.NoError(t, err)
	_, err = h.teams.AddTeamMembers(ada.ctx, &directoryv1.AddTeamMembersRequest{
		Name: team.GetName(), Members: []*directoryv1.TeamMember{{Member: bo.GetName()}},
	})
	require.NoError(t, err)
	_, err = w.grant(mia, private.GetName(), team.GetName(), writer)
	require.NoError(t, err)
	require.Equal(t, []string{"A open", "B private"}, w.visible(t, bo, all...))
	_, err = w.grant(bo, private.GetName(), bo.GetName(), manager)
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	access, err := h.spaces.ListSpaceAccess(bo.ctx, &directoryv1.ListSpaceAccessRequest{Parent: private.GetName(), PageSize: 1})
	require.NoError(t, err)
	require.Equal(t, mia.GetName(), access.GetAccess()[0].GetPrincipal())
	require.Equal(t, manager, access.GetAccess()[0].GetRole())
	access, err = h.spaces.ListSpaceAccess(bo.ctx, &directoryv1.ListSpaceAccessRequest{
		Parent: private.GetName(), PageSize: 1, PageToken: access.GetNextPageToken(),
	})
	require.NoError(t, err)
	require.Equal(t, team.GetName(), access.GetAccess()[0].GetPrincipal())
	require.Empty(t, access.GetNextPageToken())

	// A deleted team's rights are void, and one who is let go sees nothing.
	_, err = h.teams.DeleteTeam(ada.ctx, &directoryv1.DeleteTeamRequest{Name: team.GetName()})
	require.NoError(t, err)
	require.Equal(t, []string{"A open"}, w.visible(t, bo, all...))
	access, err = h.spaces.ListSpaceAccess(mia.ctx, &directoryv1.ListSpaceAccessRequest{Parent: private.GetName()})
	require.NoError(t, err)
	require.Len(t, access.GetAccess(), 1)
	_, err = w.grant(mia, open.GetName(), gus.GetName(), none)
	require.NoError(t, err)
	require.Empty(t, w.visible(t, gus, all...))
	_, err = h.spaces.ListSpaceAccess(gus.ctx, &directoryv1.ListSpaceAccessRequest{Parent: open.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
}

func TestASpaceIsChangedByItsManagers(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, bo, ada := w.join(t, "mia", member), w.join(t, "bo", member), w.join(t, "ada", admin)
	req := &directoryv1.CreateSpaceRequest{
		Parent: w.GetName(), Space: &directoryv1.Space{DisplayName: "Docs", Description: "All"}, RequestId: requestID(),
	}
	made, err := h.spaces.CreateSpace(mia.ctx, req)
	require.NoError(t, err)
	require.Equal(t, directoryv1.Space_OPEN, made.GetVisibility())
	again, err := h.spaces.CreateSpace(mia.ctx, req)
	require.NoError(t, err)
	require.Equal(t, made.GetName(), again.GetName())
	update := func(by person, s *directoryv1.Space, mask ...string) error {
		s.Name = made.GetName()
		_, err := h.spaces.UpdateSpace(by.ctx, &directoryv1.UpdateSpaceRequest{Space: s, UpdateMask: paths(mask...)})
		return err
	}
	require.NoError(t, update(mia, &directoryv1.Space{DisplayName: "Papers", Etag: made.GetEtag()}, "display_name"))
	rpctest.Failed(t, update(bo, &directoryv1.Space{DisplayName: "x"}, "display_name"), codes.PermissionDenied, "PERMISSION_DENIED")
	rpctest.Failed(t, update(mia, &directoryv1.Space{DisplayName: "x", Etag: made.GetEtag()}, "display_name"), codes.Aborted, "ETAG_STALE")
	rpctest.FailedField(t, update(mia, &directoryv1.Space{DisplayName: " "}, "display_name"), "FIELD_INVALID", "space.display_name")
	require.NoError(t, update(ada, &directoryv1.Space{Visibility: directoryv1.Space_PRIVATE}, "visibility"))
	rpctest.Failed(t, update(bo, &directoryv1.Space{DisplayName: "x"}, "display_name"), codes.NotFound, "RESOURCE_NOT_FOUND")
	require.NoError(t, update(mia, &directoryv1.Space{Visibility: directoryv1.Space_PRIVATE}, "visibility"))

	events := w.events(t)
	names := types(events)
	require.Equal(t, []string{"SpaceCreated", "SpaceAccessChanged", "SpaceUpdated", "SpaceUpdated"}, names[len(names)-4:])
	meta, changed := last[*directoryv1.SpaceUpdated](t, events)
	require.Equal(t, made.GetName(), meta.Space, "those who may read the space hear of it")
	require.Equal(t, []string{"visibility"}, changed.GetChangedFields().GetPaths())
	require.EqualValues(t, 4, meta.Version)
}

func TestRightsAreGivenToThoseWhoAreThere(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, bo, ada := w.join(t, "mia", member), w.join(t, "bo", member), w.join(t, "ada", admin)
	private := w.space(t, mia, "Private", directoryv1.Space_PRIVATE)
	other := h.found(t)
	for _, stranger := range []string{other.owner.GetName(), w.GetName() + "/members/" + w.GetUid(), w.GetName() + "/teams/" + w.GetUid()} {
		_, err := w.grant(mia, private.GetName(), stranger, reader)
		rpctest.FailedField(t, err, "FIELD_INVALID", "changes[0].principal")
	}
	_, err := h.spaces.SetSpaceAccess(mia.ctx, &directoryv1.SetSpaceAccessRequest{Name: private.GetName(), Changes: []*directoryv1.SpaceAccess{
		{Principal: bo.GetName(), Role: reader}, {Principal: bo.GetName(), Role: writer},
	}})
	rpctest.FailedField(t, err, "FIELD_INVALID", "changes[1].principal")
	_, err = w.grant(mia, private.GetName(), bo.GetName(), 0)
	rpctest.FailedField(t, err, "FIELD_INVALID", "changes[0].role")
	_, err = h.members.DeactivateMember(ada.ctx, &directoryv1.DeactivateMemberRequest{Name: bo.GetName()})
	require.NoError(t, err)
	_, err = w.grant(mia, private.GetName(), bo.GetName(), reader)
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_DEACTIVATED")
	same, err := w.grant(mia, private.GetName(), bo.GetName(), none)
	require.NoError(t, err)
	require.Equal(t, private.GetEtag(), same.GetEtag(), "there was none to take")

	// An administrator may add themselves, and that is on record.
	_, err = w.grant(ada, private.GetName(), ada.GetName(), reader)
	require.NoError(t, err)
	audit, err := h.audits.ListAuditEvents(w.owner.ctx, &directoryv1.ListAuditEventsRequest{
		Parent: w.GetName(), Filter: `action = "space.add_self" AND actor = "` + ada.GetName() + `"`,
	})
	require.NoError(t, err)
	require.Len(t, audit.GetAuditEvents(), 1)
	require.Equal(t, "READER", audit.GetAuditEvents()[0].GetDetails()[ada.GetName()])
	require.Equal(t, ada.token.GetName(), audit.GetAuditEvents()[0].GetApiToken())
	require.Equal(t, "127.0.0.1", audit.GetAuditEvents()[0].GetOrigin())
	meta, changed := last[*directoryv1.SpaceAccessChanged](t, w.events(t))
	require.EqualValues(t, 3, meta.Version)
	require.Equal(t, ada.GetName(), changed.GetChanges()[0].GetPrincipal())
	require.Equal(t, reader, changed.GetChanges()[0].GetRole())
}
