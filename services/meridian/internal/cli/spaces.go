package cli

import (
	"context"
	"io"

	"github.com/google/uuid"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// SpacesCmd groups the commands about spaces.
type SpacesCmd struct {
	List   SpacesListCmd   `cmd:"" default:"withargs" help:"List spaces."`
	Create SpacesCreateCmd `cmd:"" help:"Make a space."`
	Grant  SpacesGrantCmd  `cmd:"" help:"Give a member or team a right in a space, or take it away."`
}

// SpacesListCmd lists spaces.
type SpacesListCmd struct {
	Limit int `help:"How many at most; 0 for all." default:"0"`
}

// Run lists spaces.
func (c *SpacesListCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	spaces, err := pages(c.Limit, func(token string, size int32) ([]*directoryv1.Space, string, error) {
		page, err := s.spaces.ListSpaces(ctx, &directoryv1.ListSpacesRequest{Parent: s.workspace, PageSize: size, PageToken: token})
		return page.GetSpaces(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	return s.print(&directoryv1.ListSpacesResponse{Spaces: spaces}, func(w io.Writer) {
		row(w, "SPACE", "VISIBILITY", "NAME", "DESCRIPTION")
		for _, space := range spaces {
			row(w, id(space.GetName()), space.GetVisibility().String(), short(space.GetDisplayName(), 40), short(space.GetDescription(), 60))
		}
	})
}

// SpacesCreateCmd makes a space.
type SpacesCreateCmd struct {
	Name        string `arg:"" help:"What to call it."`
	Private     bool   `help:"Only for those it is granted to."`
	Description string `help:"What it is for."`
}

// Run makes a space.
func (c *SpacesCreateCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	visibility := directoryv1.Space_OPEN
	if c.Private {
		visibility = directoryv1.Space_PRIVATE
	}
	space, err := s.createSpace(ctx, &directoryv1.Space{DisplayName: c.Name, Description: c.Description, Visibility: visibility})
	if err != nil {
		return err
	}
	return s.print(space, func(w io.Writer) { row(w, space.GetName()) })
}

func (s *session) createSpace(ctx context.Context, space *directoryv1.Space) (*directoryv1.Space, error) {
	return s.spaces.CreateSpace(ctx, &directoryv1.CreateSpaceRequest{Parent: s.workspace, Space: space, RequestId: uuid.NewString()})
}

// SpacesGrantCmd changes a right in a space.
type SpacesGrantCmd struct {
	Space     string `arg:"" help:"The space (name, id or display name)."`
	Principal string `arg:"" help:"A member (name, id, address, handle or me), or a team's name."`
	Role      string `arg:"" help:"READER, WRITER, MANAGER, or NONE to take the right away." enum:"NONE,READER,WRITER,MANAGER"`
}

// Run changes a right.
func (c *SpacesGrantCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.space(ctx, c.Space)
	if err != nil {
		return err
	}
	principal, err := s.member(ctx, c.Principal)
	if err != nil {
		return err
	}
	space, err := s.spaces.SetSpaceAccess(ctx, &directoryv1.SetSpaceAccessRequest{
		Name:      name,
		Changes:   []*directoryv1.SpaceAccess{{Principal: principal, Role: directoryv1.SpaceAccess_Role(directoryv1.SpaceAccess_Role_value[c.Role])}},
		RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	return s.print(space, func(w io.Writer) { row(w, short(space.GetDisplayName(), 40), id(principal), c.Role) })
}
