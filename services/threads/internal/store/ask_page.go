package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/window"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// The bounds of what a page tells of asks, so that with its bodies an answer stays below the 4 MiB that clients take.
const (
	// maxAskRows is how many recipients are read for a page: no message has more.
	maxAskRows = 10 * domain.MaxRecipients
	// maxAskBytes bounds the asks of a page of messages, maxAskPageBytes those of a page of asks.
	maxAskBytes     = 768 << 10
	maxAskPageBytes = 3 << 20
)

// fillAsks reads the asks of those of the messages that have some, in one statement. room says of how many of the messages,
// in their order, a page has room for the asks; it has for the first one's in any case.
func fillAsks(ctx context.Context, q *db.Queries, ws uuid.UUID, messages []*domain.Message) (room int, err error) {
	asked := db.MessageAsksParams{WorkspaceID: ws, MaxRows: maxAskRows + 1}
	for i, m := range messages {
		if m.Asks != nil {
			asked.ThreadIds = append(asked.ThreadIds, m.Thread)
			asked.Sequences = append(asked.Sequences, m.Sequence)
			asked.Places = append(asked.Places, int32(i))
		}
	}
	if len(asked.Places) == 0 {
		return len(messages), nil
	}
	rows, err := q.MessageAsks(ctx, asked)
	if err != nil {
		return 0, fmt.Errorf("read what messages ask: %w", err)
	}
	room = len(messages)
	size := 0
	for _, row := range rows {
		m := messages[row.Message]
		if n := len(m.Asks); n == 0 || m.Asks[n-1].ID != row.Ask.AskID {
			ask, err := askOf(row.Ask)
			if err != nil {
				return 0, err
			}
			m.Asks = append(m.Asks, ask)
			size += sizeOf(row.Ask)
		}
		a := &m.Asks[len(m.Asks)-1]
		a.Recipients = append(a.Recipients, recipientOf(row.AskRecipient))
		if size += sizeOfRecipient(row.AskRecipient); size > maxAskBytes {
			room = min(room, max(int(row.Message), 1))
		}
	}
	if len(rows) > maxAskRows { // the last message read may have more
		room = min(room, max(int(rows[maxAskRows].Message), 1))
	}
	return room, nil
}

// askPage reads whom asks are for, in one statement. room says of how many of the asks, in their order, a page has room.
func askPage(ctx context.Context, q *db.Queries, ws uuid.UUID, rows []db.Ask) (asks []domain.Ask, room int, err error) {
	wanted := db.AskRecipientsParams{WorkspaceID: ws, MaxRows: maxAskRows + 1}
	index := make(map[uuid.UUID]int, len(rows))
	asks = make([]domain.Ask, len(rows))
	for i, row := range rows {
		if asks[i], err = askOf(row); err != nil {
			return nil, 0, err
		}
		index[row.AskID] = i
		wanted.AskIds, wanted.Places = append(wanted.AskIds, row.AskID), append(wanted.Places, int32(i))
	}
	recipients, err := q.AskRecipients(ctx, wanted)
	if err != nil {
		return nil, 0, fmt.Errorf("read whom asks are for: %w", err)
	}
	room = len(asks)
	size := 0
	for _, row := range recipients {
		i := index[row.AskRecipient.AskID]
		if len(asks[i].Recipients) == 0 {
			size += sizeOf(rows[i])
		}
		asks[i].Recipients = append(asks[i].Recipients, recipientOf(row.AskRecipient))
		if size += sizeOfRecipient(row.AskRecipient); size > maxAskPageBytes {
			room = min(room, max(i, 1))
		}
	}
	if len(recipients) > maxAskRows {
		room = min(room, max(index[recipients[maxAskRows].AskRecipient.AskID], 1))
	}
	return asks, room, nil
}

// sizeOf and sizeOfRecipient are about what an ask and one of those asked take in an answer.
func sizeOf(row db.Ask) int { return 700 + 95*len(row.MemberIds) + len(row.WithdrawReason) }

func sizeOfRecipient(row db.AskRecipient) int { return 545 + len(row.Comment) }

func askOf(row db.Ask) (domain.Ask, error) {
	length, err := window.Parse(row.ResponseWindow)
	if err != nil {
		return domain.Ask{}, err
	}
	return domain.Ask{
		Workspace: row.WorkspaceID, ID: row.AskID, Thread: row.ThreadID, Sequence: row.Sequence, Space: row.SpaceID,
		Asker: row.AskerID, Kind: domain.AskKind(row.Kind), Members: row.MemberIds, Team: value(row.TeamID),
		Everyone: row.Everyone, Window: length, Urgency: domain.Urgency(row.Urgency), State: domain.AskState(row.State),
		WithdrawReason: row.WithdrawReason, Version: row.Version, CreateTime: row.CreateTime.UTC(),
		UpdateTime: row.UpdateTime.UTC(),
	}, nil
}

func recipientOf(row db.AskRecipient) domain.Recipient {
	return domain.Recipient{
		Member: row.MemberID, State: domain.RecipientState(row.State), OfTeam: row.OfTeam, Start: row.StartTime.UTC(),
		Pending: row.DuePending, Round: row.DueRound, Due: value(row.DueTime).UTC(), Remind: value(row.RemindTime).UTC(),
		Reason: domain.DueReason(row.DueReason), Delegate: value(row.DelegateID), Told: row.OverdueTold, Answer: row.AnswerSequence,
		AnsweredBy: value(row.AnsweredByID), Comment: row.Comment, To: value(row.ReassignedToID),
		From: value(row.ReassignedFromID), UpdateTime: row.UpdateTime.UTC(),
	}
}
