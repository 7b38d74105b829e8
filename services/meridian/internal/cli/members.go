package cli

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// MembersCmd groups the commands about members.
type MembersCmd struct {
	List       MembersListCmd       `cmd:"" default:"withargs" help:"List members."`
	Invite     MembersInviteCmd     `cmd:"" help:"Invite a person; prints the single-use code to hand to them."`
	Deactivate MembersDeactivateCmd `cmd:"" help:"End a member's access. What they wrote stays."`
}

// MembersListCmd lists members.
type MembersListCmd struct {
	State string `help:"Only those in this state: INVITED, ACTIVE or DEACTIVATED." enum:"INVITED,ACTIVE,DEACTIVATED," default:""`
	Role  string `help:"Only those with this role: GUEST, MEMBER, ADMIN or OWNER." enum:"GUEST,MEMBER,ADMIN,OWNER," default:""`
	Limit int    `help:"How many at most; 0 for all." default:"0"`
}

// Run lists members.
func (c *MembersListCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	var filters []string
	if c.State != "" {
		filters = append(filters, "state = "+c.State)
	}
	if c.Role != "" {
		filters = append(filters, "role = "+c.Role)
	}
	members, err := pages(c.Limit, func(token string, size int32) ([]*directoryv1.Member, string, error) {
		page, err := s.members.ListMembers(ctx, &directoryv1.ListMembersRequest{Parent: s.workspace, Filter: strings.Join(filters, " AND "), PageSize: size, PageToken: token})
		return page.GetMembers(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	return s.print(&directoryv1.ListMembersResponse{Members: members}, func(w io.Writer) {
		row(w, "MEMBER", "HANDLE", "STATE", "ROLE", "NAME", "ADDRESS")
		for _, m := range members {
			row(w, id(m.GetName()), "@"+m.GetHandle(), m.GetState().String(), m.GetRole().String(), short(m.GetDisplayName(), 40), m.GetEmail())
		}
	})
}

// MembersInviteCmd invites a person.
type MembersInviteCmd struct {
	Email string `arg:"" help:"Their mail address."`
	Name  string `help:"Their display name."`
	Role  string `help:"GUEST, MEMBER, ADMIN or OWNER." enum:"GUEST,MEMBER,ADMIN,OWNER" default:"MEMBER"`
}

// Run invites a person.
func (c *MembersInviteCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	invited, err := s.members.InviteMember(ctx, &directoryv1.InviteMemberRequest{
		Parent: s.workspace, Email: c.Email, DisplayName: c.Name, Role: directoryv1.Member_Role(directoryv1.Member_Role_value[c.Role]), RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	return s.print(invited, func(w io.Writer) {
		row(w, "MEMBER", "ENDS", "CODE (shown this once)")
		row(w, id(invited.GetMember().GetName()), when(invited.GetExpireTime()), invited.GetCode())
		_, _ = fmt.Fprintf(w, "\nthey accept it with:\n  curl -d '{\"code\":\"%s\"}' %s/v1/invitations:accept\n", invited.GetCode(), s.conn.Base())
	})
}

// MembersDeactivateCmd ends a member's access.
type MembersDeactivateCmd struct {
	Member string `arg:"" help:"The member (name, id, address or handle)."`
}

// Run deactivates a member.
func (c *MembersDeactivateCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	member, err := s.members.DeactivateMember(ctx, &directoryv1.DeactivateMemberRequest{Name: name, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.print(member, func(w io.Writer) {
		row(w, id(member.GetName()), member.GetState().String(), short(member.GetDisplayName(), 40))
	})
}
