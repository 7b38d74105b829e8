package rpc

import (
	"context"
	"math"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

// The page sizes of messages and of their revisions.
const (
	defaultMessages  = 50
	maxMessages      = 200
	defaultRevisions = 20
	maxRevisions     = 50
)

// Messages implements threadsv1.MessageServiceServer.
type Messages struct {
	threadsv1.UnimplementedMessageServiceServer
	app *app.App
}

// NewMessages makes the service over its use cases.
func NewMessages(a *app.App) *Messages { return &Messages{app: a} }

// GetMessage implements threadsv1.MessageServiceServer.
func (s *Messages) GetMessage(ctx context.Context, req *threadsv1.GetMessageRequest) (*threadsv1.Message, error) {
	thread, sequence, err := messageID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerMessage(s.app.Message(ctx, thread, sequence))
}

// ListMessages implements threadsv1.MessageServiceServer.
func (s *Messages) ListMessages(ctx context.Context, req *threadsv1.ListMessagesRequest) (*threadsv1.ListMessagesResponse, error) {
	query, fingerprint, err := messageQuery(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Messages(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &threadsv1.ListMessagesResponse{
		Messages: make([]*threadsv1.Message, len(found.Items)), NextPageToken: page.Next(fingerprint, found.Next),
	}
	for i, m := range found.Items {
		resp.Messages[i] = resource.Message(m)
	}
	return resp, nil
}

// CreateMessage implements threadsv1.MessageServiceServer.
func (s *Messages) CreateMessage(ctx context.Context, req *threadsv1.CreateMessageRequest) (*threadsv1.Message, error) {
	thread, err := threadID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	answered, err := replyTo(req.GetMessage().GetReplyTo(), thread)
	if err != nil {
		return nil, err
	}
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	asks, err := askDrafts(ws, req.GetMessage().GetAsks())
	if err != nil {
		return nil, err
	}
	return answerMessage(s.app.CreateMessage(ctx, app.CreateMessage{
		Thread: thread, Body: req.GetMessage().GetBody(), ReplyTo: answered,
		Urgency: domain.Urgency(req.GetMessage().GetUrgency()), UrgentReason: req.GetMessage().GetUrgentReason(), Asks: asks,
	}))
}

// UpdateMessage implements threadsv1.MessageServiceServer.
func (s *Messages) UpdateMessage(ctx context.Context, req *threadsv1.UpdateMessageRequest) (*threadsv1.Message, error) {
	thread, sequence, err := messageID("message.name", req.GetMessage().GetName())
	if err != nil {
		return nil, err
	}
	if err := bodyOnly(req.GetUpdateMask()); err != nil {
		return nil, err
	}
	m := req.GetMessage()
	return answerMessage(s.app.EditMessage(ctx, thread, sequence, m.GetBody(), fresh("message.etag", m.GetEtag())))
}

// bodyOnly refuses a mask that names anything but the body.
func bodyOnly(mask *fieldmaskpb.FieldMask) error {
	for _, path := range mask.GetPaths() {
		if path != "body" && path != "*" {
			return fault.InvalidField("update_mask", path+" cannot be changed; only body")
		}
	}
	return nil
}

// DeleteMessage implements threadsv1.MessageServiceServer.
func (s *Messages) DeleteMessage(ctx context.Context, req *threadsv1.DeleteMessageRequest) (*threadsv1.Message, error) {
	thread, sequence, err := messageID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerMessage(s.app.DeleteMessage(ctx, thread, sequence, fresh("etag", req.GetEtag())))
}

// ListMessageRevisions implements threadsv1.MessageServiceServer.
func (s *Messages) ListMessageRevisions(
	ctx context.Context, req *threadsv1.ListMessageRevisionsRequest,
) (*threadsv1.ListMessageRevisionsResponse, error) {
	thread, sequence, err := messageID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	fingerprint := page.Fingerprint(req)
	query := app.RevisionQuery{Thread: thread, Sequence: sequence}
	if query.Page.Size, err = page.Size(req.GetPageSize(), defaultRevisions, maxRevisions); err != nil {
		return nil, err
	}
	if query.Page.After, err = page.After[app.SequenceCursor](req.GetPageToken(), fingerprint); err != nil {
		return nil, err
	}
	found, err := s.app.Revisions(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &threadsv1.ListMessageRevisionsResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, r := range found.Items {
		resp.MessageRevisions = append(resp.MessageRevisions, resource.Revision(req.GetParent(), r))
	}
	return resp, nil
}

// AddReaction implements threadsv1.MessageServiceServer.
func (s *Messages) AddReaction(ctx context.Context, req *threadsv1.AddReactionRequest) (*threadsv1.Message, error) {
	thread, sequence, err := messageID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerMessage(s.app.AddReaction(ctx, thread, sequence, req.GetEmoji()))
}

// RemoveReaction implements threadsv1.MessageServiceServer.
func (s *Messages) RemoveReaction(ctx context.Context, req *threadsv1.RemoveReactionRequest) (*threadsv1.Message, error) {
	thread, sequence, err := messageID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerMessage(s.app.RemoveReaction(ctx, thread, sequence, req.GetEmoji()))
}

func answerMessage(m domain.Message, err error) (*threadsv1.Message, error) {
	if err != nil {
		return nil, err
	}
	return resource.Message(m), nil
}

func messageQuery(req *threadsv1.ListMessagesRequest) (q app.MessageQuery, fingerprint string, err error) {
	if q.Thread, err = threadID("parent", req.GetParent()); err != nil {
		return q, "", err
	}
	fingerprint = page.Fingerprint(req)
	if q.Page.Size, err = page.Size(req.GetPageSize(), defaultMessages, maxMessages); err != nil {
		return q, "", err
	}
	if q.Page.After, err = page.After[app.SequenceCursor](req.GetPageToken(), fingerprint); err != nil {
		return q, "", err
	}
	orders, err := page.ParseOrderBy(req.GetOrderBy(), []string{"sequence"})
	if err != nil {
		return q, "", err
	}
	q.Desc = len(orders) == 1 && orders[0].Desc
	filter, err := page.ParseFilter(req.GetFilter(), []page.FieldSpec{
		{Name: "sequence", Kind: page.Int, Ops: []string{"=", "<", "<=", ">", ">="}},
	})
	if err != nil {
		return q, "", err
	}
	q.First, q.Last = bounds(filter)
	return q, fingerprint, nil
}

// bounds is the range of sequences that a filter lets through; first beyond last is none.
func bounds(filter page.Filter) (first, last int64) {
	first, last = 1, math.MaxInt64
	for _, c := range filter.Conditions {
		n := c.Int()
		switch c.Op {
		case "=":
			first, last = max(first, n), min(last, n)
		case "<":
			last = min(last, max(n, math.MinInt64+1)-1)
		case "<=":
			last = min(last, n)
		case ">":
			first = max(first, min(n, math.MaxInt64-1)+1)
		case ">=":
			first = max(first, n)
		}
	}
	return first, last
}
