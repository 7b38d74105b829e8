package rpc

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/pkg/workingtime"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

// The page sizes of asks.
const (
	defaultAsks = 50
	maxAsks     = 200
)

// Asks implements threadsv1.AskServiceServer.
type Asks struct {
	threadsv1.UnimplementedAskServiceServer
	app *app.App
}

// NewAsks makes the service over its use cases.
func NewAsks(a *app.App) *Asks { return &Asks{app: a} }

// GetAsk implements threadsv1.AskServiceServer.
func (s *Asks) GetAsk(ctx context.Context, req *threadsv1.GetAskRequest) (*threadsv1.Ask, error) {
	id, err := askID(req.GetName())
	if err != nil {
		return nil, err
	}
	return answerAsk(s.app.Ask(ctx, id))
}

// ListAsks implements threadsv1.AskServiceServer.
func (s *Asks) ListAsks(ctx context.Context, req *threadsv1.ListAsksRequest) (*threadsv1.ListAsksResponse, error) {
	query, fingerprint, err := askQuery(ctx, req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Asks(ctx, query)
	if err != nil {
		return nil, err
	}
	return &threadsv1.ListAsksResponse{Asks: resource.Asks(found.Items), NextPageToken: page.Next(fingerprint, found.Next)}, nil
}

// AnswerAsk implements threadsv1.AskServiceServer.
func (s *Asks) AnswerAsk(ctx context.Context, req *threadsv1.AnswerAskRequest) (*threadsv1.Ask, error) {
	id, err := askID(req.GetName())
	if err != nil {
		return nil, err
	}
	return answerAsk(s.app.AnswerAsk(ctx, id, req.GetComment(), fresh("etag", req.GetEtag())))
}

// DeclineAsk implements threadsv1.AskServiceServer.
func (s *Asks) DeclineAsk(ctx context.Context, req *threadsv1.DeclineAskRequest) (*threadsv1.Ask, error) {
	id, err := askID(req.GetName())
	if err != nil {
		return nil, err
	}
	return answerAsk(s.app.DeclineAsk(ctx, id, req.GetReason(), fresh("etag", req.GetEtag())))
}

// ReassignAsk implements threadsv1.AskServiceServer.
func (s *Asks) ReassignAsk(ctx context.Context, req *threadsv1.ReassignAskRequest) (*threadsv1.Ask, error) {
	ws, err := resname.Workspace("name", req.GetName())
	if err != nil {
		return nil, err
	}
	id, err := askID(req.GetName())
	if err != nil {
		return nil, err
	}
	to, err := within(memberPattern, "member", req.GetMember(), ws)
	if err != nil {
		return nil, err
	}
	return answerAsk(s.app.ReassignAsk(ctx, id, to, req.GetComment(), fresh("etag", req.GetEtag())))
}

// WithdrawAsk implements threadsv1.AskServiceServer.
func (s *Asks) WithdrawAsk(ctx context.Context, req *threadsv1.WithdrawAskRequest) (*threadsv1.Ask, error) {
	id, err := askID(req.GetName())
	if err != nil {
		return nil, err
	}
	return answerAsk(s.app.WithdrawAsk(ctx, id, req.GetReason(), fresh("etag", req.GetEtag())))
}

func answerAsk(a domain.Ask, err error) (*threadsv1.Ask, error) {
	if err != nil {
		return nil, err
	}
	return resource.Ask(a), nil
}

// askID reads the name of the ask that a request is about.
func askID(name string) (uuid.UUID, error) {
	ids, err := askPattern.ParseUUIDs("name", name)
	if err != nil {
		return uuid.Nil, err
	}
	return ids[1], nil
}

// askDrafts reads what a new message asks.
func askDrafts(ws uuid.UUID, asks []*threadsv1.Ask) ([]domain.AskDraft, error) {
	drafts := make([]domain.AskDraft, len(asks))
	for i, ask := range asks {
		field := domain.AskField(i)
		d := domain.AskDraft{
			Kind: domain.AskKind(ask.GetKind().String()), Everyone: ask.GetEveryone(), Window: workingtime.FromProto(ask.GetWindow()),
		}
		for j, name := range ask.GetMembers() {
			member, err := within(memberPattern, field+".members["+strconv.Itoa(j)+"]", name, ws)
			if err != nil {
				return nil, err
			}
			d.Members = append(d.Members, member)
		}
		if ask.GetTeam() != "" {
			var err error
			if d.Team, err = within(teamPattern, field+".team", ask.GetTeam(), ws); err != nil {
				return nil, err
			}
		}
		drafts[i] = d
	}
	return drafts, nil
}

// askFields are what a list of asks may be filtered by. A person is a member's name or "me".
func askFields() []page.FieldSpec {
	return []page.FieldSpec{
		{Name: "recipient"},
		{Name: "asker"},
		{Name: "thread", Kind: page.Name, Pattern: threadPattern},
		{Name: "message", Kind: page.Name, Pattern: messagePattern},
		{Name: "state", Kind: page.Enum, Enum: []string{"OPEN", "SETTLED", "WITHDRAWN"}},
		{Name: "kind", Kind: page.Enum, Enum: []string{"REPLY", "REVIEW", "APPROVE", "ACKNOWLEDGE"}},
	}
}

func askQuery(ctx context.Context, req *threadsv1.ListAsksRequest) (q app.AskQuery, fingerprint string, err error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return q, "", err
	}
	fingerprint = page.Fingerprint(req)
	if q.Page.Size, err = page.Size(req.GetPageSize(), defaultAsks, maxAsks); err != nil {
		return q, "", err
	}
	if q.Page.After, err = page.After[app.AskCursor](req.GetPageToken(), fingerprint); err != nil {
		return q, "", err
	}
	filter, err := page.ParseFilter(req.GetFilter(), askFields())
	if err != nil {
		return q, "", err
	}
	for _, c := range filter.Conditions {
		if err := askCondition(ctx, &q, c, ws); err != nil {
			return q, "", err
		}
	}
	return q, fingerprint, nil
}

// askCondition adds one condition of a filter. Two that name different things exclude each other.
func askCondition(ctx context.Context, q *app.AskQuery, c page.Condition, ws uuid.UUID) error {
	var err error
	switch c.Field {
	case "recipient":
		err = narrowToPerson(ctx, q, &q.Recipient, c, ws)
	case "asker":
		err = narrowToPerson(ctx, q, &q.Asker, c, ws)
	case "thread":
		var thread uuid.UUID
		if thread, err = within(threadPattern, "filter", c.Value, ws); err == nil {
			narrow(q, &q.Thread, thread)
		}
	case "message":
		var thread uuid.UUID
		var sequence int64
		if _, err = within(threadPattern, "filter", threadOf(c.Value), ws); err != nil {
			break
		}
		if thread, sequence, err = messageID("filter", c.Value); err == nil {
			narrow(q, &q.Thread, thread)
			narrow(q, &q.Sequence, sequence)
		}
	case "state":
		narrow(q, &q.State, domain.AskState(c.Value))
	case "kind":
		narrow(q, &q.Kind, domain.AskKind(c.Value))
	}
	return err
}

// narrow sets a field of the query; another value than it has lets nothing through.
func narrow[T comparable](q *app.AskQuery, field *T, value T) {
	var unset T
	if *field != unset && *field != value {
		q.Never = true
	}
	*field = value
}

func narrowToPerson(ctx context.Context, q *app.AskQuery, field *uuid.UUID, c page.Condition, ws uuid.UUID) error {
	if c.Value == "me" {
		me, err := callingMember(ctx)
		if err != nil {
			return err
		}
		narrow(q, field, me)
		return nil
	}
	if !memberPattern.Matches(c.Value) {
		rule := "at byte " + strconv.Itoa(c.Position) + ": " + c.Field + ` is "me" or a name like ` + memberPattern.String()
		return fault.New(fault.Invalid, fault.ReasonFilterInvalid, "filter %s", rule).
			WithField("filter", rule).With("position", strconv.Itoa(c.Position))
	}
	member, err := within(memberPattern, "filter", c.Value, ws)
	if err != nil {
		return err
	}
	narrow(q, field, member)
	return nil
}
