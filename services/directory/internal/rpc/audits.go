package rpc

import (
	"context"

	"github.com/meridianhq/meridian/pkg/page"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

type audits struct {
	directoryv1.UnimplementedAuditServiceServer
	app *app.App
}

// ListAuditEvents implements AuditService.
func (s *audits) ListAuditEvents(
	ctx context.Context, req *directoryv1.ListAuditEventsRequest,
) (*directoryv1.ListAuditEventsResponse, error) {
	ws, err := workspaceID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	fields := []page.FieldSpec{
		{Name: "actor"},
		{Name: "action"},
		{Name: "resource"},
		{Name: "create_time", Kind: page.Time, Ops: []string{"<", "<=", ">", ">="}},
	}
	l, fingerprint, err := listingOf(req, "", fields, []string{"create_time"})
	if err != nil {
		return nil, err
	}
	found, err := s.app.Audits(ctx, ws, l)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListAuditEventsResponse{
		AuditEvents: resource.Each(found.Items, resource.AuditEvent), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}
