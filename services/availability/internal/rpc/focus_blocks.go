package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// focusBlocks implements availabilityv1.FocusBlockServiceServer.
type focusBlocks struct {
	availabilityv1.UnimplementedFocusBlockServiceServer
	app *app.App
}

// GetFocusBlock implements availabilityv1.FocusBlockServiceServer.
func (s *focusBlocks) GetFocusBlock(ctx context.Context, req *availabilityv1.GetFocusBlockRequest) (*availabilityv1.FocusBlock, error) {
	id, err := ids(ctx, focusPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.FocusBlock)(s.app.Layer(ctx, id[0], id[1], domain.FocusBlock, id[2]))
}

// ListFocusBlocks implements availabilityv1.FocusBlockServiceServer.
func (s *focusBlocks) ListFocusBlocks(ctx context.Context, req *availabilityv1.ListFocusBlocksRequest) (*availabilityv1.ListFocusBlocksResponse, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Layers(ctx, id[0], id[1], domain.FocusBlock, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListFocusBlocksResponse{
		FocusBlocks: each(found.Items, resource.FocusBlock), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateFocusBlock implements availabilityv1.FocusBlockServiceServer.
func (s *focusBlocks) CreateFocusBlock(ctx context.Context, req *availabilityv1.CreateFocusBlockRequest) (*availabilityv1.FocusBlock, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted, err := newFocusBlock(id[0], id[1], req.GetFocusBlock())
	if err != nil {
		return nil, err
	}
	return made(resource.FocusBlock)(s.app.CreateLayer(ctx, wanted, req.GetValidateOnly()))
}

// newFocusBlock reads a focus block: either both times, or windows with a start date.
func newFocusBlock(ws, member uuid.UUID, b *availabilityv1.FocusBlock) (domain.Layer, error) {
	l := domain.Layer{Workspace: ws, Member: member, Kind: domain.FocusBlock, Name: b.GetDisplayName()}
	first, err := dateOf("focus_block.start_date", b.GetStartDate())
	if err != nil {
		return l, err
	}
	last, err := dateOf("focus_block.end_date", b.GetEndDate())
	if err != nil {
		return l, err
	}
	if l.Start, err = instantOf("focus_block.start_time", b.GetStartTime()); err != nil {
		return l, err
	}
	if l.End, err = instantOf("focus_block.end_time", b.GetEndTime()); err != nil {
		return l, err
	}
	if l.Windows, err = windowsOf("focus_block.windows", b.GetWindows()); err != nil {
		return l, err
	}
	const rule = "must be given as both start_time and end_time, or as windows with start_date, and not as both"
	weekly, times := len(l.Windows) > 0 || first != nil || last != nil, !l.Start.IsZero() || !l.End.IsZero()
	switch {
	case weekly == times, times && (l.Start.IsZero() || l.End.IsZero()), weekly && first == nil:
		return l, fault.InvalidField("focus_block", rule)
	case weekly:
		l.Dated, l.First = true, *first
	}
	if last != nil {
		l.Last = *last
	}
	return l, nil
}

// DeleteFocusBlock implements availabilityv1.FocusBlockServiceServer.
func (s *focusBlocks) DeleteFocusBlock(ctx context.Context, req *availabilityv1.DeleteFocusBlockRequest) (*availabilityv1.FocusBlock, error) {
	id, err := ids(ctx, focusPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return changed(resource.FocusBlock)(s.app.DeleteLayer(
		ctx, id[0], id[1], domain.FocusBlock, id[2], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}
