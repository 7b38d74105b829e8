package domain

import (
	"bytes"
	"cmp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// DigestState is what became of a digest, by its word in the API.
type DigestState string

// The states of a digest.
const (
	// DigestPending: to be made.
	DigestPending DigestState = "PENDING"
	// DigestIsSent: sent.
	DigestIsSent DigestState = "SENT"
	// DigestEmpty: there was nothing to tell.
	DigestEmpty DigestState = "EMPTY"
	// DigestFailed: the channel refused it for good.
	DigestFailed DigestState = "FAILED"
)

// MaxDigestItems is how much a digest shows; the rest it counts.
const MaxDigestItems = 50

// Digest is one delivery of many notifications, at the start of the recipient's working day.
type Digest struct {
	Workspace, ID, Recipient uuid.UUID
	// Date is the local date of the working day that it opens, DayStart the start of that day.
	Date     string
	DayStart time.Time
	// DeliverTime is when it is, or was, to be sent.
	DeliverTime, SendTime time.Time
	// FillTime is when what it holds was asked for: what happened later comes with the next. Zero before it is filled, and again
	// once a try to send it has failed.
	FillTime               time.Time
	State                  DigestState
	Notifications          []uuid.UUID
	Omitted                int
	Text                   string
	Attempts               int
	LastError              string
	Version                int64
	CreateTime, UpdateTime time.Time
}

// PlanDigest makes the digest of a working day.
func PlanDigest(ws, id, recipient uuid.UUID, r Reach, now time.Time) Digest {
	d := Digest{Workspace: ws, ID: id, Recipient: recipient, State: DigestPending, CreateTime: now}
	d.Move(r, Spread(recipient), now)
	return d
}

// Begun says whether the working day that it opens has begun.
func (d *Digest) Begun(now time.Time) bool { return !d.DayStart.After(now) }

// Move puts it at the start of another working day. It tells whether that is another.
func (d *Digest) Move(r Reach, spread time.Duration, now time.Time) bool {
	at := r.DayStart.Add(spread)
	if d.Date == r.DayDate && d.DayStart.Equal(r.DayStart) && d.DeliverTime.Equal(at) {
		return false
	}
	d.Date, d.DayStart, d.DeliverTime = r.DayDate, r.DayStart, at
	d.touch(now)
	return true
}

// Open has it sent now, on the day that it is for: that began earlier than was known when it was planned.
func (d *Digest) Open(now time.Time) {
	d.DayStart, d.DeliverTime = now, now
	d.touch(now)
}

// Opens says whether the day that it is for has begun without it: its recipient works, and their next day is a later one.
func (d *Digest) Opens(r Reach, now time.Time) bool {
	today := now.In(cmp.Or(r.Local, time.UTC)).Format(time.DateOnly)
	return r.Working && !d.Begun(now) && d.Date == today && r.DayDate != d.Date
}

// SpreadAfterMiss is the spread of the next try of a digest that was due when its recipient did not work: none where the
// day's first window is so short that the spread had gone past its end.
func (d *Digest) SpreadAfterMiss(now time.Time) time.Duration {
	if now.Sub(d.DayStart) < spreadOver {
		return 0
	}
	return Spread(d.Recipient)
}

func (d *Digest) touch(now time.Time) {
	d.Version++
	d.UpdateTime = now
}

// Fill records what it holds, asked for from since on, before it is sent. A digest of nothing ends so.
func (d *Digest) Fill(c Composition, text string, since, now time.Time) {
	d.Notifications, d.Omitted, d.Text, d.FillTime = nil, c.Omitted, text, since
	for _, n := range slices.Concat(c.Waiting, c.Others) {
		d.Notifications = append(d.Notifications, n.ID)
	}
	d.touch(now)
	if c.Empty() {
		d.State, d.Text = DigestEmpty, ""
		return
	}
	d.Attempts++
}

// Deliver records that it was sent.
func (d *Digest) Deliver(now time.Time) []Event {
	d.State, d.SendTime, d.LastError = DigestIsSent, now, ""
	d.touch(now)
	return []Event{DigestSent{Digest: *d}}
}

// Fail records that the channel refused it for good.
func (d *Digest) Fail(answer string, now time.Time) {
	d.State, d.LastError = DigestFailed, answer
	d.touch(now)
}

// Stumble records that the channel could not take it for now.
func (d *Digest) Stumble(answer string, now time.Time) {
	d.LastError, d.FillTime = answer, time.Time{}
	d.touch(now)
}

// Composition is what a digest shows, in its order, and how much more there was.
type Composition struct {
	// Waiting is what waits on the recipient: asks, then batons, each by due time.
	Waiting []Notification
	// Others are the other notifications, the oldest first.
	Others []Notification
	// Followed is what happened in followed threads, by space.
	Followed []SpaceActivity
	// Omitted is how much more there was.
	Omitted int
}

// SpaceActivity is what happened in one space.
type SpaceActivity struct {
	Space    string
	Activity []Activity
}

// Empty says whether there is nothing to tell.
func (c Composition) Empty() bool {
	return len(c.Waiting)+len(c.Others)+len(c.Followed)+c.Omitted == 0
}

// Compose puts a digest together. Of several notifications about the same thing that waits, the newest is shown; what is told
// by a notification is not told again as activity.
func Compose(items []Notification, activity []Activity) Composition {
	var c Composition
	shown := map[string]bool{}
	for _, n := range items {
		shown[n.Context] = true
		if n.Waiting {
			c.Waiting = append(c.Waiting, n)
			continue
		}
		c.Others = append(c.Others, n)
	}
	c.Waiting = newestOfEach(c.Waiting)
	slices.SortFunc(c.Waiting, compareWaiting)
	slices.SortFunc(c.Others, compareAge)
	activity = slices.DeleteFunc(slices.Clone(activity), func(a Activity) bool { return shown[a.Thread] })
	slices.SortStableFunc(activity, func(a, b Activity) int { return b.Time.Compare(a.Time) })

	room := MaxDigestItems
	c.Waiting, room, c.Omitted = cut(c.Waiting, room, c.Omitted)
	c.Others, room, c.Omitted = cut(c.Others, room, c.Omitted)
	activity, _, c.Omitted = cut(activity, room, c.Omitted)
	c.Followed = bySpace(activity)
	return c
}

// newestOfEach leaves of the notifications about one source the newest.
func newestOfEach(all []Notification) []Notification {
	slices.SortFunc(all, func(a, b Notification) int { return compareAge(b, a) })
	seen := map[string]bool{}
	return slices.DeleteFunc(all, func(n Notification) bool {
		again := seen[n.Source]
		seen[n.Source] = true
		return again
	})
}

// compareWaiting orders asks before batons, and each by due time; what has none comes last.
func compareWaiting(a, b Notification) int {
	rank := func(n Notification) int {
		if isAsk(n.Source) {
			return 0
		}
		return 1
	}
	due := func(n Notification) int64 {
		if n.DueTime.IsZero() {
			return 1<<63 - 1
		}
		return n.DueTime.UnixMicro()
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(due(a), due(b)), compareAge(a, b))
}

func compareAge(a, b Notification) int {
	return cmp.Or(a.CreateTime.Compare(b.CreateTime), bytes.Compare(a.ID[:], b.ID[:]))
}

// cut leaves as many as there is room for and counts the rest.
func cut[T any](all []T, room, omitted int) (kept []T, left, rest int) {
	if len(all) > room {
		return all[:room], 0, omitted + len(all) - room
	}
	return all, room - len(all), omitted
}

// bySpace groups activity by its space, in the order in which the spaces come first.
func bySpace(all []Activity) []SpaceActivity {
	var groups []SpaceActivity
	for _, a := range all {
		i := slices.IndexFunc(groups, func(g SpaceActivity) bool { return g.Activity[0].Space == a.Space })
		if i < 0 {
			groups = append(groups, SpaceActivity{Space: a.SpaceName, Activity: []Activity{a}})
			continue
		}
		groups[i].Activity = append(groups[i].Activity, a)
	}
	return groups
}
