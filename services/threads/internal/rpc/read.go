package rpc

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

// The page sizes of read states.
const (
	defaultReadStates = 100
	maxReadStates     = 1000
)

var readStatePattern = resname.MustPattern("workspaces/{workspace}/threads/{thread}/readState")

// Reads implements threadsv1.ReadServiceServer.
type Reads struct {
	threadsv1.UnimplementedReadServiceServer
	app *app.App
}

// NewReads makes the service over its use cases.
func NewReads(a *app.App) *Reads { return &Reads{app: a} }

// GetReadState implements threadsv1.ReadServiceServer.
func (s *Reads) GetReadState(ctx context.Context, req *threadsv1.GetReadStateRequest) (*threadsv1.ReadState, error) {
	ids, err := readStatePattern.ParseUUIDs("name", req.GetName())
	if err != nil {
		return nil, err
	}
	return answerReadState(s.app.ReadState(ctx, ids[1]))
}

// ListReadStates implements threadsv1.ReadServiceServer.
func (s *Reads) ListReadStates(ctx context.Context, req *threadsv1.ListReadStatesRequest) (*threadsv1.ListReadStatesResponse, error) {
	fingerprint := page.Fingerprint(req)
	q := app.ReadStateQuery{UnreadOnly: req.GetUnreadOnly()}
	var err error
	if q.Page.Size, err = page.Size(req.GetPageSize(), defaultReadStates, maxReadStates); err != nil {
		return nil, err
	}
	if q.Page.After, err = page.After[app.ReadStateCursor](req.GetPageToken(), fingerprint); err != nil {
		return nil, err
	}
	found, err := s.app.ReadStates(ctx, q)
	if err != nil {
		return nil, err
	}
	return &threadsv1.ListReadStatesResponse{
		ReadStates: readStates(found.Items), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// MarkRead implements threadsv1.ReadServiceServer.
func (s *Reads) MarkRead(ctx context.Context, req *threadsv1.MarkReadRequest) (*threadsv1.ReadState, error) {
	thread, err := threadID("name", req.GetName())
	if err != nil {
		return nil, err
	}
	states, err := s.app.MarkRead(ctx, []app.ReadMark{{Thread: thread, Through: req.GetThroughSequence(), Field: "through_sequence"}})
	if err != nil {
		return nil, err
	}
	return resource.ReadState(states[0]), nil
}

// BatchMarkRead implements threadsv1.ReadServiceServer.
func (s *Reads) BatchMarkRead(ctx context.Context, req *threadsv1.BatchMarkReadRequest) (*threadsv1.BatchMarkReadResponse, error) {
	ws, err := resname.Workspace("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	marks := make([]app.ReadMark, len(req.GetMarks()))
	for i, mark := range req.GetMarks() {
		field := "marks[" + strconv.Itoa(i) + "]"
		thread, err := within(threadPattern, field+".thread", mark.GetThread(), ws)
		if err != nil {
			return nil, err
		}
		marks[i] = app.ReadMark{Thread: thread, Through: mark.GetThroughSequence(), Field: field + ".through_sequence"}
	}
	states, err := s.app.MarkRead(ctx, marks)
	if err != nil {
		return nil, err
	}
	return &threadsv1.BatchMarkReadResponse{ReadStates: readStates(states)}, nil
}

// FollowThread implements threadsv1.ReadServiceServer.
func (s *Reads) FollowThread(ctx context.Context, req *threadsv1.FollowThreadRequest) (*threadsv1.ReadState, error) {
	return changedReadState(ctx, req.GetName(), s.app.FollowThread)
}

// UnfollowThread implements threadsv1.ReadServiceServer.
func (s *Reads) UnfollowThread(ctx context.Context, req *threadsv1.UnfollowThreadRequest) (*threadsv1.ReadState, error) {
	return changedReadState(ctx, req.GetName(), s.app.UnfollowThread)
}

// MuteThread implements threadsv1.ReadServiceServer.
func (s *Reads) MuteThread(ctx context.Context, req *threadsv1.MuteThreadRequest) (*threadsv1.ReadState, error) {
	return changedReadState(ctx, req.GetName(), func(ctx context.Context, thread uuid.UUID) (domain.ReadState, error) {
		return s.app.MuteThread(ctx, thread, true)
	})
}

// UnmuteThread implements threadsv1.ReadServiceServer.
func (s *Reads) UnmuteThread(ctx context.Context, req *threadsv1.UnmuteThreadRequest) (*threadsv1.ReadState, error) {
	return changedReadState(ctx, req.GetName(), func(ctx context.Context, thread uuid.UUID) (domain.ReadState, error) {
		return s.app.MuteThread(ctx, thread, false)
	})
}

func changedReadState(
	ctx context.Context, name string, change func(ctx context.Context, thread uuid.UUID) (domain.ReadState, error),
) (*threadsv1.ReadState, error) {
	thread, err := threadID("name", name)
	if err != nil {
		return nil, err
	}
	return answerReadState(change(ctx, thread))
}

func answerReadState(r domain.ReadState, err error) (*threadsv1.ReadState, error) {
	if err != nil {
		return nil, err
	}
	return resource.ReadState(r), nil
}

func readStates(states []domain.ReadState) []*threadsv1.ReadState {
	var out []*threadsv1.ReadState
	for _, r := range states {
		out = append(out, resource.ReadState(r))
	}
	return out
}
