package rpc

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/resource"
)

// delegations implements availabilityv1.DelegationServiceServer.
type delegations struct {
	availabilityv1.UnimplementedDelegationServiceServer
	app *app.App
}

// GetDelegation implements availabilityv1.DelegationServiceServer.
func (s *delegations) GetDelegation(ctx context.Context, req *availabilityv1.GetDelegationRequest) (*availabilityv1.Delegation, error) {
	id, err := ids(ctx, delegationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answer(resource.Delegation)(s.app.Delegation(ctx, id[0], id[1], id[2]))
}

// ListDelegations implements availabilityv1.DelegationServiceServer.
func (s *delegations) ListDelegations(
	ctx context.Context, req *availabilityv1.ListDelegationsRequest,
) (*availabilityv1.ListDelegationsResponse, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Delegations(ctx, id[0], id[1], p)
	if err != nil {
		return nil, err
	}
	return &availabilityv1.ListDelegationsResponse{
		Delegations: each(found.Items, resource.Delegation), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// CreateDelegation implements availabilityv1.DelegationServiceServer.
func (s *delegations) CreateDelegation(
	ctx context.Context, req *availabilityv1.CreateDelegationRequest,
) (*availabilityv1.Delegation, error) {
	id, err := ids(ctx, memberPattern, "parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	wanted, err := newDelegation(id[0], id[1], req.GetDelegation())
	if err != nil {
		return nil, err
	}
	dry := req.GetValidateOnly()
	return tried(dry, resource.Delegation)(s.app.CreateDelegation(ctx, wanted, dry))
}

func newDelegation(ws, member uuid.UUID, d *availabilityv1.Delegation) (domain.Delegation, error) {
	out := domain.Delegation{Workspace: ws, Member: member}
	for _, kind := range d.GetKinds() {
		out.Kinds = append(out.Kinds, domain.DelegationKind(kind.String()))
	}
	var err error
	if out.Delegate, err = memberOf(ws, "delegation.delegate", d.GetDelegate()); err != nil {
		return out, err
	}
	if out.Start, err = instantOf("delegation.start_time", d.GetStartTime()); err != nil {
		return out, err
	}
	if out.End, err = instantOf("delegation.end_time", d.GetEndTime()); err != nil {
		return out, err
	}
	if d.GetTimeOff() == "" {
		return out, nil
	}
	id, err := timeOffPattern.ParseUUIDs("delegation.time_off", d.GetTimeOff())
	if err != nil {
		return out, err
	}
	if id[0] != ws || id[1] != member {
		return out, fault.InvalidField("delegation.time_off", "must be of the same member")
	}
	out.TimeOff = id[2]
	return out, nil
}

// DeleteDelegation implements availabilityv1.DelegationServiceServer.
func (s *delegations) DeleteDelegation(ctx context.Context, req *availabilityv1.DeleteDelegationRequest) (*emptypb.Empty, error) {
	id, err := ids(ctx, delegationPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, s.app.DeleteDelegation(ctx, id[0], id[1], id[2], fresh("etag", req.GetEtag()), req.GetValidateOnly())
}

// ResolveDelegates implements availabilityv1.DelegationServiceServer.
func (s *delegations) ResolveDelegates(
	ctx context.Context, req *availabilityv1.ResolveDelegatesRequest,
) (*availabilityv1.ResolveDelegatesResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	queries := make([]app.DelegateQuery, len(req.GetQueries()))
	for i, q := range req.GetQueries() {
		field := fmt.Sprintf("queries[%d]", i)
		queries[i].Kind = domain.DelegationKind(q.GetKind().String())
		if queries[i].Member, err = memberOf(ws, field+".member", q.GetMember()); err != nil {
			return nil, err
		}
		if queries[i].At, err = instantOf(field+".at_time", q.GetAtTime()); err != nil {
			return nil, err
		}
	}
	found, err := s.app.Delegates(ctx, ws, queries)
	if err != nil {
		return nil, err
	}
	resp := &availabilityv1.ResolveDelegatesResponse{}
	for i, r := range found {
		resp.Resolutions = append(resp.Resolutions, resolution(ws, queries[i].Member, r))
	}
	return resp, nil
}

func resolution(ws, member uuid.UUID, r domain.Resolution) *availabilityv1.DelegateResolution {
	return &availabilityv1.DelegateResolution{
		Member: domain.MemberName(ws, member), Delegate: delegateName(ws, r.Delegate()),
		Outcome: availabilityv1.DelegateResolution_Outcome(availabilityv1.DelegateResolution_Outcome_value[string(r.Outcome)]),
		Chain:   each(r.Chain, func(delegate uuid.UUID) string { return domain.MemberName(ws, delegate) }),
	}
}

// delegateName is the name of a delegate; empty for nobody.
func delegateName(ws, delegate uuid.UUID) string {
	if delegate == uuid.Nil {
		return ""
	}
	return domain.MemberName(ws, delegate)
}
