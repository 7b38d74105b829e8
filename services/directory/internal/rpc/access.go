package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

type access struct {
	directoryv1.UnimplementedAccessServiceServer
	app *app.App
}

// SnapshotAccess implements AccessService.
func (s *access) SnapshotAccess(
	ctx context.Context, req *directoryv1.SnapshotAccessRequest,
) (*directoryv1.SnapshotAccessResponse, error) {
	var only uuid.UUID
	if req.GetWorkspace() != "" {
		var err error
		if only, err = workspaceID("workspace", req.GetWorkspace()); err != nil {
			return nil, err
		}
	}
	p, fingerprint, err := pageOf[app.AccessCursor](req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.AccessSnapshot(ctx, only, p)
	if err != nil {
		return nil, err
	}
	return &directoryv1.SnapshotAccessResponse{
		Rows: resource.Each(found.Items, resource.AccessRow), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// ResolveAccess implements AccessService.
func (s *access) ResolveAccess(
	ctx context.Context, req *directoryv1.ResolveAccessRequest,
) (*directoryv1.ResolveAccessResponse, error) {
	ws, err := workspaceID("workspace", req.GetWorkspace())
	if err != nil {
		return nil, err
	}
	member, err := within(memberName, ws, "member", req.GetMember())
	if err != nil {
		return nil, err
	}
	var in uuid.UUID
	if req.GetSpace() != "" {
		if in, err = within(spaceName, ws, "space", req.GetSpace()); err != nil {
			return nil, err
		}
	}
	rows, err := s.app.AccessOf(ctx, ws, member, in)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ResolveAccessResponse{Rows: resource.Each(rows, resource.AccessRow)}, nil
}
