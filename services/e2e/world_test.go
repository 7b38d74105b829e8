package e2e

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// principal is one who calls: what they are, and what right they have on the world's private space.
type principal struct {
	name   string
	token  string
	member string
	role   optionsv1.Access_Role
	right  optionsv1.Access_Right
}

// world is a workspace with a private space in it, one principal of every kind, and a stranger from another workspace.
type world struct {
	conn       *grpc.ClientConn
	workspace  string
	space      string
	thread     string
	message    string
	team       string
	owner      principal
	principals []principal
	// dates counts those that were given out.
	dates *atomic.Int64
}

// as is a context that calls with a token; an empty one calls without.
func as(ctx context.Context, token string) context.Context {
	if token == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// newWorld makes the workspace's people through the API, as an owner would.
func newWorld(t *testing.T, conn *grpc.ClientConn, ownerToken, strangerToken string) *world {
	t.Helper()
	ctx := as(t.Context(), ownerToken)
	listed, err := directoryv1.NewWorkspaceServiceClient(conn).ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{})
	require.NoError(t, err)
	w := &world{conn: conn, workspace: listed.GetWorkspaces()[0].GetName(), dates: &atomic.Int64{}}
	me, err := directoryv1.NewMemberServiceClient(conn).GetMember(ctx, &directoryv1.GetMemberRequest{Name: w.workspace + "/members/me"})
	require.NoError(t, err)
	w.owner = principal{"owner", ownerToken, me.GetName(), optionsv1.Access_OWNER, optionsv1.Access_MANAGER}

	w.space = w.newSpace(t, directoryv1.Space_PRIVATE)
	w.thread = w.newThread(t, w.space)
	w.message = w.newMessage(t, w.owner, w.thread)
	w.team = w.newTeam(t)

	const none, reader, writer, manager = optionsv1.Access_RIGHT_UNSPECIFIED, optionsv1.Access_READER, optionsv1.Access_WRITER, optionsv1.Access_MANAGER
	revoked := w.join(t, "revoked", directoryv1.Member_MEMBER, manager)
	w.principals = []principal{
		{name: "nobody"},
		{name: "stranger", token: strangerToken, role: optionsv1.Access_OWNER},
		w.join(t, "guest", directoryv1.Member_GUEST, none),
		w.join(t, "guest reader", directoryv1.Member_GUEST, reader),
		w.join(t, "outsider", directoryv1.Member_MEMBER, none),
		w.join(t, "reader", directoryv1.Member_MEMBER, reader),
		w.join(t, "writer", directoryv1.Member_MEMBER, writer),
		w.join(t, "manager", directoryv1.Member_MEMBER, manager),
		w.join(t, "admin", directoryv1.Member_ADMIN, none),
		w.owner,
		revoked,
	}
	w.revoke(t, revoked)
	return w
}

func (w *world) newSpace(t *testing.T, visibility directoryv1.Space_Visibility) string {
	t.Helper()
	space, err := directoryv1.NewSpaceServiceClient(w.conn).CreateSpace(as(t.Context(), w.owner.token), &directoryv1.CreateSpaceRequest{
		Parent: w.workspace, Space: &directoryv1.Space{DisplayName: "space " + uuid.NewString(), Visibility: visibility},
	})
	require.NoError(t, err)
	return space.GetName()
}

func (w *world) newThread(t *testing.T, space string) string {
	t.Helper()
	thread, err := threadsv1.NewThreadServiceClient(w.conn).CreateThread(as(t.Context(), w.owner.token), &threadsv1.CreateThreadRequest{
		Parent: w.workspace, Thread: &threadsv1.Thread{Space: space, Title: "A thread"},
	})
	require.NoError(t, err)
	return thread.GetName()
}

// newMessage posts as the principal where they may write, else as the owner.
func (w *world) newMessage(t *testing.T, p principal, thread string) string {
	t.Helper()
	if p.right < optionsv1.Access_WRITER || p.name == "revoked" {
		p = w.owner
	}
	message, err := threadsv1.NewMessageServiceClient(w.conn).CreateMessage(as(t.Context(), p.token), &threadsv1.CreateMessageRequest{
		Parent: thread, Message: &threadsv1.Message{Body: "Hello, " + uuid.NewString()},
	})
	require.NoError(t, err)
	return message.GetName()
}

func (w *world) newTeam(t *testing.T) string {
	t.Helper()
	team, err := directoryv1.NewTeamServiceClient(w.conn).CreateTeam(as(t.Context(), w.owner.token), &directoryv1.CreateTeamRequest{
		Parent: w.workspace, Team: &directoryv1.Team{Handle: "team-" + uuid.NewString()[:8], DisplayName: "A team"},
	})
	require.NoError(t, err)
	return team.GetName()
}

// invite makes a member who has not accepted yet and returns them with their code.
func (w *world) invite(t *testing.T, role directoryv1.Member_Role) (member, code string) {
	t.Helper()
	invited, err := directoryv1.NewMemberServiceClient(w.conn).InviteMember(as(t.Context(), w.owner.token), &directoryv1.InviteMemberRequest{
		Parent: w.workspace, Email: uuid.NewString() + "@example.com", DisplayName: "Somebody", Role: role,
	})
	require.NoError(t, err)
	return invited.GetMember().GetName(), invited.GetCode()
}

// join invites and accepts, and grants the right on the private space.
func (w *world) join(t *testing.T, name string, role directoryv1.Member_Role, right optionsv1.Access_Right) principal {
	t.Helper()
	_, code := w.invite(t, role)
	accepted, err := directoryv1.NewMemberServiceClient(w.conn).AcceptInvitation(t.Context(), &directoryv1.AcceptInvitationRequest{Code: code})
	require.NoError(t, err)
	p := principal{name, accepted.GetSecret(), accepted.GetMember().GetName(), optionsv1.Access_Role(optionsv1.Access_Role_value[role.String()]), right}
	if right != optionsv1.Access_RIGHT_UNSPECIFIED {
		w.grant(t, w.space, p.member, directoryv1.SpaceAccess_Role(directoryv1.SpaceAccess_Role_value[right.String()]))
	}
	return p
}

func (w *world) grant(t *testing.T, space, member string, role directoryv1.SpaceAccess_Role) {
	t.Helper()
	_, err := directoryv1.NewSpaceServiceClient(w.conn).SetSpaceAccess(as(t.Context(), w.owner.token), &directoryv1.SetSpaceAccessRequest{
		Name: space, Changes: []*directoryv1.SpaceAccess{{Principal: member, Role: role}},
	})
	require.NoError(t, err)
}

// newToken makes an API token for the principal's own member where they are alive, else for the owner.
func (w *world) newToken(t *testing.T, p principal) string {
	t.Helper()
	if !strings.HasPrefix(p.member, w.workspace) || p.name == "revoked" {
		p = w.owner
	}
	made, err := directoryv1.NewTokenServiceClient(w.conn).CreateApiToken(as(t.Context(), p.token), &directoryv1.CreateApiTokenRequest{
		Parent: p.member, ApiToken: &directoryv1.ApiToken{DisplayName: "walk", Scopes: []string{"*"}},
	})
	require.NoError(t, err)
	return made.GetApiToken().GetName()
}

// revoke takes all tokens of a principal away.
func (w *world) revoke(t *testing.T, p principal) {
	t.Helper()
	tokens := directoryv1.NewTokenServiceClient(w.conn)
	listed, err := tokens.ListApiTokens(as(t.Context(), p.token), &directoryv1.ListApiTokensRequest{Parent: p.member})
	require.NoError(t, err)
	require.Len(t, listed.GetApiTokens(), 1)
	_, err = tokens.RevokeApiToken(as(t.Context(), p.token), &directoryv1.RevokeApiTokenRequest{Name: listed.GetApiTokens()[0].GetName()})
	require.NoError(t, err)
}
