package directory_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

func TestAWorkspaceIsFoundedWithItsOwner(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	require.Equal(t, "Relay", w.GetDisplayName())
	require.Equal(t, "UTC", w.GetTimeZone())
	require.Equal(t, "olga.owner@example.org", w.owner.GetEmail())
	require.Equal(t, "olga.owner", w.owner.GetHandle())
	require.Equal(t, "olga.owner", w.owner.GetDisplayName())
	require.Equal(t, directoryv1.Member_OWNER, w.owner.GetRole())
	require.Equal(t, directoryv1.Member_ACTIVE, w.owner.GetState())
	require.Equal(t, []string{"*"}, w.owner.token.GetScopes())
	require.Regexp(t, "^mrd_[0-9A-Za-z]{36}$", w.owner.secret)

	me, err := h.members.GetMember(w.owner.ctx, &directoryv1.GetMemberRequest{Name: w.GetName() + "/members/me"})
	require.NoError(t, err)
	require.Equal(t, w.owner.GetName(), me.GetName())
	listed, err := h.workspaces.ListWorkspaces(w.owner.ctx, &directoryv1.ListWorkspacesRequest{})
	require.NoError(t, err)
	require.Len(t, listed.GetWorkspaces(), 1)

	events := w.events(t)
	require.Equal(t, []string{"WorkspaceCreated", "MemberActivated", "TokenCreated"}, types(events))
	meta, made := last[*directoryv1.WorkspaceCreated](t, events)
	require.Equal(t, w.GetName(), meta.Subject)
	require.Equal(t, "services/meridian", meta.Actor)
	require.EqualValues(t, 1, meta.Version)
	require.True(t, meta.Time.Equal(h.clock.Now()))
	require.Equal(t, w.GetName(), made.GetWorkspace().GetName())
	_, audit := last[*directoryv1.AuditRecorded](t, events)
	require.Equal(t, "workspace.create", audit.GetAuditEvent().GetAction())
}

func TestFoundingTwiceWithOneRequestIDFoundsOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := h.asService(t, "meridian")
	req := &directoryv1.CreateWorkspaceRequest{
		Workspace: &directoryv1.Workspace{DisplayName: "Relay"}, OwnerEmail: "o@example.org", RequestId: requestID(),
	}
	made, err := h.workspaces.CreateWorkspace(ctx, req)
	require.NoError(t, err)
	_, err = h.workspaces.CreateWorkspace(ctx, req)
	s := rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	info, _ := rpctest.Detail[*errdetails.ErrorInfo](s)
	require.Equal(t, made.GetWorkspace().GetName(), info.GetMetadata()["name"])
	all, err := h.workspaces.ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{})
	require.NoError(t, err)
	require.Len(t, all.GetWorkspaces(), 1)

	req.OwnerEmail = "p@example.org"
	_, err = h.workspaces.CreateWorkspace(ctx, req)
	rpctest.FailedField(t, err, "REQUEST_ID_REUSED", "request_id")
	_, err = h.workspaces.CreateWorkspace(h.asService(t, "threads"), &directoryv1.CreateWorkspaceRequest{
		Workspace: &directoryv1.Workspace{DisplayName: "Relay"}, OwnerEmail: "o@example.org",
	})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
}

func TestAnOperatorPagesOverAllWorkspacesAndLetsAnOwnerInAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	ctx := h.asService(t, "meridian")
	var made []string
	for range 5 {
		made = append(made, h.found(t).GetName())
		h.clock.Advance(1)
	}
	var found []string
	req := &directoryv1.ListWorkspacesRequest{PageSize: 2}
	for {
		got, err := h.workspaces.ListWorkspaces(ctx, req)
		require.NoError(t, err)
		for _, w := range got.GetWorkspaces() {
			found = append(found, w.GetName())
		}
		if req.PageToken = got.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	require.ElementsMatch(t, made, found)

	owners, err := h.members.ListMembers(ctx, &directoryv1.ListMembersRequest{Parent: made[0], Filter: "role = OWNER"})
	require.NoError(t, err)
	require.Len(t, owners.GetMembers(), 1)
	owner := owners.GetMembers()[0].GetName()
	tokens, err := h.tokens.ListApiTokens(ctx, &directoryv1.ListApiTokensRequest{Parent: owner})
	require.NoError(t, err)
	require.Len(t, tokens.GetApiTokens(), 1)
	_, err = h.tokens.RevokeApiToken(ctx, &directoryv1.RevokeApiTokenRequest{Name: tokens.GetApiTokens()[0].GetName()})
	require.NoError(t, err)
	again, err := h.tokens.CreateApiToken(ctx, &directoryv1.CreateApiTokenRequest{
		Parent: owner, ApiToken: &directoryv1.ApiToken{DisplayName: "Recovered", Scopes: []string{"*"}},
	})
	require.NoError(t, err)
	me, err := h.members.GetMember(h.as(t, again.GetSecret()), &directoryv1.GetMemberRequest{Name: made[0] + "/members/me"})
	require.NoError(t, err)
	require.Equal(t, owner, me.GetName())
}

func TestAWorkspaceIsChanged(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	member := w.join(t, "mia", directoryv1.Member_MEMBER)
	req := &directoryv1.UpdateWorkspaceRequest{
		Workspace:  &directoryv1.Workspace{Name: w.GetName(), DisplayName: "Baton", TimeZone: "Asia/Kathmandu", Etag: w.GetEtag()},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"time_zone"}},
		RequestId:  requestID(),
	}
	got, err := h.workspaces.UpdateWorkspace(w.owner.ctx, req)
	require.NoError(t, err)
	require.Equal(t, "Relay", got.GetDisplayName(), "not in the mask")
	require.Equal(t, "Asia/Kathmandu", got.GetTimeZone())
	require.EqualValues(t, 2, got.GetVersion())
	again, err := h.workspaces.UpdateWorkspace(w.owner.ctx, req)
	require.NoError(t, err, "the same request id, also with an etag stale by now")
	require.EqualValues(t, 2, again.GetVersion())

	req.RequestId = ""
	_, err = h.workspaces.UpdateWorkspace(w.owner.ctx, req)
	rpctest.Failed(t, err, codes.Aborted, "ETAG_STALE")
	req.Workspace.Etag = ""
	_, err = h.workspaces.UpdateWorkspace(w.owner.ctx, req)
	require.NoError(t, err)
	_, changed := last[*directoryv1.WorkspaceUpdated](t, w.events(t))
	require.Equal(t, []string{"time_zone"}, changed.GetChangedFields().GetPaths())
	require.EqualValues(t, 2, changed.GetWorkspace().GetVersion(), "nothing changed the second time, so nothing was said")

	req.Workspace.TimeZone = "Mars/Olympus"
	_, err = h.workspaces.UpdateWorkspace(w.owner.ctx, req)
	rpctest.FailedField(t, err, "FIELD_INVALID", "workspace.time_zone")
	req.UpdateMask.Paths = []string{"name"}
	_, err = h.workspaces.UpdateWorkspace(w.owner.ctx, req)
	rpctest.FailedField(t, err, "FIELD_INVALID", "update_mask.paths[0]")
	_, err = h.workspaces.UpdateWorkspace(member.ctx, req)
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	other := h.found(t)
	_, err = h.workspaces.GetWorkspace(other.owner.ctx, &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = h.workspaces.GetWorkspace(t.Context(), &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
	rpctest.Failed(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
	_, err = h.workspaces.GetWorkspace(w.owner.ctx, &directoryv1.GetWorkspaceRequest{Name: "workspaces/1"})
	rpctest.FailedField(t, err, "FIELD_INVALID", "name")
}
