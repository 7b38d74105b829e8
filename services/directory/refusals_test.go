package directory_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// A request that is wrong in many ways is refused for the first of them, so that nobody learns what is behind a door
// they do not come through: token, name, workspace, role, scope, field rules, what may be read, what may be done,
// replay, etag, state.
func TestRefusalsComeInTheirOrder(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w, other := h.found(t), h.found(t)
	mia, bo, gus := w.join(t, "mia", member), w.join(t, "bo", member), w.join(t, "gus", guest)
	private := w.space(t, mia, "Private", directoryv1.Space_PRIVATE)
	narrow, err := h.tokens.CreateApiToken(mia.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "narrow", Scopes: []string{"directory.read"}},
	})
	require.NoError(t, err)
	reading := h.as(t, narrow.GetSecret())
	const stale, bad = `"1"`, "no uuid"
	call := func(ctx person, name, etag, id string) error {
		_, err := h.spaces.UpdateSpace(ctx.ctx, &directoryv1.UpdateSpaceRequest{
			Space: &directoryv1.Space{Name: name, DisplayName: "x", Etag: etag}, UpdateMask: paths("display_name"), RequestId: id,
		})
		return err
	}
	rpctest.Failed(t, call(person{ctx: t.Context()}, "nonsense", stale, bad), codes.Unauthenticated, "UNAUTHENTICATED")
	rpctest.FailedField(t, call(other.owner, "nonsense", stale, bad), "FIELD_INVALID", "space.name")
	rpctest.Failed(t, call(other.owner, private.GetName(), stale, bad), codes.NotFound, "RESOURCE_NOT_FOUND")
	rpctest.Failed(t, call(gus, private.GetName(), stale, bad), codes.PermissionDenied, "PERMISSION_DENIED")
	rpctest.Failed(t, call(person{ctx: reading}, private.GetName(), stale, bad), codes.PermissionDenied, "SCOPE_MISSING")
	rpctest.FailedField(t, call(bo, private.GetName(), stale, bad), "FIELD_INVALID", "request_id")
	rpctest.Failed(t, call(bo, private.GetName(), stale, ""), codes.NotFound, "RESOURCE_NOT_FOUND")
	granted, err := w.grant(mia, private.GetName(), bo.GetName(), reader)
	require.NoError(t, err)
	rpctest.Failed(t, call(bo, private.GetName(), stale, ""), codes.PermissionDenied, "PERMISSION_DENIED")
	id := requestID()
	require.NoError(t, call(mia, private.GetName(), granted.GetEtag(), id))
	require.NoError(t, call(mia, private.GetName(), granted.GetEtag(), id), "replayed, though stale by now")
	rpctest.Failed(t, call(mia, private.GetName(), stale, requestID()), codes.Aborted, "ETAG_STALE")

	_, err = h.members.DeactivateMember(w.owner.ctx, &directoryv1.DeactivateMemberRequest{Name: bo.GetName()})
	require.NoError(t, err)
	_, err = h.members.DeactivateMember(w.owner.ctx, &directoryv1.DeactivateMemberRequest{Name: bo.GetName(), Etag: bo.GetEtag()})
	rpctest.Failed(t, err, codes.Aborted, "ETAG_STALE")
	_, err = h.members.DeactivateMember(w.owner.ctx, &directoryv1.DeactivateMemberRequest{Name: bo.GetName(), Etag: "7"})
	rpctest.FailedField(t, err, "FIELD_INVALID", "etag")
	_, err = h.members.DeactivateMember(w.owner.ctx, &directoryv1.DeactivateMemberRequest{Name: bo.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_DEACTIVATED")
}

// What is refused has done nothing: no row, no event, no record, and the request id is free.
func TestARefusedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", member)
	before := len(w.events(t))
	req := &directoryv1.CreateTeamRequest{
		Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "Ops", Handle: "mia"}, RequestId: requestID(),
	}
	_, err := h.teams.CreateTeam(w.owner.ctx, req)
	rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	_, err = h.members.InviteMember(w.owner.ctx, &directoryv1.InviteMemberRequest{Parent: w.GetName(), Email: mia.GetEmail()})
	rpctest.Failed(t, err, codes.FailedPrecondition, "MEMBER_ALREADY_ACTIVE")
	require.Len(t, w.events(t), before)

	// Mia moves out of the way, and the same request under the same id now does its work.
	_, err = h.members.UpdateMember(mia.ctx, &directoryv1.UpdateMemberRequest{
		Member: &directoryv1.Member{Name: mia.GetName(), Handle: "mia.m"}, UpdateMask: paths("handle"),
	})
	require.NoError(t, err)
	made, err := h.teams.CreateTeam(w.owner.ctx, req)
	require.NoError(t, err)
	require.Equal(t, "mia", made.GetHandle())
}

// Whatever stands in a text comes back as it went in, or is refused by the name of its field.
func TestTextsAreKeptAsTheyAre(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	for _, text := range []string{
		`Robert'); DROP TABLE members;--`, "{{.}} ${x} %s $1", "Ω≈ç√∫˜µ≤ 日本語 🏳️‍🌈", `\"quoted\"`, "<script>alert(1)</script>",
	} {
		made, err := h.teams.CreateTeam(w.owner.ctx, &directoryv1.CreateTeamRequest{
			Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: text, Description: text + "\n" + text},
		})
		require.NoError(t, err)
		got, err := h.teams.GetTeam(w.owner.ctx, &directoryv1.GetTeamRequest{Name: made.GetName()})
		require.NoError(t, err)
		require.Equal(t, text, got.GetDisplayName())
		require.Equal(t, text+"\n"+text, got.GetDescription())
	}
	for _, text := range []string{"a\x00b", "two\nlines", "\t"} {
		_, err := h.teams.CreateTeam(w.owner.ctx, &directoryv1.CreateTeamRequest{
			Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: text},
		})
		rpctest.FailedField(t, err, "FIELD_INVALID", "team.display_name")
	}
	_, err := h.teams.CreateTeam(w.owner.ctx, &directoryv1.CreateTeamRequest{
		Parent: w.GetName(), Team: &directoryv1.Team{DisplayName: "a\xff"},
	})
	require.Equal(t, codes.Internal, status.Code(err), "invalid UTF-8 does not leave the client")
}
