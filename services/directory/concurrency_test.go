package directory_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// Many change one space at once: its events stand in the stream in the order of its versions, none left out.
func TestEventsOfOneAggregateKeepTheirOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	const writers = 24
	people := make([]*directoryv1.ImportedMember, writers)
	for i := range people {
		people[i] = &directoryv1.ImportedMember{Email: fmt.Sprintf("p%d@example.org", i)}
	}
	imported, err := h.members.ImportMembers(w.owner.ctx, &directoryv1.ImportMembersRequest{Parent: w.GetName(), Members: people})
	require.NoError(t, err)
	space := w.space(t, w.owner, "Busy", directoryv1.Space_PRIVATE)
	for _, err := range atOnce(writers, func(i int) error {
		if i%3 == 0 {
			_, err := h.spaces.UpdateSpace(w.owner.ctx, &directoryv1.UpdateSpaceRequest{
				Space: &directoryv1.Space{Name: space.GetName(), DisplayName: fmt.Sprint("Busy ", i)}, UpdateMask: paths("display_name"),
			})
			return err
		}
		_, err := w.grant(w.owner, space.GetName(), imported.GetMembers()[i].GetName(), writer)
		return err
	}) {
		require.NoError(t, err)
	}
	var versions []int64
	for _, e := range w.events(t) {
		if e.Aggregate == space.GetName() {
			versions = append(versions, e.Version)
		}
	}
	require.Len(t, versions, writers+2)
	for i, v := range versions {
		require.EqualValues(t, i+1, v)
	}
	got, err := h.spaces.GetSpace(w.owner.ctx, &directoryv1.GetSpaceRequest{Name: space.GetName()})
	require.NoError(t, err)
	require.EqualValues(t, writers+2, got.GetVersion())
}

// Of many who have read the same etag, one changes what it stands for.
func TestOneOfManyWithTheSameEtagWins(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	won := 0
	for _, err := range atOnce(10, func(i int) error {
		_, err := h.workspaces.UpdateWorkspace(w.owner.ctx, &directoryv1.UpdateWorkspaceRequest{
			Workspace:  &directoryv1.Workspace{Name: w.GetName(), DisplayName: fmt.Sprint("Relay ", i), Etag: w.GetEtag()},
			UpdateMask: paths("display_name"),
		})
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		rpctest.Failed(t, err, codes.Aborted, "ETAG_STALE")
	}
	require.Equal(t, 1, won)
}

// The same write twice at the same time does one thing, and both callers see it.
func TestTheSameWriteAtOnceIsOneWrite(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", member)
	space := w.space(t, mia, "Docs", directoryv1.Space_OPEN)
	before := len(types(w.events(t)))
	create := &directoryv1.CreateSpaceRequest{
		Parent: w.GetName(), Space: &directoryv1.Space{DisplayName: "Once"}, RequestId: requestID(),
	}
	access := &directoryv1.SetSpaceAccessRequest{
		Name: space.GetName(), RequestId: requestID(), Etag: space.GetEtag(),
		Changes: []*directoryv1.SpaceAccess{{Principal: w.owner.GetName(), Role: reader}},
	}
	token := &directoryv1.CreateApiTokenRequest{
		Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "once", Scopes: []string{"*"}}, RequestId: requestID(),
	}
	deactivate := &directoryv1.DeactivateMemberRequest{Name: mia.GetName(), RequestId: requestID(), Etag: mia.GetEtag()}
	names := make([]string, 6)
	for _, err := range atOnce(len(names), func(i int) error {
		got, err := h.spaces.CreateSpace(mia.ctx, create)
		names[i] = got.GetName()
		return err
	}) {
		require.NoError(t, err)
	}
	for _, name := range names {
		require.Equal(t, names[0], name)
	}
	for _, err := range atOnce(6, func(int) error { _, err := h.spaces.SetSpaceAccess(mia.ctx, access); return err }) {
		require.NoError(t, err, "also with an etag that the first of them made stale")
	}
	made := 0
	for _, err := range atOnce(6, func(int) error { _, err := h.tokens.CreateApiToken(mia.ctx, token); return err }) {
		if err == nil {
			made++
			continue
		}
		rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	}
	require.Equal(t, 1, made)
	for _, err := range atOnce(6, func(int) error { _, err := h.members.DeactivateMember(w.owner.ctx, deactivate); return err }) {
		require.NoError(t, err)
	}
	require.Equal(t, []string{
		"SpaceCreated", "SpaceAccessChanged", "SpaceAccessChanged", "TokenCreated", "MemberDeactivated", "TokenRevoked", "TokenRevoked",
	}, types(w.events(t))[before:])
}

// Two who want the same handle: one has it.
func TestAHandleIsGivenOnce(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	people := []person{w.join(t, "a", member), w.join(t, "b", member), w.join(t, "c", member)}
	won := 0
	for _, err := range atOnce(len(people)+1, func(i int) error {
		if i == len(people) {
			_, err := h.teams.CreateTeam(w.owner.ctx, &directoryv1.CreateTeamRequest{
				Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "x", Handle: "wanted"},
			})
			return err
		}
		_, err := h.members.UpdateMember(people[i].ctx, &directoryv1.UpdateMemberRequest{
			Member: &directoryv1.Member{Name: people[i].GetName(), Handle: "wanted"}, UpdateMask: paths("handle"),
		})
		return err
	}) {
		if err == nil {
			won++
			continue
		}
		rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	}
	require.Equal(t, 1, won)
}

// A token made while its member is deactivated does not survive it.
func TestNoTokenSlipsPastADeactivation(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", member)
	_ = atOnce(9, func(i int) error {
		if i == 4 {
			_, err := h.members.DeactivateMember(w.owner.ctx, &directoryv1.DeactivateMemberRequest{Name: mia.GetName()})
			return err
		}
		_, err := h.tokens.CreateApiToken(mia.ctx, &directoryv1.CreateApiTokenRequest{
			Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "x", Scopes: []string{"*"}},
		})
		return err
	})
	all, err := h.tokens.ListApiTokens(w.owner.ctx, &directoryv1.ListApiTokensRequest{Parent: mia.GetName()})
	require.NoError(t, err)
	for _, token := range all.GetApiTokens() {
		require.NotNil(t, token.GetRevokeTime())
	}
}

// Who locks the workspace and a member locks the workspace first. The test holds the workspace, as an invitation does,
// waits until the change waits for it, and then gets the member, too: the other order would be a deadlock (40P01).
func TestTheWorkspaceIsLockedBeforeAMember(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	olaf := w.join(t, "olaf", owner)
	for name, change := range map[string]func(context.Context) error{
		"deactivate": func(ctx context.Context) error {
			_, err := h.members.DeactivateMember(ctx, &directoryv1.DeactivateMemberRequest{Name: olaf.GetName()})
			return err
		},
		"demote": func(ctx context.Context) error {
			_, err := h.members.UpdateMember(ctx, &directoryv1.UpdateMemberRequest{
				Member: &directoryv1.Member{Name: olaf.GetName(), Role: member}, UpdateMask: paths("role"),
			})
			return err
		},
	} {
		tx, err := h.db.Owner.Pool().Begin(t.Context())
		require.NoError(t, err)
		t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // the service, which waits for it, could not stop
		_, err = tx.Exec(t.Context(), "SELECT 1 FROM workspaces WHERE workspace_id = $1 FOR UPDATE", w.GetUid())
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- change(w.owner.ctx) }()
		require.Eventually(t, func() bool {
			var waiting int
			require.NoError(t, h.db.Owner.Pool().QueryRow(t.Context(),
				"SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.datname = current_database() "+
					"WHERE NOT l.granted AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE datid = d.oid)").Scan(&waiting))
			return waiting > 0
		}, 20*time.Second, tick, name)
		_, err = tx.Exec(t.Context(), "SELECT 1 FROM members WHERE member_id = $1 FOR UPDATE NOWAIT", olaf.GetUid())
		require.NoError(t, err, "%s holds the member while it waits for the workspace", name)
		require.NoError(t, tx.Rollback(t.Context()))
		require.NoError(t, <-done, name)
		_, _ = h.members.ReactivateMember(w.owner.ctx, &directoryv1.ReactivateMemberRequest{Name: olaf.GetName()})
	}
}
