package rpc

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// ImportMessages implements threadsv1.MessageServiceServer.
func (s *Messages) ImportMessages(ctx context.Context, req *threadsv1.ImportMessagesRequest) (*threadsv1.ImportMessagesResponse, error) {
	ids, err := spacePattern.ParseUUIDs("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	ws, space := ids[0], ids[1]
	messages := make([]domain.Imported, len(req.GetMessages()))
	for i, m := range req.GetMessages() {
		if messages[i], err = importedMessage(ws, "messages["+strconv.Itoa(i)+"]", m); err != nil {
			return nil, err
		}
	}
	results, err := s.app.ImportMessages(ctx, space, messages)
	if err != nil {
		return nil, err
	}
	resp := &threadsv1.ImportMessagesResponse{}
	for _, r := range results {
		resp.Results = append(resp.Results, importResult(ws, r))
	}
	return resp, nil
}

func importedMessage(ws uuid.UUID, field string, m *threadsv1.ImportedMessage) (domain.Imported, error) {
	author, err := within(memberPattern, field+".author", m.GetAuthor(), ws)
	if err != nil {
		return domain.Imported{}, err
	}
	if err := m.GetCreateTime().CheckValid(); err != nil {
		return domain.Imported{}, fault.InvalidField(field+".create_time", "must be a time within the years 1 to 9999")
	}
	out := domain.Imported{
		ExternalID: m.GetExternalId(), ParentExternalID: m.GetParentExternalId(), ThreadExternalID: m.GetThreadExternalId(),
		Subject: m.GetSubject(), Author: author, Body: m.GetBody(),
		CreateTime: m.GetCreateTime().AsTime().Truncate(time.Microsecond),
	}
	if m.GetUtcOffset() != nil {
		offset := m.GetUtcOffset().AsDuration()
		out.UTCOffset = &offset
	}
	return out, nil
}

func importResult(ws uuid.UUID, r domain.ImportResult) *threadsv1.ImportResult {
	out := &threadsv1.ImportResult{
		ExternalId: r.ExternalID, Outcome: threadsv1.ImportResult_IMPORTED,
		Message: domain.MessageName(ws, r.Place.Thread, r.Place.Sequence), Thread: domain.ThreadName(ws, r.Place.Thread),
		ThreadCreated: r.ThreadCreated,
	}
	if r.Duplicate {
		out.Outcome = threadsv1.ImportResult_DUPLICATE
	}
	for _, joined := range r.Joined {
		out.JoinedThreads = append(out.JoinedThreads, domain.ThreadName(ws, joined))
	}
	return out
}
