package rpc

import (
	"context"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// GetCoverage implements availabilityv1.AvailabilityServiceServer.
func (s *availability) GetCoverage(ctx context.Context, req *availabilityv1.GetCoverageRequest) (*availabilityv1.Coverage, error) {
	id, err := ids(ctx, coveragePattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	q := domain.CoverageQuery{Bucket: req.GetBucket().AsDuration()}
	if q.Start, err = instantOf("start_time", req.GetStartTime()); err != nil {
		return nil, err
	}
	if q.End, err = instantOf("end_time", req.GetEndTime()); err != nil {
		return nil, err
	}
	found, err := s.app.Coverage(ctx, id[0], id[1], q)
	if err != nil {
		return nil, err
	}
	out := &availabilityv1.Coverage{
		Name: domain.CoverageName(id[0], id[1]), MemberCount: int32(found.Members),
		Buckets: each(found.Buckets, bucket), Gaps: each(found.Gaps, coverageInterval), Thinnest: each(found.Thinnest, coverageInterval),
		ThinnestCount: int32(found.Fewest), Score: found.Score, TzdataVersion: worktime.Version(),
	}
	if found.CoreHours.Set() {
		out.CoreHours = domain.CoreHoursName(id[0], id[1])
	}
	return out, nil
}

func bucket(b worktime.Bucket) *availabilityv1.CoverageBucket {
	return &availabilityv1.CoverageBucket{
		StartTime: resource.Timestamp(b.Start), EndTime: resource.Timestamp(b.End),
		MinCount: int32(b.Min), MaxCount: int32(b.Max), WorkingTime: durationpb.New(b.Worked),
		RequiredTime: durationpb.New(b.Required),
	}
}

func coverageInterval(i worktime.Interval) *availabilityv1.CoverageInterval {
	return &availabilityv1.CoverageInterval{StartTime: resource.Timestamp(i.Start), EndTime: resource.Timestamp(i.End)}
}
