package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/pkg/workingtime"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/resource"
)

// Handoffs implements tasksv1.HandoffServiceServer.
type Handoffs struct {
	tasksv1.UnimplementedHandoffServiceServer
	app *app.App
}

// NewHandoffs makes the service over its use cases.
func NewHandoffs(a *app.App) *Handoffs { return &Handoffs{app: a} }

// HandOff implements tasksv1.HandoffServiceServer.
func (s *Handoffs) HandOff(ctx context.Context, req *tasksv1.HandOffRequest) (*tasksv1.Handoff, error) {
	ws, id, err := idOf(taskPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	offer, err := offerOf(ws, req)
	if err != nil {
		return nil, err
	}
	return answerHandoff(s.app.HandOff(ctx, id, offer, fresh("etag", req.GetEtag())))
}

// offerOf reads what is offered to whom: exactly one receiver.
func offerOf(ws uuid.UUID, req *tasksv1.HandOffRequest) (domain.Offer, error) {
	n := req.GetNote()
	offer := domain.Offer{
		Window: workingtime.FromProto(req.GetWindow()),
		Note: domain.Note{
			Done: n.GetDone(), NextSteps: n.GetNextSteps(), Blockers: n.GetBlockers(), Links: n.GetLinks(), Questions: n.GetQuestions(),
		},
	}
	given := 0
	for _, receiver := range []struct {
		field, name string
		route       domain.Route
	}{
		{"recipient", req.GetRecipient(), domain.ToMember},
		{"team", req.GetTeam(), domain.ToTeam},
		{"auto_team", req.GetAutoTeam(), domain.Auto},
	} {
		if receiver.name == "" {
			continue
		}
		given++
		offer.Route = receiver.route
		var err error
		if receiver.route == domain.ToMember {
			offer.Recipient, err = within(memberPattern, receiver.field, receiver.name, ws)
		} else {
			offer.Team, err = within(teamPattern, receiver.field, receiver.name, ws)
		}
		if err != nil {
			return offer, err
		}
	}
	if given != 1 {
		return offer, fault.InvalidField("recipient", "exactly one of recipient, team and auto_team must be given")
	}
	return offer, nil
}

// GetHandoffDraft implements tasksv1.HandoffServiceServer.
func (s *Handoffs) GetHandoffDraft(ctx context.Context, req *tasksv1.GetHandoffDraftRequest) (*tasksv1.HandoffDraft, error) {
	ws, id, err := idOf(draftPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	note, err := s.app.Draft(ctx, id)
	if err != nil {
		return nil, err
	}
	return &tasksv1.HandoffDraft{Name: domain.DraftName(ws, id), Note: resource.Note(note)}, nil
}

// GetHandoff implements tasksv1.HandoffServiceServer.
func (s *Handoffs) GetHandoff(ctx context.Context, req *tasksv1.GetHandoffRequest) (*tasksv1.Handoff, error) {
	_, id, err := idOf(handoffPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerHandoff(s.app.Handoff(ctx, id))
}

// ListHandoffs implements tasksv1.HandoffServiceServer.
func (s *Handoffs) ListHandoffs(ctx context.Context, req *tasksv1.ListHandoffsRequest) (*tasksv1.ListHandoffsResponse, error) {
	query, fingerprint, err := handoffQuery(ctx, req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Handoffs(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &tasksv1.ListHandoffsResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, h := range found.Items {
		resp.Handoffs = append(resp.Handoffs, resource.Handoff(h))
	}
	return resp, nil
}

// AcceptHandoff implements tasksv1.HandoffServiceServer.
func (s *Handoffs) AcceptHandoff(ctx context.Context, req *tasksv1.AcceptHandoffRequest) (*tasksv1.Handoff, error) {
	_, id, err := idOf(handoffPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerHandoff(s.app.AcceptHandoff(ctx, id))
}

// DeclineHandoff implements tasksv1.HandoffServiceServer.
func (s *Handoffs) DeclineHandoff(ctx context.Context, req *tasksv1.DeclineHandoffRequest) (*tasksv1.Handoff, error) {
	_, id, err := idOf(handoffPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerHandoff(s.app.DeclineHandoff(ctx, id, req.GetReason()))
}

// WithdrawHandoff implements tasksv1.HandoffServiceServer.
func (s *Handoffs) WithdrawHandoff(ctx context.Context, req *tasksv1.WithdrawHandoffRequest) (*tasksv1.Handoff, error) {
	_, id, err := idOf(handoffPattern, "name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerHandoff(s.app.WithdrawHandoff(ctx, id, req.GetReason()))
}

func answerHandoff(h domain.Handoff, err error) (*tasksv1.Handoff, error) {
	if err != nil {
		return nil, err
	}
	return resource.Handoff(h), nil
}

// handoffFields are what a list of handoffs may be filtered by.
func handoffFields() []page.FieldSpec {
	var states []string
	for _, s := range domain.HandoffStates() {
		states = append(states, string(s))
	}
	return []page.FieldSpec{
		{Name: "task", Kind: page.Name, Pattern: taskPattern},
		{Name: "giver", Kind: page.String},
		{Name: "recipient", Kind: page.String},
		{Name: "team", Kind: page.Name, Pattern: teamPattern},
		{Name: "state", Kind: page.Enum, Enum: states},
	}
}

func handoffQuery(ctx context.Context, req *tasksv1.ListHandoffsRequest) (q app.HandoffQuery, fingerprint string, err error) {
	fingerprint = page.Fingerprint(req)
	if q.Page, err = pageOf[app.HandoffCursor](req.GetPageSize(), req.GetPageToken(), fingerprint); err != nil {
		return q, "", err
	}
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return q, "", err
	}
	filter, err := page.ParseFilter(req.GetFilter(), handoffFields())
	if err != nil {
		return q, "", err
	}
	for _, c := range filter.Conditions {
		named := func(pattern *resname.Pattern) func() (uuid.UUID, error) {
			return func() (uuid.UUID, error) { return within(pattern, "filter", c.Value, ws) }
		}
		who := func() (uuid.UUID, error) { return person(ctx, c.Value, ws) }
		switch c.Field {
		case "task":
			q.Task, err = once(c.Field, q.Task, named(taskPattern))
		case "team":
			q.Team, err = once(c.Field, q.Team, named(teamPattern))
		case "giver":
			q.Giver, err = once(c.Field, q.Giver, who)
		case "recipient":
			q.Recipient, err = once(c.Field, q.Recipient, who)
		case "state":
			q.State, err = once(c.Field, q.State, func() (domain.HandoffState, error) { return domain.HandoffState(c.Value), nil })
		}
		if err != nil {
			return q, "", err
		}
	}
	return q, fingerprint, nil
}
