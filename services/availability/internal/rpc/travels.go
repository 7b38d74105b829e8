package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// travels implements availabilityv1.TravelServiceServer.
type travels struct {
	availabilityv1.UnimplementedTravelServiceServer
	app *app.App
}

// GetTravel implements availabilityv1.TravelServiceServer.
func (s *travels) GetTravel(ctx context.Context, req *availabilityv1.GetTravelRequest) (*availabilityv1.Travel, error) {
	id, err := ids(ctx, travelPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.Travel)(s.app.Layer(ctx, id[0], id[1], domain.Travel, id[2]))
}

// ListTravels implements availabilityv1.TravelServiceServer.
func (s *travels) ListTravels(ctx context.Context, req *availabilityv1.ListTravelsRequest) (*availabilityv1.ListTravelsResponse, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Layers(ctx, id[0], id[1], domain.Travel, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListTravelsResponse{
		Travels: each(found.Items, resource.Travel), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateTravel implements availabilityv1.TravelServiceServer.
func (s *travels) CreateTravel(ctx context.Context, req *availabilityv1.CreateTravelRequest) (*availabilityv1.Travel, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted, err := newTravel(id[0], id[1], req.GetTravel())
	if err != nil {
		return nil, err
	}
	return made(resource.Travel)(s.app.CreateLayer(ctx, wanted, req.GetValidateOnly()))
}

func newTravel(ws, member uuid.UUID, t *availabilityv1.Travel) (domain.Layer, error) {
	l := domain.Layer{Workspace: ws, Member: member, Kind: domain.Travel, Zone: t.GetTimeZone(), Dated: true}
	first, err := dateOf("travel.start_date", t.GetStartDate())
	if err != nil {
		return l, err
	}
	last, err := dateOf("travel.end_date", t.GetEndDate())
	if err != nil {
		return l, err
	}
	l.First, l.Last = *first, *last
	return l, nil
}

// DeleteTravel implements availabilityv1.TravelServiceServer.
func (s *travels) DeleteTravel(ctx context.Context, req *availabilityv1.DeleteTravelRequest) (*availabilityv1.Travel, error) {
	id, err := ids(ctx, travelPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return changed(resource.Travel)(s.app.DeleteLayer(
		ctx, id[0], id[1], domain.Travel, id[2], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}
