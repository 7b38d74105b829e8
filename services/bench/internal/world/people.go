package world

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// atOnce is how many things are made at a time.
const atOnce = 16

// Member is one who calls.
type Member struct {
	// Name is the resource name, APIToken the secret that a client keeps.
	Name, APIToken string
}

// People are a workspace with its members and an open space, made through the public API.
type People struct {
	Workspace, Space string
	// Owner is the workspace's owner; Members are all others, each a principal of their own.
	Owner   Member
	Members []Member

	gateway *grpc.ClientConn
}

// ID is what stands at the end of a resource's name.
func ID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// WorkspaceID is the workspace's id.
func (p *People) WorkspaceID() string { return ID(p.Workspace) }

// As is a context that calls with a token.
func As(ctx context.Context, token string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
}

// Invite makes the people: so many members beside the owner.
func (w *World) Invite(ctx context.Context, members int) (*People, error) {
	conns, err := w.Connect(w.At.GRPC, 1)
	if err != nil {
		return nil, err
	}
	p := &People{gateway: conns[0], Members: make([]Member, members)}
	if p.Owner.APIToken, err = w.OwnerToken(); err != nil {
		return nil, err
	}
	owner := As(ctx, p.Owner.APIToken)
	listed, err := directoryv1.NewWorkspaceServiceClient(p.gateway).ListWorkspaces(owner, &directoryv1.ListWorkspacesRequest{})
	if err != nil {
		return nil, fmt.Errorf("list workspaces: %w", err)
	}
	p.Workspace = listed.GetWorkspaces()[0].GetName()
	space, err := directoryv1.NewSpaceServiceClient(p.gateway).CreateSpace(owner, &directoryv1.CreateSpaceRequest{
		Parent: p.Workspace, Space: &directoryv1.Space{DisplayName: "Bench " + uuid.NewString(), Visibility: directoryv1.Space_OPEN},
		RequestId: uuid.NewString(),
	})
	if err != nil {
		return nil, fmt.Errorf("make a space: %w", err)
	}
	p.Space = space.GetName()
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range p.Members {
		group.Go(func() (err error) {
			p.Members[i], err = p.join(gctx, i)
			return err
		})
	}
	return p, group.Wait()
}

// join invites one and accepts for them.
func (p *People) join(ctx context.Context, n int) (Member, error) {
	client := directoryv1.NewMemberServiceClient(p.gateway)
	invited, err := client.InviteMember(As(ctx, p.Owner.APIToken), &directoryv1.InviteMemberRequest{
		Parent: p.Workspace, Email: uuid.NewString() + "@example.com", DisplayName: fmt.Sprintf("Member %d", n),
		Role: directoryv1.Member_MEMBER, RequestId: uuid.NewString(),
	})
	if err != nil {
		return Member{}, fmt.Errorf("invite: %w", err)
	}
	accepted, err := client.AcceptInvitation(ctx, &directoryv1.AcceptInvitationRequest{Code: invited.GetCode()})
	if err != nil {
		return Member{}, fmt.Errorf("accept an invitation: %w", err)
	}
	return Member{Name: accepted.GetMember().GetName(), APIToken: accepted.GetSecret()}, nil
}

// SignIn exchanges the members' API tokens for access tokens, which services check by themselves, and returns a context
// for each member. Access tokens end after minutes, so it is done before every round.
func (p *People) SignIn(ctx context.Context) ([]context.Context, error) {
	tokens := make([]string, len(p.Members))
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, m := range p.Members {
		group.Go(func() error {
			var err error
			tokens[i], err = p.Exchange(gctx, m)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	signed := make([]context.Context, 0, len(tokens))
	for _, token := range tokens {
		signed = append(signed, As(ctx, token))
	}
	return signed, nil
}

// Exchange is a fresh access token of a member.
func (p *People) Exchange(ctx context.Context, m Member) (string, error) {
	exchanged, err := directoryv1.NewTokenServiceClient(p.gateway).ExchangeToken(ctx, &directoryv1.ExchangeTokenRequest{Token: m.APIToken})
	if err != nil {
		return "", fmt.Errorf("exchange a token: %w", err)
	}
	return exchanged.GetAccessToken(), nil
}

// NewThreads makes threads in the space, by members in turns, and returns their names.
func (p *People) NewThreads(ctx context.Context, n int) ([]string, error) {
	names := make([]string, n)
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i := range names {
		group.Go(func() error {
			thread, err := threadsv1.NewThreadServiceClient(p.gateway).CreateThread(As(gctx, p.Members[i%len(p.Members)].APIToken), &threadsv1.CreateThreadRequest{
				Parent: p.Workspace, Thread: &threadsv1.Thread{Space: p.Space, Title: fmt.Sprintf("Thread %d", i)}, RequestId: uuid.NewString(),
			})
			names[i] = thread.GetName()
			return err
		})
	}
	return names, group.Wait()
}
