package rpc

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/page"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

type members struct {
	directoryv1.UnimplementedMemberServiceServer
	app *app.App
}

// memberFields are what members may be filtered by.
func memberFields() []page.FieldSpec {
	either, words := []string{"=", "!="}, []string{"=", ":"}
	return []page.FieldSpec{
		{Name: "state", Kind: page.Enum, Ops: either, Enum: []string{"INVITED", "ACTIVE", "DEACTIVATED"}},
		{Name: "role", Kind: page.Enum, Ops: either, Enum: []string{"GUEST", "MEMBER", "ADMIN", "OWNER"}},
		{Name: "kind", Kind: page.Enum, Ops: either, Enum: []string{"PERSON", "SERVICE_ACCOUNT"}},
		{Name: "email", Ops: either},
		{Name: "handle", Ops: either},
		{Name: "display_name", Ops: words},
	}
}

// GetMember implements MemberService.
func (s *members) GetMember(ctx context.Context, req *directoryv1.GetMemberRequest) (*directoryv1.Member, error) {
	ws, id, err := two(memberName, "name", own(ctx, req.GetName()))
	if err != nil {
		return nil, err
	}
	m, err := s.app.Member(ctx, ws, id)
	if err != nil {
		return nil, err
	}
	return shown(ctx, m), nil
}

// shown is a member as the caller may see them: a guest sees no other's address.
func shown(ctx context.Context, m domain.Member) *directoryv1.Member {
	out := resource.Member(m)
	if caller, _ := auth.FromContext(ctx); caller.Role == auth.Guest && caller.Member != m.ID {
		out.Email = ""
	}
	return out
}

// ListMembers implements MemberService.
func (s *members) ListMembers(
	ctx context.Context, req *directoryv1.ListMembersRequest,
) (*directoryv1.ListMembersResponse, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	l, fingerprint, err := listingOf(req, req.GetOrderBy(), memberFields(), []string{"create_time", "display_name", "handle"})
	if err != nil {
		return nil, err
	}
	found, err := s.app.Members(ctx, ws, l)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListMembersResponse{
		Members: resource.Each(found.Items, resource.Member), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// UpdateMember implements MemberService.
func (s *members) UpdateMember(ctx context.Context, req *directoryv1.UpdateMemberRequest) (*directoryv1.Member, error) {
	wanted := req.GetMember()
	ws, id, err := two(memberName, "member.name", own(ctx, wanted.GetName()))
	if err != nil {
		return nil, err
	}
	changes, err := selected(wanted, req.GetUpdateMask(), "display_name", "email", "handle", "time_zone", "manager", "role")
	if err != nil {
		return nil, err
	}
	change := domain.MemberChange{
		DisplayName: given(changes, "display_name", wanted.GetDisplayName()),
		Email:       given(changes, "email", wanted.GetEmail()),
		Handle:      given(changes, "handle", wanted.GetHandle()),
		TimeZone:    given(changes, "time_zone", wanted.GetTimeZone()),
		Role:        given(changes, "role", domain.Role(wanted.GetRole())),
	}
	if changes("manager") {
		change.Manager = &uuid.UUID{}
		if name := wanted.GetManager(); name != "" {
			if *change.Manager, err = within(memberName, ws, "member.manager", name); err != nil {
				return nil, err
			}
		}
	}
	return member(s.app.UpdateMember(ctx, ws, id, matching("member.etag", wanted.GetEtag()), change))
}

// InviteMember implements MemberService.
func (s *members) InviteMember(
	ctx context.Context, req *directoryv1.InviteMemberRequest,
) (*directoryv1.InviteMemberResponse, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	made, err := s.app.InviteMember(ctx, ws, app.NewInvitation{
		Email: req.GetEmail(), DisplayName: req.GetDisplayName(), Role: domain.Role(req.GetRole()),
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.InviteMemberResponse{
		Member: resource.Member(made.Member), Code: made.Code, ExpireTime: timestamppb.New(made.Invitation.ExpireTime),
	}, nil
}

// AcceptInvitation implements MemberService.
func (s *members) AcceptInvitation(
	ctx context.Context, req *directoryv1.AcceptInvitationRequest,
) (*directoryv1.AcceptInvitationResponse, error) {
	in, err := s.app.AcceptInvitation(ctx, req.GetCode(), domain.Acceptance{
		DisplayName: req.GetDisplayName(), Handle: req.GetHandle(), Zone: req.GetTimeZone(),
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.AcceptInvitationResponse{
		Member: resource.Member(in.Member), ApiToken: resource.APIToken(in.Token), Secret: in.Secret,
	}, nil
}

// ImportMembers implements MemberService.
func (s *members) ImportMembers(
	ctx context.Context, req *directoryv1.ImportMembersRequest,
) (*directoryv1.ImportMembersResponse, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	people := make([]app.ImportedMember, len(req.GetMembers()))
	for i, m := range req.GetMembers() {
		people[i] = app.ImportedMember{Email: m.GetEmail(), DisplayName: m.GetDisplayName()}
	}
	found, err := s.app.ImportMembers(ctx, ws, people)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ImportMembersResponse{Members: resource.Each(found, resource.Member)}, nil
}

// DeactivateMember implements MemberService.
func (s *members) DeactivateMember(
	ctx context.Context, req *directoryv1.DeactivateMemberRequest,
) (*directoryv1.Member, error) {
	ws, id, err := two(memberName, "name", own(ctx, req.GetName()))
	if err != nil {
		return nil, err
	}
	return member(s.app.DeactivateMember(ctx, ws, id, matching("etag", req.GetEtag())))
}

// ReactivateMember implements MemberService.
func (s *members) ReactivateMember(
	ctx context.Context, req *directoryv1.ReactivateMemberRequest,
) (*directoryv1.Member, error) {
	ws, id, err := two(memberName, "name", own(ctx, req.GetName()))
	if err != nil {
		return nil, err
	}
	return member(s.app.ReactivateMember(ctx, ws, id, matching("etag", req.GetEtag())))
}

// CreateServiceAccount implements MemberService.
func (s *members) CreateServiceAccount(
	ctx context.Context, req *directoryv1.CreateServiceAccountRequest,
) (*directoryv1.Member, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted := req.GetMember()
	return member(s.app.CreateServiceAccount(ctx, ws, app.NewServiceAccount{
		DisplayName: wanted.GetDisplayName(), Handle: wanted.GetHandle(), TimeZone: wanted.GetTimeZone(),
		Role: domain.Role(wanted.GetRole()),
	}))
}

func member(m domain.Member, err error) (*directoryv1.Member, error) {
	if err != nil {
		return nil, err
	}
	return resource.Member(m), nil
}
