package rpc

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// dateOverrides implements availabilityv1.DateOverrideServiceServer.
type dateOverrides struct {
	availabilityv1.UnimplementedDateOverrideServiceServer
	app *app.App
}

// GetDateOverride implements availabilityv1.DateOverrideServiceServer.
func (s *dateOverrides) GetDateOverride(ctx context.Context, req *availabilityv1.GetDateOverrideRequest) (*availabilityv1.DateOverride, error) {
	id, err := ids(ctx, overridePattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.DateOverride)(s.app.Layer(ctx, id[0], id[1], domain.DateOverride, id[2]))
}

// ListDateOverrides implements availabilityv1.DateOverrideServiceServer.
func (s *dateOverrides) ListDateOverrides(ctx context.Context, req *availabilityv1.ListDateOverridesRequest) (*availabilityv1.ListDateOverridesResponse, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Layers(ctx, id[0], id[1], domain.DateOverride, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListDateOverridesResponse{
		DateOverrides: each(found.Items, resource.DateOverride), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateDateOverride implements availabilityv1.DateOverrideServiceServer.
func (s *dateOverrides) CreateDateOverride(ctx context.Context, req *availabilityv1.CreateDateOverrideRequest) (*availabilityv1.DateOverride, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted, err := newDateOverride(id[0], id[1], req.GetDateOverride())
	if err != nil {
		return nil, err
	}
	return made(resource.DateOverride)(s.app.CreateLayer(ctx, wanted, req.GetValidateOnly()))
}

func newDateOverride(ws, member uuid.UUID, o *availabilityv1.DateOverride) (domain.Layer, error) {
	l := domain.Layer{Workspace: ws, Member: member, Kind: domain.DateOverride, Dated: true}
	date, err := dateOf("date_override.date", o.GetDate())
	if err != nil {
		return l, err
	}
	l.First, l.Last = *date, *date
	for i, w := range o.GetWindows() {
		path := fmt.Sprintf("date_override.windows[%d]", i)
		var window domain.Window
		if window.Start, err = clockOf(path+".start_time", w.GetStartTime()); err != nil {
			return l, err
		}
		if window.End, err = clockOf(path+".end_time", w.GetEndTime()); err != nil {
			return l, err
		}
		l.Windows = append(l.Windows, window)
	}
	return l, nil
}

// DeleteDateOverride implements availabilityv1.DateOverrideServiceServer.
func (s *dateOverrides) DeleteDateOverride(ctx context.Context, req *availabilityv1.DeleteDateOverrideRequest) (*availabilityv1.DateOverride, error) {
	id, err := ids(ctx, overridePattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return changed(resource.DateOverride)(s.app.DeleteLayer(
		ctx, id[0], id[1], domain.DateOverride, id[2], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}
