package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// Store is the service's database. Every method but those of DueStore is confined to the workspace it is given.
type Store interface {
	InboxReader
	PeopleReader
	DigestReader
	DueStore

	// Load returns notifications, those that are there.
	Load(ctx context.Context, ws uuid.UUID, ids []uuid.UUID) ([]domain.Notification, error)
	// InTx runs fn in one transaction of the workspace, again when the database asks for it.
	InTx(ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, tx Tx) error) error
}

// InboxReader reads the inbox of one member: what they may still read.
type InboxReader interface {
	// ActedFor are those in whose place a member was ever notified.
	ActedFor(ctx context.Context, ws, member uuid.UUID) ([]uuid.UUID, error)
	// Notification returns one. None is NotFound.
	Notification(ctx context.Context, r Reader, id uuid.UUID) (domain.Notification, error)
	// Notifications lists them, the newest first; what waits is told as of the query's Now.
	Notifications(ctx context.Context, r Reader, q InboxQuery) (page.Result[domain.Notification, InboxCursor], error)
	// Counts counts them as they stand at an instant.
	Counts(ctx context.Context, r Reader, now time.Time) (Counts, error)
	// Sentences are the decisions of one, the oldest first.
	Sentences(ctx context.Context, ws, id uuid.UUID) ([]string, error)
}

// PeopleReader reads who members are and what they may read.
type PeopleReader interface {
	// People returns members with their preferences, those that are there.
	People(ctx context.Context, ws uuid.UUID, members []uuid.UUID) (map[uuid.UUID]domain.Recipient, error)
	// Readers returns those of the drafts' recipients who may read what happened, by its space or subject, with when its context
	// last signalled to them.
	Readers(ctx context.Context, h domain.Happening, drafts []domain.Notification) (map[uuid.UUID]time.Time, error)
	// Admins are the people who administer a workspace, at most so many.
	Admins(ctx context.Context, ws uuid.UUID, most int) ([]uuid.UUID, error)
	// TeamMembers returns the members of teams.
	TeamMembers(ctx context.Context, ws uuid.UUID, teams []uuid.UUID) ([]uuid.UUID, error)
	// ReadableSpaces returns the names of those of the spaces that a member may read.
	ReadableSpaces(ctx context.Context, ws, member uuid.UUID, spaces []uuid.UUID) (map[uuid.UUID]string, error)
}

// DigestReader reads digests.
type DigestReader interface {
	// DigestOf returns a member's digest. None is NotFound.
	DigestOf(ctx context.Context, ws, member, id uuid.UUID) (domain.Digest, error)
	// Digests lists a member's digests, the newest first.
	Digests(ctx context.Context, ws, member uuid.UUID, q page.Request[DigestCursor]) (page.Result[domain.Digest, DigestCursor], error)
	// Digest returns a digest; false where there is none.
	Digest(ctx context.Context, ws, id uuid.UUID) (domain.Digest, bool, error)
	// DigestItems are the notifications that wait for a member's next digest, at most so many.
	DigestItems(ctx context.Context, ws, member uuid.UUID, most int) ([]domain.Notification, error)
	// LastDigest is up to when a member's last digest told what had happened; zero for never.
	LastDigest(ctx context.Context, ws, member uuid.UUID) (time.Time, error)
}

// Tx is a transaction under way. Reads and locks happen at once; other writes are gathered and sent together at its end.
type Tx interface {
	NotificationTx
	WaitTx
	DigestTx
	PreferenceTx

	// Replay claims the request for the resource of that name. replayed says that the same request was made before.
	Replay(ctx context.Context, name string) (replayed bool, err error)
	// First claims the event under way for its consumer; false says that its effect was made before.
	First(ctx context.Context) (bool, error)
	// Publish publishes events with the transaction, in their order. The rows of their aggregates must be locked by it.
	Publish(ctx context.Context, at time.Time, actor string, events ...domain.Event) error
	// People is PeopleReader.People within the transaction.
	People(ctx context.Context, members []uuid.UUID) (map[uuid.UUID]domain.Recipient, error)
}

// NotificationTx reads and writes notifications, each method in a fixed number of statements.
type NotificationTx interface {
	// AddNotifications adds opened notifications, but for those whose occasion was told before, and returns the ids of those
	// it added.
	AddNotifications(ctx context.Context, all []domain.Notification) (map[uuid.UUID]bool, error)
	// LockOwn locks notifications of a member that they may still read, in the order of their ids.
	LockOwn(ctx context.Context, r Reader, ids []uuid.UUID) ([]domain.Notification, error)
	// Lock locks notifications with their deliveries, in the order of their ids, with how their recipients stand to them.
	Lock(ctx context.Context, ids []uuid.UUID) ([]Standing, error)
	// LockUnsettled locks the notifications about a source that do not show how it stands, with how it does.
	LockUnsettled(ctx context.Context, source string) ([]Unsettled, error)
	// LockOfMessage locks the notifications that show a message.
	LockOfMessage(ctx context.Context, message string) ([]domain.Notification, error)
	// SaveNotifications keeps what locked notifications have become.
	SaveNotifications(ctx context.Context, all []domain.Notification) error
	// HoldDeliveries has pending deliveries wait, by machine time.
	HoldDeliveries(ctx context.Context, keys []DeliveryKey, wait time.Duration) error
	// LockSignals locks when contexts last signalled to a member; zero for never.
	LockSignals(ctx context.Context, member uuid.UUID, contexts []string) (map[string]time.Time, error)
	// SetSignals records that contexts signal to a member, at that time.
	SetSignals(ctx context.Context, member uuid.UUID, contexts []string, at time.Time) error
	// AddAttempts records attempts.
	AddAttempts(ctx context.Context, all []Attempt) error
	// EndAttempt records what became of one.
	EndAttempt(ctx context.Context, id uuid.UUID, outcome Outcome, text string) error
	// Undecide has all that is held of a member decided anew; of the workspace for the zero member.
	Undecide(ctx context.Context, member uuid.UUID, at time.Time) error
}

// WaitTx reads and writes how sources stand.
type WaitTx interface {
	// LockMessages locks messages, and says which of them were deleted. It comes before what locks sources or notifications.
	LockMessages(ctx context.Context, messages []string) (map[string]bool, error)
	// EraseMessage locks a message, and notes that it was deleted.
	EraseMessage(ctx context.Context, message string) error
	// Advance notes the newest event of a source and locks it; false says that a newer one was seen.
	Advance(ctx context.Context, source string, version int64) (bool, error)
	// PutWaits keeps how an event tells that a source stands with members, and with all others that it does not wait, for that
	// reason. An empty reason leaves the others. Those of the members of whom a newer event has told stay as they are.
	PutWaits(ctx context.Context, source string, version int64, waits []domain.Wait, rest string) error
	// Waits returns how a source stands with members.
	Waits(ctx context.Context, source string, members []uuid.UUID) (map[uuid.UUID]domain.Wait, error)
	// LockReminders locks, and returns, for which of the members a source waits of which they were not reminded.
	LockReminders(ctx context.Context, source string, members []uuid.UUID) ([]domain.Wait, error)
	// FirstNotifications are those by which members were first told of a source.
	FirstNotifications(ctx context.Context, source string, members []uuid.UUID) (map[uuid.UUID]domain.Notification, error)
	// SetReminded records that members were reminded.
	SetReminded(ctx context.Context, source string, members []uuid.UUID) error
}

// DigestTx reads and writes digests and their plans.
type DigestTx interface {
	// LockDigest locks a digest; false where there is none.
	LockDigest(ctx context.Context, id uuid.UUID) (domain.Digest, bool, error)
	// LockPendingDigest locks the digest that a member is to get; found is false where there is none, leaving true where it is
	// on its way.
	LockPendingDigest(ctx context.Context, member uuid.UUID) (d domain.Digest, leaving, found bool, err error)
	// DigestOver says whether a member's digest of a date is over.
	DigestOver(ctx context.Context, member uuid.UUID, date string) (bool, error)
	// PutDigest keeps a digest, and lets go of it.
	PutDigest(ctx context.Context, d domain.Digest) error
	// HoldDigest has a pending digest wait, by machine time.
	HoldDigest(ctx context.Context, id uuid.UUID, wait time.Duration) error
	// DropDigest removes the digest that a member is to get.
	DropDigest(ctx context.Context, member uuid.UUID) error
	// PlanDigests has the next digests of members planned at that time; of all for none.
	PlanDigests(ctx context.Context, members []uuid.UUID, at time.Time) error
	// LayDigestPlans has those of members planned for whom it was never done.
	LayDigestPlans(ctx context.Context, members []uuid.UUID, at time.Time) error
	// LockDigestPlan locks a member's plan and says when it is to be made; zero for not.
	LockDigestPlan(ctx context.Context, member uuid.UUID) (time.Time, error)
	// SetDigestPlan keeps when it is to be made next; zero for not.
	SetDigestPlan(ctx context.Context, member uuid.UUID, at time.Time) error
}

// PreferenceTx writes preferences.
type PreferenceTx interface {
	// LockPreferences locks those of a member, the defaults where they have set none.
	LockPreferences(ctx context.Context, member uuid.UUID) (domain.Preferences, error)
	// SavePreferences keeps them.
	SavePreferences(ctx context.Context, p domain.Preferences) error
}

// Standing is a notification with how its recipient stands to it.
type Standing struct {
	domain.Notification
	MayRead    bool
	LastSignal time.Time
}

// Unsettled is a notification that does not show how its source stands, with how it does.
type Unsettled struct {
	domain.Notification
	Wait domain.Wait
}

// Outcome is what became of an attempt.
type Outcome string

// The outcomes.
const (
	// Begun: not known yet.
	Begun Outcome = "BEGUN"
	// Handed: sent.
	Handed Outcome = "SENT"
	// Retry: the channel could not take it for now.
	Retry Outcome = "RETRY"
	// GivenUp: the channel refused it for good.
	GivenUp Outcome = "FAILED"
	// Skipped: it did not begin in time, and the decision is made again.
	Skipped Outcome = "SKIPPED"
)

// Attempt is one attempt to send a notification or a digest, with the decision that allowed it.
type Attempt struct {
	ID, Notification, Digest, Recipient uuid.UUID
	Channel                             domain.Channel
	Urgency                             domain.Urgency
	DecideTime, BeginTime               time.Time
	Working                             bool
	WorkingTimeVersion                  int64
	Outcome                             Outcome
}

// DueStore finds what is due, over all workspaces.
type DueStore interface {
	// ClaimUrgent takes what is to be sent and URGENT, ClaimDeliveries all else that is to be sent, by recipient, and
	// ClaimUndecided what is to be decided, by workspace.
	ClaimUrgent(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]DeliveryBatch, error)
	ClaimDeliveries(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]DeliveryBatch, error)
	ClaimUndecided(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]DeliveryBatch, error)
	// ClaimReminders takes what is to be reminded of, by source.
	ClaimReminders(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]ReminderBatch, error)
	// ClaimSnoozes takes the snoozed notifications that wake, ClaimDigests the digests to be sent.
	ClaimSnoozes(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Item, error)
	ClaimDigests(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]Item, error)
	// ClaimPlans takes the members whose next digests are to be planned, by workspace.
	ClaimPlans(ctx context.Context, now time.Time, lease time.Duration, limit int) ([]PlanBatch, error)

	// NextUrgent, NextDelivery, NextUndecided, NextReminder, NextSnooze, NextDigest and NextPlan are when the next of each is
	// due; false when there is none.
	NextUrgent(ctx context.Context) (time.Time, bool, error)
	NextDelivery(ctx context.Context) (time.Time, bool, error)
	NextUndecided(ctx context.Context) (time.Time, bool, error)
	NextReminder(ctx context.Context) (time.Time, bool, error)
	NextSnooze(ctx context.Context) (time.Time, bool, error)
	NextDigest(ctx context.Context) (time.Time, bool, error)
	NextPlan(ctx context.Context) (time.Time, bool, error)

	// HoldDeliveries, HoldReminders, HoldDigest and HoldPlans have what was claimed wait, by machine time.
	HoldDeliveries(ctx context.Context, ws uuid.UUID, keys []DeliveryKey, wait time.Duration) error
	HoldReminders(ctx context.Context, b ReminderBatch, wait time.Duration) error
	HoldDigest(ctx context.Context, item Item, wait time.Duration) error
	HoldPlans(ctx context.Context, b PlanBatch, wait time.Duration) error
}

// DeliveryKey names a delivery.
type DeliveryKey struct {
	Notification uuid.UUID
	Channel      domain.Channel
}

// DeliveryBatch are deliveries of one workspace; of one recipient where it names them.
type DeliveryBatch struct {
	Workspace, Recipient uuid.UUID
	Keys                 []DeliveryKey
}

// ids are the notifications of the batch, each once.
func (b DeliveryBatch) ids() []uuid.UUID {
	seen := map[uuid.UUID]bool{}
	var ids []uuid.UUID
	for _, k := range b.Keys {
		if !seen[k.Notification] {
			seen[k.Notification] = true
			ids = append(ids, k.Notification)
		}
	}
	return ids
}

// Item names a notification or a digest.
type Item struct{ Workspace, ID uuid.UUID }

// ReminderBatch are members who are to be reminded of one source.
type ReminderBatch struct {
	Workspace uuid.UUID
	Source    string
	Members   []uuid.UUID
}

// PlanBatch are members of one workspace whose digests are to be planned.
type PlanBatch struct {
	Workspace uuid.UUID
	Members   []uuid.UUID
}
