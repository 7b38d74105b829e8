package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/store/db"
)

// Settings implements app.AskTx.
func (t *tx) Settings(ctx context.Context) (app.Settings, error) {
	row, err := t.now.WorkspaceSettings(ctx, t.ws)
	if err != nil && !postgres.IsNoRows(err) {
		return app.Settings{}, fmt.Errorf("read the workspace's settings: %w", err)
	}
	return settingsOf(row), nil
}

// settingsOf fills in the defaults for what is not set, or not known yet.
func settingsOf(row db.WorkspaceSettingsRow) app.Settings {
	s := app.Settings{UrgentRole: auth.Member, Windows: map[domain.Urgency]time.Duration{
		domain.Low: 40 * time.Hour, domain.Normal: 24 * time.Hour, domain.High: 4 * time.Hour, domain.Urgent: time.Hour,
	}}
	if row.UrgentRole > 0 {
		s.UrgentRole = auth.Role(row.UrgentRole)
	}
	for urgency, seconds := range map[domain.Urgency]int64{
		domain.Low: row.LowSeconds, domain.Normal: row.NormalSeconds, domain.High: row.HighSeconds, domain.Urgent: row.UrgentSeconds,
	} {
		if seconds > 0 {
			s.Windows[urgency] = time.Duration(seconds) * time.Second
		}
	}
	return s
}

// Askable implements app.AskTx.
func (t *tx) Askable(ctx context.Context, space uuid.UUID, members []uuid.UUID) ([]uuid.UUID, error) {
	may, err := t.now.Askable(ctx, db.AskableParams{WorkspaceID: t.ws, SpaceID: space, MemberIds: members})
	if err != nil {
		return nil, fmt.Errorf("find who may be asked: %w", err)
	}
	return may, nil
}

// AskableTeams implements app.AskTx.
func (t *tx) AskableTeams(ctx context.Context, asker, space uuid.UUID, teams []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	rows, err := t.now.AskableTeams(ctx, db.AskableTeamsParams{
		WorkspaceID: t.ws, AskerID: asker, SpaceID: space, TeamIds: teams, MaxMembers: domain.MaxAsked + 1,
	})
	if err != nil {
		return nil, fmt.Errorf("find who of teams may be asked: %w", err)
	}
	found := make(map[uuid.UUID][]uuid.UUID, len(teams))
	for _, row := range rows {
		members := found[row.TeamID]
		if row.MemberID != uuid.Nil {
			members = append(members, row.MemberID)
		}
		found[row.TeamID] = members
	}
	return found, nil
}

// Ask implements app.AskReader.
func (s *Store) Ask(ctx context.Context, ws, member, ask uuid.UUID) (domain.Ask, auth.Right, error) {
	q := s.queries(ws)
	row, err := q.AskFor(ctx, db.AskForParams{WorkspaceID: ws, MemberID: member, AskID: ask})
	if err != nil {
		return domain.Ask{}, auth.NoRight, askError(err, ws, ask)
	}
	asks, err := withRecipients(ctx, q, ws, []db.Ask{row.Ask})
	if err != nil {
		return domain.Ask{}, auth.NoRight, err
	}
	asks[0].Title = row.Title
	return asks[0], auth.Right(row.Have), nil
}

func askError(err error, ws, ask uuid.UUID) error {
	if postgres.IsNoRows(err) {
		return fault.NotFoundName(domain.AskName(ws, ask))
	}
	return fmt.Errorf("read ask: %w", err)
}

// LockAsk implements app.AskTx. Those asked are read after the lock was taken: who held it before may have changed them.
func (t *tx) LockAsk(ctx context.Context, member, ask uuid.UUID) (app.LockedAsk, error) {
	row, err := t.now.LockAskFor(ctx, db.LockAskForParams{WorkspaceID: t.ws, MemberID: member, AskID: ask})
	if err != nil {
		return app.LockedAsk{}, askError(err, t.ws, ask)
	}
	asks, err := withRecipients(ctx, t.now, t.ws, []db.Ask{row.Ask})
	if err != nil {
		return app.LockedAsk{}, err
	}
	asks[0].Title, asks[0].UrgentReason = row.Title, row.UrgentReason
	return app.LockedAsk{
		Ask: asks[0], Have: auth.Right(row.Have), ThreadState: domain.ThreadState(row.ThreadState),
		Excerpt: domain.Excerpt(row.Excerpt),
	}, nil
}

// LockRepliedAsks implements app.AskTx.
func (t *tx) LockRepliedAsks(ctx context.Context, member, thread uuid.UUID, sequence int64) ([]domain.Ask, error) {
	rows, err := t.now.LockRepliedAsks(ctx, db.LockRepliedAsksParams{
		WorkspaceID: t.ws, ThreadID: thread, Sequence: sequence, MemberID: member,
	})
	if err != nil {
		return nil, fmt.Errorf("lock the asks that a reply answers: %w", err)
	}
	locked := make([]db.Ask, len(rows))
	for i, row := range rows {
		locked[i] = row.Ask
	}
	return withRecipients(ctx, t.now, t.ws, locked)
}

// LockOpenAsks implements app.AskTx.
func (t *tx) LockOpenAsks(ctx context.Context, thread uuid.UUID, sequence int64) ([]domain.Ask, error) {
	rows, err := t.now.LockOpenAsks(ctx, db.LockOpenAsksParams{WorkspaceID: t.ws, ThreadID: thread, Sequence: sequence})
	if err != nil {
		return nil, fmt.Errorf("lock the open asks of a message: %w", err)
	}
	locked := make([]db.Ask, len(rows))
	for i, row := range rows {
		locked[i] = row.Ask
	}
	return withRecipients(ctx, t.now, t.ws, locked)
}

// withRecipients reads whom asks are for, all of them; there are at most as many asks as a message has.
func withRecipients(ctx context.Context, q *db.Queries, ws uuid.UUID, rows []db.Ask) ([]domain.Ask, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	asks, _, err := askPage(ctx, q, ws, rows)
	return asks, err
}

// AddAsks implements app.AskTx.
func (t *tx) AddAsks(ctx context.Context, asks []domain.Ask) error {
	first := asks[0]
	rows := db.InsertAsksParams{
		WorkspaceID: t.ws, ThreadID: first.Thread, Sequence: first.Sequence, SpaceID: first.Space, AskerID: first.Asker,
		Urgency: int16(first.Urgency), CreateTime: first.CreateTime,
	}
	for _, a := range asks {
		members := make([]string, len(a.Members))
		for i, id := range a.Members {
			members[i] = id.String()
		}
		rows.AskIds = append(rows.AskIds, a.ID)
		rows.Kinds = append(rows.Kinds, string(a.Kind))
		rows.Members = append(rows.Members, strings.Join(members, " "))
		rows.TeamIds = append(rows.TeamIds, a.Team)
		rows.Everyones = append(rows.Everyones, a.Everyone)
		rows.ResponseWindows = append(rows.ResponseWindows, a.Window.String())
	}
	if err := t.writes.InsertAsks(ctx, rows); err != nil {
		return err
	}
	return t.putRecipients(ctx, asks)
}

// SaveAsks implements app.AskTx.
func (t *tx) SaveAsks(ctx context.Context, asks []domain.Ask) error {
	for _, a := range asks {
		err := t.writes.UpdateAsk(ctx, db.UpdateAskParams{
			WorkspaceID: t.ws, AskID: a.ID, State: string(a.State), WithdrawReason: a.WithdrawReason, Version: a.Version,
			UpdateTime: a.UpdateTime,
		})
		if err != nil {
			return err
		}
	}
	return t.putRecipients(ctx, asks)
}

// never stands for a time that is not there.
var never = time.Unix(0, 0).UTC() //nolint:gochecknoglobals // a constant that Go cannot declare so

// putRecipients keeps those whom a change is about, in one statement for all of the asks.
func (t *tx) putRecipients(ctx context.Context, asks []domain.Ask) error {
	rows := db.PutAskRecipientsParams{WorkspaceID: t.ws}
	for _, a := range asks {
		for place, r := range a.Recipients {
			if !r.Touched {
				continue
			}
			rows.AskIds = append(rows.AskIds, a.ID)
			rows.MemberIds = append(rows.MemberIds, r.Member)
			rows.CreateTimes = append(rows.CreateTimes, a.CreateTime)
			rows.Places = append(rows.Places, int16(place))
			rows.States = append(rows.States, string(r.State))
			rows.OfTeams = append(rows.OfTeams, r.OfTeam)
			rows.StartTimes = append(rows.StartTimes, r.Start)
			rows.DuePendings = append(rows.DuePendings, r.Pending)
			rows.DueRounds = append(rows.DueRounds, r.Round)
			rows.DueTimes = append(rows.DueTimes, timeOr(r.Due))
			rows.RemindTimes = append(rows.RemindTimes, timeOr(r.Remind))
			rows.DueReasons = append(rows.DueReasons, int16(r.Reason))
			rows.DelegateIds = append(rows.DelegateIds, r.Delegate)
			rows.OverdueTolds = append(rows.OverdueTolds, r.Told)
			rows.AnswerSequences = append(rows.AnswerSequences, r.Answer)
			rows.Comments = append(rows.Comments, r.Comment)
			rows.AnsweredByIds = append(rows.AnsweredByIds, r.AnsweredBy)
			rows.ReassignedToIds = append(rows.ReassignedToIds, r.To)
			rows.ReassignedFromIds = append(rows.ReassignedFromIds, r.From)
			rows.UpdateTimes = append(rows.UpdateTimes, r.UpdateTime)
		}
	}
	return t.writes.PutAskRecipients(ctx, rows)
}

func timeOr(t time.Time) time.Time {
	if t.IsZero() {
		return never
	}
	return t
}
