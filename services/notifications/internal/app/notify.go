package app

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// mostConfirmed is about how many refused recipients of one mention the directory is asked: a team may be large, and most of it
// not of the space. Whom an ask or an offer is to its owner has looked at, so that a refusal of theirs is news that is late,
// and all of them are asked about.
const mostConfirmed = 50

// news is what an event comes to.
type news struct {
	domain.Happening
	// follows says that the source waits for people, as waits say; rest is why it does not for all others.
	follows bool
	waits   []domain.Wait
	rest    string
	drafts  []domain.Notification
}

// Notify follows an event: how its source stands is kept, and each whom it concerns gets one notification, with every channel
// decided. It takes a bounded number of statements, however many they are.
func (a *App) notify(ctx context.Context, n news) error {
	ws := n.Workspace
	n.drafts = concerned(n.drafts, n.Actor)
	readers, err := a.readers(ctx, n)
	if err != nil {
		return err
	}
	n.drafts = slices.DeleteFunc(n.drafts, func(d domain.Notification) bool { _, may := readers[d.Recipient]; return !may })
	members := recipients(n.drafts)
	at := a.now()
	reaches, err := a.reaches(ctx, ws, members, at)
	if err != nil {
		return err
	}
	return a.once(ctx, ws, func(ctx context.Context, tx Tx) error {
		if err := forget(ctx, tx, n.drafts); err != nil {
			return err
		}
		if err := a.follow(ctx, tx, n, at); err != nil {
			return err
		}
		opened, err := a.open(ctx, tx, n, readers, reaches, at)
		if err != nil || len(opened) == 0 {
			return err
		}
		return a.add(ctx, tx, opened, at)
	})
}

// forget takes the words of messages that were deleted already out of drafts that show them.
func forget(ctx context.Context, tx Tx, drafts []domain.Notification) error {
	shown := map[string]bool{}
	for _, d := range drafts {
		if d.Message != "" {
			shown[d.Message] = true
		}
	}
	if len(shown) == 0 {
		return nil
	}
	erased, err := tx.LockMessages(ctx, slices.Sorted(maps.Keys(shown)))
	if err != nil {
		return err
	}
	for i := range drafts {
		if erased[drafts[i].Message] {
			drafts[i].Forget()
		}
	}
	return nil
}

// concerned leaves one draft a recipient, the first, and none for who did it.
func concerned(drafts []domain.Notification, actor uuid.UUID) []domain.Notification {
	seen := map[uuid.UUID]bool{actor: true, uuid.Nil: true}
	var kept []domain.Notification
	for _, d := range drafts {
		if !seen[d.Recipient] {
			seen[d.Recipient] = true
			kept = append(kept, d)
		}
	}
	return kept
}

func recipients(all []domain.Notification) []uuid.UUID {
	members := make([]uuid.UUID, 0, len(all))
	for _, n := range all {
		members = append(members, n.Recipient)
	}
	return members
}

// readers are those of the drafts' recipients who may read what it is about, once the directory was asked about those who may not,
// and about whose own matter it is: the one who decides on that is their manager.
func (a *App) readers(ctx context.Context, n news) (map[uuid.UUID]time.Time, error) {
	members := recipients(n.drafts)
	if len(members) == 0 {
		return nil, nil //nolint:nilnil // nobody is asked about, so nobody may read
	}
	readers, err := a.store.Readers(ctx, n.Happening, n.drafts)
	if err != nil {
		return nil, err
	}
	var asked int
	for _, member := range members {
		if _, may := readers[member]; may || asked == mostConfirmed && !n.follows {
			continue
		}
		asked++
		if err := a.access.Confirm(ctx, n.Workspace, member, n.Space); err != nil {
			return nil, err
		}
	}
	if asked == 0 {
		return readers, nil
	}
	if n.Subject != uuid.Nil {
		if err := a.access.Confirm(ctx, n.Workspace, n.Subject, uuid.Nil); err != nil {
			return nil, err
		}
	}
	return a.store.Readers(ctx, n.Happening, n.drafts)
}

// reaches asks when members can be reached. Where that cannot be asked for now, none of them is Known.
func (a *App) reaches(ctx context.Context, ws uuid.UUID, members []uuid.UUID, at time.Time) (map[uuid.UUID]domain.Reach, error) {
	if len(members) == 0 {
		return nil, nil //nolint:nilnil // nobody is asked about
	}
	found, err := a.working.Reaches(ctx, ws, members, at)
	if unavailable(err) {
		return map[uuid.UUID]domain.Reach{}, nil
	}
	return found, err
}

// follow keeps how the source stands, as far as no newer event has told, and has the notifications about it show that.
func (a *App) follow(ctx context.Context, tx Tx, n news, now time.Time) error {
	if !n.follows {
		return nil
	}
	newest, err := tx.Advance(ctx, n.Source, n.Version)
	if err != nil {
		return err
	}
	// One that says how the source stands with all people says nothing that a newer one does not. One that speaks of some alone
	// does: of those of whom no newer one has told.
	if !newest && n.rest != "" {
		return nil
	}
	if err := tx.PutWaits(ctx, n.Source, n.Version, n.waits, n.rest); err != nil {
		return err
	}
	unsettled, err := tx.LockUnsettled(ctx, n.Source)
	if err != nil || len(unsettled) == 0 {
		return err
	}
	var (
		events  []domain.Event
		changed []domain.Notification
	)
	for _, u := range unsettled {
		events = append(events, u.Settle(u.Wait, now)...)
		changed = append(changed, u.Notification)
	}
	if err := tx.SaveNotifications(ctx, changed); err != nil {
		return err
	}
	return tx.Publish(ctx, now, Actor, events...)
}

// open makes notifications of the drafts, as their sources stand and their recipients can be reached.
func (a *App) open(
	ctx context.Context, tx Tx, n news, readers map[uuid.UUID]time.Time, reaches map[uuid.UUID]domain.Reach, now time.Time,
) ([]opening, error) {
	if len(n.drafts) == 0 {
		return nil, nil
	}
	members := recipients(n.drafts)
	people, err := tx.People(ctx, members)
	if err != nil {
		return nil, err
	}
	waits := map[uuid.UUID]domain.Wait{}
	if n.follows {
		if waits, err = tx.Waits(ctx, n.Source, members); err != nil {
			return nil, err
		}
	}
	opened := make([]opening, 0, len(n.drafts))
	for _, draft := range n.drafts {
		to := people[draft.Recipient]
		if !to.Active {
			continue
		}
		if draft.Reason.Waits() {
			w, told := waits[draft.Recipient]
			if !told && n.rest == "" {
				w.Waiting = true // no event has said otherwise
			}
			draft.Waiting, draft.DueTime, draft.SettledReason = w.Waiting, w.Due, w.Settled
		}
		o, err := openOne(draft, draft.Situation(now, to, reaches[to.ID], a.noMail(to), readers[to.ID]))
		if err != nil {
			return nil, err
		}
		opened = append(opened, o)
	}
	return opened, nil
}

// opening is a notification that was opened, with its event.
type opening struct {
	domain.Notification
	events []domain.Event
}

func openOne(n domain.Notification, s domain.Situation) (opening, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return opening{}, err
	}
	events := n.Open(id, s)
	return opening{Notification: n, events: events}, nil
}

// add keeps opened notifications with their events, and has the digests planned that they wait for.
func (a *App) add(ctx context.Context, tx Tx, opened []opening, now time.Time) error {
	all := make([]domain.Notification, 0, len(opened))
	for _, o := range opened {
		all = append(all, o.Notification)
	}
	added, err := tx.AddNotifications(ctx, all)
	if err != nil {
		return err
	}
	var events []domain.Event
	for _, o := range opened {
		if added[o.ID] {
			events = append(events, o.events...)
		}
	}
	if err := layDigests(ctx, tx, all, now); err != nil {
		return err
	}
	return tx.Publish(ctx, now, Actor, events...)
}

// layDigests has the digests planned that notifications wait for, where that was never done for their recipients.
func layDigests(ctx context.Context, tx Tx, all []domain.Notification, now time.Time) error {
	members := map[uuid.UUID]bool{}
	for _, n := range all {
		if d := n.Delivery(domain.Email); d != nil && d.State == domain.Pending && d.Decision == domain.InDigest {
			members[n.Recipient] = true
		}
	}
	if len(members) == 0 {
		return nil
	}
	return tx.LayDigestPlans(ctx, slices.Collect(maps.Keys(members)), now)
}

// once runs the effect of an event in a transaction, if it was not made before, and wakes what may have become due by it.
func (a *App) once(ctx context.Context, ws uuid.UUID, effect func(ctx context.Context, tx Tx) error) error {
	defer a.woken()
	return a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
		first, err := tx.First(ctx)
		if err != nil || !first {
			return err
		}
		return effect(ctx, tx)
	})
}

// names are what members are called.
func (a *App) names(ctx context.Context, ws uuid.UUID, members ...uuid.UUID) (domain.Names, error) {
	people, err := a.store.People(ctx, ws, slices.DeleteFunc(members, func(m uuid.UUID) bool { return m == uuid.Nil }))
	if err != nil {
		return nil, err
	}
	names := domain.Names{}
	for id, p := range people {
		names[id] = p.Name
	}
	return names, nil
}
