package rpc

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

// The page sizes of threads.
const (
	defaultThreads = 50
	maxThreads     = 200
)

// Threads implements threadsv1.ThreadServiceServer.
type Threads struct {
	threadsv1.UnimplementedThreadServiceServer
	app *app.App
}

// NewThreads makes the service over its use cases.
func NewThreads(a *app.App) *Threads { return &Threads{app: a} }

// GetThread implements threadsv1.ThreadServiceServer.
func (s *Threads) GetThread(ctx context.Context, req *threadsv1.GetThreadRequest) (*threadsv1.Thread, error) {
	id, err := threadID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerThread(s.app.Thread(ctx, id))
}

// ListThreads implements threadsv1.ThreadServiceServer.
func (s *Threads) ListThreads(ctx context.Context, req *threadsv1.ListThreadsRequest) (*threadsv1.ListThreadsResponse, error) {
	query, fingerprint, err := threadQuery(req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Threads(ctx, query)
	if err != nil {
		return nil, err
	}
	resp := &threadsv1.ListThreadsResponse{NextPageToken: page.Next(fingerprint, found.Next)}
	for _, t := range found.Items {
		resp.Threads = append(resp.Threads, resource.Thread(t))
	}
	return resp, nil
}

// CreateThread implements threadsv1.ThreadServiceServer.
func (s *Threads) CreateThread(ctx context.Context, req *threadsv1.CreateThreadRequest) (*threadsv1.Thread, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	t := req.GetThread()
	space, err := within(spacePattern, "thread.space", t.GetSpace(), ws)
	if err != nil {
		return nil, err
	}
	return answerThread(s.app.CreateThread(ctx, app.CreateThread{
		Space: space, Title: t.GetTitle(), Type: threadType(t.GetType()), ReopenOnMessage: t.GetReopenOnMessage(),
	}))
}

// UpdateThread implements threadsv1.ThreadServiceServer.
func (s *Threads) UpdateThread(ctx context.Context, req *threadsv1.UpdateThreadRequest) (*threadsv1.Thread, error) {
	id, err := threadID("thread.name", req.GetThread().GetName())
	if err != nil {
		return nil, err
	}
	change, err := threadChange(req.GetThread(), req.GetUpdateMask())
	if err != nil {
		return nil, err
	}
	return answerThread(s.app.UpdateThread(ctx, id, change, fresh("thread.etag", req.GetThread().GetEtag())))
}

// ResolveThread implements threadsv1.ThreadServiceServer.
func (s *Threads) ResolveThread(ctx context.Context, req *threadsv1.ResolveThreadRequest) (*threadsv1.Thread, error) {
	id, err := threadID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerThread(s.app.ResolveThread(ctx, id, req.GetOutcome(), fresh("etag", req.GetEtag())))
}

// ReopenThread implements threadsv1.ThreadServiceServer.
func (s *Threads) ReopenThread(ctx context.Context, req *threadsv1.ReopenThreadRequest) (*threadsv1.Thread, error) {
	id, err := threadID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerThread(s.app.ReopenThread(ctx, id, fresh("etag", req.GetEtag())))
}

// ArchiveThread implements threadsv1.ThreadServiceServer.
func (s *Threads) ArchiveThread(ctx context.Context, req *threadsv1.ArchiveThreadRequest) (*threadsv1.Thread, error) {
	id, err := threadID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerThread(s.app.ArchiveThread(ctx, id, fresh("etag", req.GetEtag())))
}

func answerThread(t domain.Thread, err error) (*threadsv1.Thread, error) {
	if err != nil {
		return nil, err
	}
	return resource.Thread(t), nil
}

// fresh is the check of an etag that a request gave in a field; none where it gave none.
func fresh(field, tag string) app.Fresh {
	if tag == "" {
		return nil
	}
	return func(revision int64) error { return etag.Check(field, tag, revision) }
}

// threadType is the domain's word of a type; unset is left to the domain.
func threadType(t threadsv1.Thread_Type) domain.ThreadType {
	if t == threadsv1.Thread_TYPE_UNSPECIFIED {
		return ""
	}
	return domain.ThreadType(t.String())
}

// threadChange reads an update: the fields of the mask, or without one those that have a value.
func threadChange(t *threadsv1.Thread, mask *fieldmaskpb.FieldMask) (domain.ThreadChange, error) {
	paths := mask.GetPaths()
	if mask == nil {
		paths = populated(t)
	}
	if len(paths) == 1 && paths[0] == "*" {
		paths = []string{"title", "type", "reopen_on_message"}
	}
	var change domain.ThreadChange
	for _, path := range paths {
		switch path {
		case "title":
			title := t.GetTitle()
			change.Title = &title
		case "type":
			kind := threadType(t.GetType())
			if kind == "" {
				kind = domain.Discussion
			}
			change.Type = &kind
		case "reopen_on_message":
			reopen := t.GetReopenOnMessage()
			change.ReopenOnMessage = &reopen
		default:
			return domain.ThreadChange{}, fault.InvalidField("update_mask", path+" cannot be changed; only title, type and reopen_on_message")
		}
	}
	return change, nil
}

func populated(t *threadsv1.Thread) []string {
	var paths []string
	if t.GetTitle() != "" {
		paths = append(paths, "title")
	}
	if t.GetType() != threadsv1.Thread_TYPE_UNSPECIFIED {
		paths = append(paths, "type")
	}
	if t.GetReopenOnMessage() {
		paths = append(paths, "reopen_on_message")
	}
	return paths
}

// threadFields are what a list of threads may be filtered by.
func threadFields() []page.FieldSpec {
	equality := []string{"=", "!="}
	return []page.FieldSpec{
		{Name: "space", Kind: page.Name, Pattern: spacePattern},
		{Name: "state", Kind: page.Enum, Ops: equality, Enum: []string{"OPEN", "RESOLVED", "ARCHIVED"}},
		{Name: "type", Kind: page.Enum, Ops: equality, Enum: []string{"DISCUSSION", "QUESTION", "ANNOUNCEMENT", "REVIEW"}},
		{Name: "creator", Kind: page.Name, Ops: equality, Pattern: memberPattern},
		{Name: "create_time", Kind: page.Time, Ops: []string{"=", "<", "<=", ">", ">="}},
		{Name: "imported", Kind: page.Bool},
	}
}

func threadQuery(req *threadsv1.ListThreadsRequest) (q app.ThreadQuery, fingerprint string, err error) {
	fingerprint = page.Fingerprint(req)
	if q.Page.Size, err = page.Size(req.GetPageSize(), defaultThreads, maxThreads); err != nil {
		return q, "", err
	}
	if q.Page.After, err = page.After[app.ThreadCursor](req.GetPageToken(), fingerprint); err != nil {
		return q, "", err
	}
	q.Order = page.Order{Field: "activity_time", Desc: true}
	orders, err := page.ParseOrderBy(req.GetOrderBy(), []string{"activity_time", "create_time"})
	if err != nil {
		return q, "", err
	}
	if len(orders) > 1 {
		return q, "", fault.New(fault.Invalid, fault.ReasonOrderByInvalid, "order_by: takes one field").WithField("order_by", "takes one field")
	}
	if len(orders) == 1 {
		q.Order = orders[0]
	}
	filter, err := page.ParseFilter(req.GetFilter(), threadFields())
	if err != nil {
		return q, "", err
	}
	if err := threadConditions(&q, filter, req.GetParent()); err != nil {
		return q, "", err
	}
	return q, fingerprint, nil
}

// threadConditions reads a filter's values. Names of another workspace match nothing there is, and are refused.
func threadConditions(q *app.ThreadQuery, filter page.Filter, parent string) error {
	ws, err := resname.Workspace("parent", parent)
	if err != nil {
		return err
	}
	for _, c := range filter.Conditions {
		condition := app.ThreadCondition{Field: c.Field, Op: c.Op, Value: c.Value}
		switch c.Field {
		case "space":
			space, err := within(spacePattern, "filter", c.Value, ws)
			if err != nil {
				return err
			}
			if q.Space != uuid.Nil && q.Space != space {
				return fault.InvalidField("filter", "names two spaces; a thread is in one")
			}
			q.Space = space
			continue
		case "creator":
			if condition.Value, err = within(memberPattern, "filter", c.Value, ws); err != nil {
				return err
			}
		case "create_time":
			condition.Value = c.Time()
		case "imported":
			condition.Value = c.Bool()
		}
		q.Conditions = append(q.Conditions, condition)
	}
	return nil
}
