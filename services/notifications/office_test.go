package notifications

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// hours are a week's: the same window on every day that is worked. An end before its start is the next day's.
type hours struct {
	days       []time.Weekday
	start, end time.Duration
}

func nineToFive() hours {
	return hours{
		days:  []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday},
		start: 9 * time.Hour, end: 17 * time.Hour,
	}
}

// span is a stretch of time.
type span struct{ from, to time.Time }

// roster is what the office knows of one member.
type roster struct {
	zone  *time.Location
	hours hours
	off   []span
	// focus are the times in which they take no interruptions below HIGH, each within a day's hours.
	focus   []span
	version int64
}

// office plays the availability service.
type office struct {
	mu      sync.Mutex
	rosters map[uuid.UUID]*roster
	down    bool
	asked   int
	// acting are those who act for others in approvals, by whom they act for.
	acting map[uuid.UUID]uuid.UUID
	// said are the answers that somebody works, for an auditor: what was true when it was asked.
	said map[uuid.UUID]map[int64]bool
	// asking is called each time somebody asks.
	asking func()
}

func newOffice() *office {
	return &office{rosters: map[uuid.UUID]*roster{}, said: map[uuid.UUID]map[int64]bool{}, acting: map[uuid.UUID]uuid.UUID{}}
}

func (o *office) set(member uuid.UUID, zone string, h hours) {
	o.mu.Lock()
	defer o.mu.Unlock()
	where, err := time.LoadLocation(zone)
	if err != nil {
		panic(err)
	}
	r := o.rosters[member]
	if r == nil {
		r = &roster{}
		o.rosters[member] = r
	}
	r.zone, r.hours = where, h
	r.version++
}

func (o *office) leave(member uuid.UUID, from, to time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rosters[member].off = append(o.rosters[member].off, span{from, to})
	o.rosters[member].version++
}

func (o *office) concentrate(member uuid.UUID, from, to time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.rosters[member].focus = append(o.rosters[member].focus, span{from, to})
	o.rosters[member].version++
}

func (o *office) switchOff(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

// acts has somebody act for a member in approvals; nobody for the zero person.
func (o *office) acts(delegate, member person) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.acting[member.Member] = delegate.Member
}

// ApprovalDelegates implements app.WorkingTime.
func (o *office) ApprovalDelegates(_ context.Context, _ uuid.UUID, of []uuid.UUID, _ time.Time) ([]uuid.UUID, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return nil, fault.New(fault.Unavailable, fault.ReasonUnavailable, "the office is closed")
	}
	found := make([]uuid.UUID, 0, len(of))
	for _, m := range of {
		found = append(found, o.acting[m])
	}
	return found, nil
}

// worked says whether the office ever said that a member works at an instant.
func (o *office) worked(member uuid.UUID, at time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.said[member][at.UnixMicro()]
}

// Reaches implements app.WorkingTime.
func (o *office) Reaches(ctx context.Context, _ uuid.UUID, members []uuid.UUID, at time.Time) (map[uuid.UUID]domain.Reach, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked++
	if o.asking != nil {
		o.asking()
	}
	if o.down {
		return nil, fault.New(fault.Unavailable, fault.ReasonUnavailable, "the office is closed")
	}
	found := map[uuid.UUID]domain.Reach{}
	for _, m := range members {
		r, known := o.rosters[m]
		if !known {
			found[m] = domain.Reach{Known: true, Missing: true}
			continue
		}
		found[m] = r.reach(at)
		if found[m].Working {
			if o.said[m] == nil {
				o.said[m] = map[int64]bool{}
			}
			o.said[m][at.UnixMicro()] = true
		}
	}
	return found, ctx.Err()
}

// windows are the working intervals of the days around an instant, up to ninety days after it, with the dates they belong to.
func (r *roster) windows(at time.Time) (spans []span, dates []string) {
	day := at.In(r.zone).AddDate(0, 0, -2)
	for range 93 {
		year, month, date := day.Date()
		if slices.Contains(r.hours.days, day.Weekday()) {
			start := time.Date(year, month, date, 0, int(r.hours.start/time.Minute), 0, 0, r.zone)
			endDay := date
			if r.hours.end <= r.hours.start {
				endDay++
			}
			end := time.Date(year, month, endDay, 0, int(r.hours.end/time.Minute), 0, 0, r.zone)
			for _, left := range subtract(span{start.UTC(), end.UTC()}, r.off) {
				spans, dates = append(spans, left), append(dates, day.Format(time.DateOnly))
			}
		}
		day = day.AddDate(0, 0, 1)
	}
	return spans, dates
}

func subtract(s span, off []span) []span {
	left := []span{s}
	for _, o := range off {
		var next []span
		for _, l := range left {
			if !o.from.Before(l.to) || !o.to.After(l.from) {
				next = append(next, l)
				continue
			}
			if o.from.After(l.from) {
				next = append(next, span{l.from, o.from})
			}
			if o.to.Before(l.to) {
				next = append(next, span{o.to, l.to})
			}
		}
		left = next
	}
	return left
}

func (r *roster) reach(at time.Time) domain.Reach {
	out := domain.Reach{Known: true, Local: r.zone, Version: r.version}
	spans, dates := r.windows(at)
	var previous string
	for i, s := range spans {
		if out.At.IsZero() && s.to.After(at) {
			out.At, out.Until = s.from, s.to
			if !s.from.After(at) {
				out.At, out.Working = at, true
			}
			out.Work = out.At
			for _, f := range r.focus {
				if !f.from.After(out.At) && f.to.After(out.At) {
					out.At = f.to
				}
			}
		}
		if dates[i] != previous && s.from.After(at) && out.DayStart.IsZero() {
			out.DayStart, out.DayDate = s.from, dates[i]
		}
		previous = dates[i]
	}
	return out
}

// desk plays threads and tasks, the owners of sources.
type desk struct {
	mu       sync.Mutex
	states   map[app.SourceCheck]domain.SourceState
	followed map[uuid.UUID][]domain.Activity
	down     map[domain.Owner]bool
	asked    int
	// hang is waited for before an answer about anything but what is prompt, however long who asks would wait.
	hang   chan struct{}
	prompt string
}

func newDesk() *desk {
	return &desk{
		states: map[app.SourceCheck]domain.SourceState{}, followed: map[uuid.UUID][]domain.Activity{}, down: map[domain.Owner]bool{},
	}
}

// stands says how a source stands for a member; one of which nothing was said is open and unread.
func (d *desk) stands(source string, member uuid.UUID, s domain.SourceState) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.states[app.SourceCheck{Source: source, Member: member}] = s
}

func (d *desk) follow(member uuid.UUID, all ...domain.Activity) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.followed[member] = all
}

func (d *desk) switchOff(owner domain.Owner, down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down[owner] = down
}

// Check implements app.Sources.
func (d *desk) Check(ctx context.Context, _ uuid.UUID, checks []app.SourceCheck) ([]domain.SourceState, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if hang := d.hang; hang != nil && !slices.ContainsFunc(checks, func(c app.SourceCheck) bool { return c.Source == d.prompt }) {
		d.mu.Unlock()
		<-hang
		d.mu.Lock()
	}
	d.asked++
	states := make([]domain.SourceState, len(checks))
	for i, c := range checks {
		state, said := d.states[c]
		switch {
		case d.down[domain.OwnerOf(c.Source)]:
			states[i] = domain.SourceState{Unknown: true}
		case said:
			states[i] = state
		default:
			states[i] = domain.SourceState{Waiting: true}
		}
	}
	return states, ctx.Err()
}

// Followed implements app.Sources.
func (d *desk) Followed(ctx context.Context, _, member uuid.UUID) ([]domain.Activity, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down[domain.Threads] {
		return nil, fault.New(fault.Unavailable, fault.ReasonUnavailable, "threads are away")
	}
	return slices.Clone(d.followed[member]), ctx.Err()
}
