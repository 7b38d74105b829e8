package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// InboxQuery is what a list of notifications is asked for.
type InboxQuery struct {
	Conditions []InboxCondition
	// Now is as of when what waits is asked for.
	Now  time.Time
	Page page.Request[InboxCursor]
}

// InboxCondition is one comparison of an inbox's filter, its value of the field's type: text, urgency or truth.
type InboxCondition struct {
	Field, Op string
	Value     any
}

// InboxCursor is where a page of notifications ends.
type InboxCursor struct {
	Time time.Time `json:"t"`
	ID   uuid.UUID `json:"i"`
}

// Counts count what is in an inbox.
type Counts struct {
	Unread, Waiting, Snoozed int
	// ByReason are the unread ones.
	ByReason []ReasonCount
}

// ReasonCount counts what has one reason.
type ReasonCount struct {
	Reason domain.Reason
	Count  int
}

// Notification gets one of the caller's notifications.
func (a *App) Notification(ctx context.Context, id uuid.UUID) (domain.Notification, error) {
	r, err := a.reader(ctx)
	if err != nil {
		return domain.Notification{}, err
	}
	n, err := a.store.Notification(ctx, r, id)
	return n.At(a.now()), err
}

// Notifications lists the caller's inbox.
func (a *App) Notifications(ctx context.Context, q InboxQuery) (page.Result[domain.Notification, InboxCursor], error) {
	r, err := a.reader(ctx)
	if err != nil {
		return page.Result[domain.Notification, InboxCursor]{}, err
	}
	q.Now = a.now()
	found, err := a.store.Notifications(ctx, r, q)
	for i := range found.Items {
		found.Items[i] = found.Items[i].At(q.Now)
	}
	return found, err
}

// Counts counts the caller's inbox.
func (a *App) Counts(ctx context.Context) (Counts, error) {
	r, err := a.reader(ctx)
	if err != nil {
		return Counts{}, err
	}
	return a.store.Counts(ctx, r, a.now())
}

// Explanation is why a notification did or did not interrupt.
type Explanation struct {
	Notification domain.Notification
	Sentences    []string
}

// Explain explains one of the caller's notifications.
func (a *App) Explain(ctx context.Context, id uuid.UUID) (Explanation, error) {
	n, err := a.Notification(ctx, id)
	if err != nil {
		return Explanation{}, err
	}
	sentences, err := a.store.Sentences(ctx, n.Workspace, id)
	return Explanation{Notification: n, Sentences: sentences}, err
}

// MarkRead marks notifications of the caller as read, all or none, and returns them in the order of the ids.
func (a *App) MarkRead(ctx context.Context, ids []uuid.UUID) ([]domain.Notification, error) {
	return a.change(ctx, ids, (*domain.Notification).Look)
}

// MarkDone puts a notification of the caller away.
func (a *App) MarkDone(ctx context.Context, id uuid.UUID) (domain.Notification, error) {
	return a.changeOne(ctx, id, (*domain.Notification).PutAway)
}

// longestSnooze is how far away the end of a snooze may be.
const longestSnooze = 366 * 24 * time.Hour

// Snooze puts a notification of the caller out of sight until an instant; for none, until the start of their next working day.
func (a *App) Snooze(ctx context.Context, id uuid.UUID, until time.Time) (domain.Notification, error) {
	n, err := a.Notification(ctx, id)
	if err != nil {
		return domain.Notification{}, err
	}
	asked := until
	if until.IsZero() {
		if until, err = a.nextMorning(ctx, n); err != nil {
			return domain.Notification{}, err
		}
	}
	until = until.UTC().Truncate(time.Microsecond)
	changed, err := a.changeChecked(ctx, []uuid.UUID{id}, func(now time.Time) error {
		switch {
		case asked.IsZero():
			return nil
		case !until.After(now):
			return fault.InvalidField("snooze_time", "must not have passed")
		case until.Sub(now) > longestSnooze:
			return fault.InvalidField("snooze_time", "must not be more than 366 days away")
		}
		return nil
	}, func(n *domain.Notification, now time.Time) []domain.Event { return n.Snooze(until, now) })
	if err != nil {
		return domain.Notification{}, err
	}
	return changed[0], nil
}

// nextMorning is the start of the recipient's next working day.
func (a *App) nextMorning(ctx context.Context, n domain.Notification) (time.Time, error) {
	reaches, err := a.working.Reaches(ctx, n.Workspace, []uuid.UUID{n.Recipient}, a.now())
	if err != nil {
		return time.Time{}, err
	}
	start := reaches[n.Recipient].DayStart
	if start.IsZero() {
		const rule = "there is no working day within 90 days; name an instant"
		return time.Time{}, fault.New(fault.Precondition, domain.ReasonNoWorkingTime, "%s", rule).
			WithPrecondition("WORKING_TIME", domain.MemberName(n.Workspace, n.Recipient), rule)
	}
	return start, nil
}

func (a *App) changeOne(
	ctx context.Context, id uuid.UUID, rule func(n *domain.Notification, now time.Time) []domain.Event,
) (domain.Notification, error) {
	changed, err := a.change(ctx, []uuid.UUID{id}, rule)
	if err != nil {
		return domain.Notification{}, err
	}
	return changed[0], nil
}

func (a *App) change(
	ctx context.Context, ids []uuid.UUID, rule func(n *domain.Notification, now time.Time) []domain.Event,
) ([]domain.Notification, error) {
	return a.changeChecked(ctx, ids, func(time.Time) error { return nil }, rule)
}

// changeChecked is the frame of every change of the caller's own notifications: lock, right, replay, state, rule, save,
// publish.
func (a *App) changeChecked(
	ctx context.Context, ids []uuid.UUID, check func(now time.Time) error,
	rule func(n *domain.Notification, now time.Time) []domain.Event,
) ([]domain.Notification, error) {
	caller, err := a.reader(ctx)
	if err != nil {
		return nil, err
	}
	defer a.woken()
	var found []domain.Notification
	err = a.store.InTx(ctx, caller.Workspace, func(ctx context.Context, tx Tx) error {
		locked, err := tx.LockOwn(ctx, caller, ids)
		if err != nil {
			return err
		}
		now := a.now()
		if found, err = inOrder(caller.Caller, ids, locked, now); err != nil {
			return err
		}
		if replayed, err := tx.Replay(ctx, domain.NotificationName(caller.Workspace, ids[0])); err != nil || replayed {
			return err
		}
		if err := check(now); err != nil {
			return err
		}
		var events []domain.Event
		for i := range found {
			events = append(events, rule(&found[i], now)...)
		}
		if err := tx.SaveNotifications(ctx, found); err != nil {
			return err
		}
		return tx.Publish(ctx, now, caller.Principal(), events...)
	})
	return found, err
}

// inOrder are the locked notifications as they stand now, in the order of the ids. The first that is not there is not found.
func inOrder(caller auth.Caller, ids []uuid.UUID, locked []domain.Notification, now time.Time) ([]domain.Notification, error) {
	by := make(map[uuid.UUID]domain.Notification, len(locked))
	for _, n := range locked {
		by[n.ID] = n.At(now)
	}
	all := make([]domain.Notification, 0, len(ids))
	for _, id := range ids {
		n, there := by[id]
		if !there {
			return nil, fault.NotFoundName(domain.NotificationName(caller.Workspace, id))
		}
		all = append(all, n)
	}
	return all, nil
}

// DueSnoozes takes the snoozed notifications that wake.
func (a *App) DueSnoozes(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Item, error) {
	return a.store.ClaimSnoozes(ctx, now, lease, limit)
}

// NextSnooze is when the next one wakes.
func (a *App) NextSnooze(ctx context.Context) (time.Time, bool, error) {
	return a.store.NextSnooze(ctx)
}

// Wake brings a snoozed notification back, unread, and has its signal decided.
func (a *App) Wake(ctx context.Context, item Item) error {
	defer a.woken()
	return a.store.InTx(ctx, item.Workspace, func(ctx context.Context, tx Tx) error {
		locked, err := tx.Lock(ctx, []uuid.UUID{item.ID})
		if err != nil || len(locked) == 0 {
			return err
		}
		n := locked[0].Notification
		n.Wake(a.now())
		return tx.SaveNotifications(ctx, []domain.Notification{n})
	})
}
