package rpc

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// teamTimes implements availabilityv1.TeamTimeServiceServer.
type teamTimes struct {
	availabilityv1.UnimplementedTeamTimeServiceServer
	app *app.App
}

// changedFields says of an update which of the allowed fields it changes: those of the mask, or without one those set in the
// resource. Other paths are Invalid, by name.
func changedFields(resource proto.Message, mask *fieldmaskpb.FieldMask, allowed ...string) (func(field string) bool, error) {
	if len(mask.GetPaths()) == 0 {
		message := resource.ProtoReflect()
		return func(field string) bool {
			return message.Has(message.Descriptor().Fields().ByName(protoreflect.Name(field)))
		}, nil
	}
	for i, path := range mask.GetPaths() {
		if !slices.Contains(allowed, path) {
			return nil, fault.InvalidField(fmt.Sprintf("update_mask.paths[%d]", i), fmt.Sprintf("%q is none of %s", path, strings.Join(allowed, ", ")))
		}
	}
	return func(field string) bool { return slices.Contains(mask.GetPaths(), field) }, nil
}

// GetCoreHours implements availabilityv1.TeamTimeServiceServer.
func (s *teamTimes) GetCoreHours(ctx context.Context, req *availabilityv1.GetCoreHoursRequest) (*availabilityv1.CoreHours, error) {
	id, err := ids(ctx, corePattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.CoreHours)(s.app.CoreHours(ctx, id[0], id[1]))
}

// UpdateCoreHours implements availabilityv1.TeamTimeServiceServer.
func (s *teamTimes) UpdateCoreHours(ctx context.Context, req *availabilityv1.UpdateCoreHoursRequest) (*availabilityv1.CoreHours, error) {
	wanted := req.GetCoreHours()
	id, err := ids(ctx, corePattern, "core_hours.name", wanted.GetName())
	if err != nil {
		return nil, err
	}
	changes, err := changedFields(wanted, req.GetUpdateMask(), "time_zone", "windows", "need")
	if err != nil {
		return nil, err
	}
	windows, err := windowsOf("core_hours.windows", wanted.GetWindows())
	if err != nil {
		return nil, err
	}
	var change domain.CoreHoursChange
	zone, need := wanted.GetTimeZone(), int(wanted.GetNeed())
	if changes("time_zone") {
		change.Zone = &zone
	}
	if changes("windows") {
		change.Windows = &windows
	}
	if changes("need") {
		change.Need = &need
	}
	return answer(foreseenCoreHours)(s.app.UpdateCoreHours(
		ctx, id[0], id[1], fresh("core_hours.etag", wanted.GetEtag()), change, req.GetValidateOnly()))
}

func foreseenCoreHours(c app.ForeseenCoreHours) *availabilityv1.CoreHours {
	out := resource.CoreHours(c.CoreHours)
	out.PreviewGaps = each(c.Gaps, coverageInterval)
	return out
}

// SuggestHandoff implements availabilityv1.TeamTimeServiceServer.
func (s *teamTimes) SuggestHandoff(
	ctx context.Context, req *availabilityv1.SuggestHandoffRequest,
) (*availabilityv1.SuggestHandoffResponse, error) {
	id, err := ids(ctx, teamPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	ws := id[0]
	q := domain.HandoffQuery{Horizon: req.GetHorizon().AsDuration(), Least: req.GetMinWorkingTime().AsDuration()}
	if q.Giver, err = memberOf(ws, "giver", req.GetGiver()); err != nil {
		return nil, err
	}
	if q.At, err = instantOf("at_time", req.GetAtTime()); err != nil {
		return nil, err
	}
	for _, list := range []struct {
		field string
		names []string
		ids   *[]uuid.UUID
	}{{"exclude_members", req.GetExcludeMembers(), &q.Exclude}, {"candidate_members", req.GetCandidateMembers(), &q.Candidates}} {
		for i, name := range list.names {
			member, err := memberOf(ws, fmt.Sprintf("%s[%d]", list.field, i), name)
			if err != nil {
				return nil, err
			}
			*list.ids = append(*list.ids, member)
		}
	}
	found, err := s.app.SuggestHandoff(ctx, ws, id[1], q)
	if err != nil {
		return nil, err
	}
	resp := &availabilityv1.SuggestHandoffResponse{TzdataVersion: worktime.Version()}
	for _, c := range found {
		resp.Candidates = append(resp.Candidates, &availabilityv1.HandoffCandidate{
			Member: domain.MemberName(ws, c.Member), StartTime: resource.Timestamp(c.Start), WorkingTime: durationpb.New(c.Works),
			OverlapTime: durationpb.New(c.Overlap), Reasons: each(c.Reasons, handoffReason), Explanation: c.Explanation,
		})
	}
	return resp, nil
}

func handoffReason(r worktime.HandoffReason) availabilityv1.HandoffCandidate_Reason {
	switch r {
	case worktime.WorksNow:
		return availabilityv1.HandoffCandidate_WORKS_NOW
	case worktime.StartsFirst:
		return availabilityv1.HandoffCandidate_STARTS_FIRST
	case worktime.WorksLongest:
		return availabilityv1.HandoffCandidate_WORKS_LONGEST
	case worktime.OverlapsMost:
		return availabilityv1.HandoffCandidate_OVERLAPS_MOST
	case worktime.NoOverlap:
		return availabilityv1.HandoffCandidate_NO_OVERLAP
	case worktime.NoStart:
		return availabilityv1.HandoffCandidate_NO_START
	}
	return availabilityv1.HandoffCandidate_REASON_UNSPECIFIED
}
