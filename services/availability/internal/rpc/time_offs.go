package rpc

import (
	"context"
	"fmt"

	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// timeOffs implements availabilityv1.TimeOffServiceServer.
type timeOffs struct {
	availabilityv1.UnimplementedTimeOffServiceServer
	app *app.App
}

// GetTimeOff implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) GetTimeOff(ctx context.Context, req *availabilityv1.GetTimeOffRequest) (*availabilityv1.TimeOff, error) {
	id, err := ids(ctx, timeOffPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.TimeOff)(s.app.TimeOff(ctx, id[0], id[1], id[2]))
}

// ListTimeOffs implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) ListTimeOffs(ctx context.Context, req *availabilityv1.ListTimeOffsRequest) (*availabilityv1.ListTimeOffsResponse, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.TimeOffs(ctx, id[0], id[1], p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListTimeOffsResponse{
		TimeOffs: each(found.Items, resource.TimeOff), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateTimeOff implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) CreateTimeOff(ctx context.Context, req *availabilityv1.CreateTimeOffRequest) (*availabilityv1.TimeOff, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted, err := newTimeOff(req.GetTimeOff())
	if err != nil {
		return nil, err
	}
	return made(resource.TimeOff)(s.app.CreateTimeOff(ctx, id[0], id[1], wanted, req.GetValidateOnly()))
}

// newTimeOff reads a time off: either both dates or both times.
func newTimeOff(t *availabilityv1.TimeOff) (app.NewTimeOff, error) {
	out := app.NewTimeOff{Kind: domain.TimeOffKind(t.GetKind().String()), Note: t.GetNote()}
	first, err := dateOf("time_off.start_date", t.GetStartDate())
	if err != nil {
		return out, err
	}
	last, err := dateOf("time_off.end_date", t.GetEndDate())
	if err != nil {
		return out, err
	}
	if out.Start, err = instantOf("time_off.start_time", t.GetStartTime()); err != nil {
		return out, err
	}
	if out.End, err = instantOf("time_off.end_time", t.GetEndTime()); err != nil {
		return out, err
	}
	const rule = "must be given as both start_date and end_date, or both start_time and end_time, and not as both"
	switch dates, times := first != nil || last != nil, !out.Start.IsZero() || !out.End.IsZero(); {
	case dates == times:
		return out, fault.InvalidField("time_off", rule)
	case dates && (first == nil || last == nil), times && (out.Start.IsZero() || out.End.IsZero()):
		return out, fault.InvalidField("time_off", rule)
	case dates:
		out.AllDay, out.First, out.Last = true, *first, *last
	}
	return out, nil
}

// CancelTimeOff implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) CancelTimeOff(ctx context.Context, req *availabilityv1.CancelTimeOffRequest) (*availabilityv1.TimeOff, error) {
	id, err := ids(ctx, timeOffPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return changed(resource.TimeOff)(s.app.CancelTimeOff(ctx, id[0], id[1], id[2], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// fresh is the check of an etag that a request gave in a field; none where it gave none.
func fresh(field, tag string) app.Fresh {
	if tag == "" {
		return nil
	}
	return func(revision int64) error { return etag.Check(field, tag, revision) }
}

// ApproveTimeOff implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) ApproveTimeOff(ctx context.Context, req *availabilityv1.ApproveTimeOffRequest) (*availabilityv1.TimeOff, error) {
	id, err := ids(ctx, timeOffPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return changed(resource.TimeOff)(s.app.ApproveTimeOff(ctx, id[0], id[1], id[2], fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// DeclineTimeOff implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) DeclineTimeOff(ctx context.Context, req *availabilityv1.DeclineTimeOffRequest) (*availabilityv1.TimeOff, error) {
	id, err := ids(ctx, timeOffPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return changed(resource.TimeOff)(s.app.DeclineTimeOff(ctx, id[0], id[1], id[2], req.GetReason(), fresh("etag", req.GetEtag()), req.GetValidateOnly()))
}

// ListTimeOffRequests implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) ListTimeOffRequests(
	ctx context.Context, req *availabilityv1.ListTimeOffRequestsRequest,
) (*availabilityv1.ListTimeOffRequestsResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.TimeOffRequests(ctx, ws, p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListTimeOffRequestsResponse{
		TimeOffs: each(found.Items, resource.TimeOff), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// GetTimeOffPolicy implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) GetTimeOffPolicy(
	ctx context.Context, req *availabilityv1.GetTimeOffPolicyRequest,
) (*availabilityv1.TimeOffPolicy, error) {
	id, err := policyPattern.ParseUUIDs("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.TimeOffPolicy)(s.app.TimeOffPolicy(ctx, id[0]))
}

// UpdateTimeOffPolicy implements availabilityv1.TimeOffServiceServer.
func (s *timeOffs) UpdateTimeOffPolicy(
	ctx context.Context, req *availabilityv1.UpdateTimeOffPolicyRequest,
) (*availabilityv1.TimeOffPolicy, error) {
	policy := req.GetTimeOffPolicy()
	id, err := policyPattern.ParseUUIDs("time_off_policy.name", policy.GetName())
	if err != nil {
		return nil, err
	}
	change := len(policy.GetApprovalKinds()) > 0
	for i, path := range req.GetUpdateMask().GetPaths() {
		if path != "approval_kinds" {
			return nil, fault.InvalidField(fmt.Sprintf("update_mask.paths[%d]", i), fmt.Sprintf("%q is none of approval_kinds", path))
		}
		change = true
	}
	var approval *[]domain.TimeOffKind
	if change {
		kinds := each(policy.GetApprovalKinds(), func(k availabilityv1.TimeOff_Kind) domain.TimeOffKind { return domain.TimeOffKind(k.String()) })
		approval = &kinds
	}
	return answer(resource.TimeOffPolicy)(s.app.UpdateTimeOffPolicy(
		ctx, id[0], approval, fresh("time_off_policy.etag", policy.GetEtag()), req.GetValidateOnly()))
}
