package rpc

import (
	"context"

	"github.com/meridianhq/meridian/pkg/holidays"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// publicHolidays implements availabilityv1.HolidayServiceServer. What it tells is the same in every workspace.
type publicHolidays struct {
	availabilityv1.UnimplementedHolidayServiceServer
}

// ListHolidays implements availabilityv1.HolidayServiceServer.
func (*publicHolidays) ListHolidays(
	_ context.Context, req *availabilityv1.ListHolidaysRequest,
) (*availabilityv1.ListHolidaysResponse, error) {
	if _, err := resname.Workspace("parent", req.GetParent()); err != nil {
		return nil, err
	}
	if err := domain.CheckRegion("region", req.GetRegion()); err != nil {
		return nil, err
	}
	found, next, err := cut(req, holidays.Year(req.GetRegion(), int(req.GetYear())))
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListHolidaysResponse{NextPageToken: next, Holidays: each(found, func(h holidays.Holiday) *availabilityv1.Holiday {
		return &availabilityv1.Holiday{Date: resource.Date(h.Date), DisplayName: h.Name}
	})}, nil
}

// ListHolidayRegions implements availabilityv1.HolidayServiceServer.
func (*publicHolidays) ListHolidayRegions(
	_ context.Context, req *availabilityv1.ListHolidayRegionsRequest,
) (*availabilityv1.ListHolidayRegionsResponse, error) {
	if _, err := resname.Workspace("parent", req.GetParent()); err != nil {
		return nil, err
	}
	found, next, err := cut(req, holidays.Regions())
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListHolidayRegionsResponse{NextPageToken: next, HolidayRegions: each(found, func(r holidays.Region) *availabilityv1.HolidayRegion {
		return &availabilityv1.HolidayRegion{Code: r.Code, DisplayName: r.Name}
	})}, nil
}

// place is where a page of what never changes ends.
type place struct {
	Index int `json:"n"`
}

// cut is the page that a request asks for of what never changes, and the token of the next one.
func cut[T any](req paged, all []T) (items []T, next string, err error) {
	size, err := page.Size(req.GetPageSize(), defaultPage, largestPage)
	if err != nil {
		return nil, "", err
	}
	fingerprint := page.Fingerprint(req)
	after, err := page.After[place](req.GetPageToken(), fingerprint)
	if err != nil {
		return nil, "", err
	}
	if after != nil {
		all = all[min(max(after.Index, 0), len(all)):]
	} else {
		after = &place{}
	}
	if len(all) <= size {
		return all, "", nil
	}
	return all[:size], page.Next(fingerprint, &place{Index: after.Index + size}), nil
}
