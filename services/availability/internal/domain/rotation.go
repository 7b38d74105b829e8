package domain

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/worktime"
)

// The limits of rotations.
const (
	// MaxRotations is how many a team may have, MaxUpcoming how many versions of turns may take over later.
	MaxRotations = 50
	MaxUpcoming  = 20
	// MaxOverrides is how many overrides of a rotation may not be over, MaxOverride how long one may be.
	MaxOverrides = 1000
	MaxOverride  = 366 * 24 * time.Hour
	// MaxTurnMembers is how many may take turns.
	MaxTurnMembers = 100
	// MaxName is the longest display name, in characters.
	MaxName = 100
	// PreviewTime and MaxPreview bound a preview of shifts.
	PreviewTime = 28 * 24 * time.Hour
	MaxPreview  = 1000
)

// ReasonRotationLimit says that there are as many as there may be. meridian.availability.v1.ErrorReason lists it.
const ReasonRotationLimit = "ROTATION_LIMIT"

// Unit is what turns are counted in, by its word in the API.
type Unit string

// The units of turns.
const (
	Hour         Unit = "HOUR"
	Day          Unit = "DAY"
	Week         Unit = "WEEK"
	Month        Unit = "MONTH"
	FollowTheSun Unit = "FOLLOW_THE_SUN"
)

// kind is the unit as it is reckoned with, and most how many of it a turn may be long.
func (u Unit) kind() (kind worktime.Unit, most int) {
	switch u {
	case Hour:
		return worktime.ByHour, 8784
	case Day:
		return worktime.ByDay, 366
	case Week:
		return worktime.ByWeek, 52
	case Month:
		return worktime.ByMonth, 12
	case FollowTheSun:
		return worktime.FollowTheSun, 0
	}
	return 0, 0
}

// Turns are one version of a rotation, in force from Start until End.
type Turns struct {
	ID      uuid.UUID
	Members []uuid.UUID
	Unit    Unit
	// Every, Zone, First and At say when turns change; they are zero where the unit is FollowTheSun.
	Every int
	Zone  string
	First worktime.Date
	At    worktime.Clock
	// Start is when they take over, End when the next do, zero in the last ones. Those that were cut away before they began
	// end where they start.
	Start, End time.Time
}

// Rotation is who of a team is on, over time, with what of it was read: turns and overrides of a range.
type Rotation struct {
	Workspace, Team, ID uuid.UUID
	Name                string
	// Turns are in the order in which they take over, Overrides in the order they were made.
	Turns     []Turns
	Overrides []Override
	// Departures are when those of them had left who are named there.
	Departures []Departure
	// Revision counts what people changed of the rotation itself, from 1: its etag. Version counts its events.
	Revision, Version                  int64
	CreateTime, UpdateTime, DeleteTime time.Time
	// Told is the last shift that was told of, without its end; its start is zero before the first one, and after the last.
	Told Shift
	// Due is when the next boundary of a shift is to be looked for, zero when there is none to come.
	Due time.Time
}

// Shift is a time in which the same members are on.
type Shift struct {
	Start, End time.Time
	Members    []uuid.UUID
}

// Sun says whether some of the turns follow the sun.
func (r *Rotation) Sun() bool {
	return slices.ContainsFunc(r.Turns, func(t Turns) bool { return t.Unit == FollowTheSun })
}

// Members are those whose working time matters: of the turns that follow the sun.
func (r *Rotation) Members() []uuid.UUID {
	var all []uuid.UUID
	for _, t := range r.Turns {
		if t.Unit == FollowTheSun {
			all = append(all, t.Members...)
		}
	}
	return all
}

// Named are all who may be on by the turns and overrides that were read.
func (r *Rotation) Named() []uuid.UUID {
	var all []uuid.UUID
	for _, t := range r.Turns {
		all = append(all, t.Members...)
	}
	for _, o := range r.Overrides {
		if o.In != uuid.Nil {
			all = append(all, o.In)
		}
	}
	return all
}

// Reckon says that from now on another may be on, for somebody has left or come back.
func (r *Rotation) Reckon(now time.Time) []Event {
	return []Event{r.changed(now, time.Time{}, now)}
}

// Next counts one more event.
func (r *Rotation) Next() int64 {
	r.Version++
	return r.Version
}

// changed is the event of a change of who is on from start until end, and has the shifts looked at.
func (r *Rotation) changed(start, end, now time.Time) RotationChanged {
	r.Due = now
	return RotationChanged{Rotation: *r, Start: start, End: end, Version: r.Next()}
}

// NewRotation makes a rotation of its name and first turns.
func NewRotation(r Rotation, turns Turns, now time.Time) (Rotation, []Event, error) {
	if err := checkDisplayName("rotation.", r.Name, MaxName); err != nil {
		return Rotation{}, nil, err
	}
	if err := turns.check(now); err != nil {
		return Rotation{}, nil, err
	}
	r.Turns, r.Revision, r.CreateTime, r.UpdateTime = []Turns{turns}, 1, now, now
	return r, []Event{r.changed(turns.Start, time.Time{}, now)}, nil
}

// check refuses turns that are none from now on, and sets what was left to be set.
func (t *Turns) check(now time.Time) error {
	const field = "rotation.turns"
	if t.Start.IsZero() {
		t.Start = now
	}
	kind, most := t.Unit.kind()
	switch {
	case kind == 0:
		return fault.InvalidField(field+".unit", "must be given")
	case len(t.Members) == 0 || len(t.Members) > MaxTurnMembers:
		return fault.InvalidField(field+".members", "must be 1 to 100")
	case t.Start.Before(now):
		return fault.InvalidField(field+".effective_time", "must not be before now")
	case kind == worktime.FollowTheSun:
		return nil
	}
	if t.Every == 0 {
		t.Every = 1
	}
	if t.Every < 0 || t.Every > most {
		return fault.InvalidField(field+".every", "must be from 1 to "+strconv.Itoa(most)+" where the unit is "+string(t.Unit))
	}
	if t.At >= worktime.DayEnd {
		return fault.InvalidField(field+".hand_over_time", "must be from 00:00 to 23:59")
	}
	_, err := CheckZone(field+".time_zone", t.Zone)
	return err
}

// RotationChange is what an update sets; nil leaves as it is.
type RotationChange struct {
	Name  *string
	Turns *Turns
}

// Update changes the rotation. It has no event when nothing changes.
func (r *Rotation) Update(c RotationChange, now time.Time) ([]Event, error) {
	var start time.Time // of what changes, zero for none
	renamed := c.Name != nil && *c.Name != r.Name
	if renamed {
		if err := checkDisplayName("rotation.", *c.Name, MaxName); err != nil {
			return nil, err
		}
		r.Name = *c.Name
	}
	if c.Turns != nil {
		turns := *c.Turns
		if err := turns.check(now); err != nil {
			return nil, err
		}
		if start = turns.Start; !r.take(turns) {
			start = time.Time{}
		}
	}
	if _, upcoming := r.In(now); len(upcoming) > MaxUpcoming {
		return nil, r.limit("at most 20 versions of turns may take over later")
	}
	if !renamed && start.IsZero() {
		return nil, nil
	}
	r.Revision++
	r.UpdateTime = now
	if start.IsZero() {
		return []Event{RotationChanged{Rotation: *r, Version: r.Next()}}, nil
	}
	return []Event{r.changed(start, time.Time{}, now)}, nil
}

// take has turns take over, and cuts those before; false where that changes nothing.
func (r *Rotation) take(turns Turns) bool {
	if last := r.Turns[len(r.Turns)-1]; !last.Start.After(turns.Start) && last.same(turns) {
		return false
	}
	var kept []Turns
	for _, t := range r.Turns {
		if !t.Start.Before(turns.Start) {
			break
		}
		if t.End.IsZero() || t.End.After(turns.Start) {
			t.End = turns.Start
		}
		kept = append(kept, t)
	}
	kept = append(kept, turns)
	r.Turns = kept
	return true
}

// same says whether two versions have the same members hand over at the same times.
func (t *Turns) same(other Turns) bool {
	return slices.Equal(t.Members, other.Members) && t.Unit == other.Unit && t.Every == other.Every && t.Zone == other.Zone &&
		t.First == other.First && t.At == other.At
}

// In is the turns in force at an instant, or else the first that will be, and those that take over later.
func (r *Rotation) In(at time.Time) (Turns, []Turns) {
	i := 0
	for i+1 < len(r.Turns) && !r.Turns[i+1].Start.After(at) {
		i++
	}
	if len(r.Turns) == 0 {
		return Turns{}, nil
	}
	return r.Turns[i], r.Turns[i+1:]
}

// Delete ends the rotation. Its turns stay, for what was.
func (r *Rotation) Delete(now time.Time) []Event {
	r.Revision++
	r.UpdateTime, r.DeleteTime = now, now
	event := r.changed(now, time.Time{}, now)
	event.Deleted = true
	return []Event{event}
}

func (r *Rotation) limit(rule string) error {
	name := RotationName(r.Workspace, r.Team, r.ID)
	return fault.New(fault.Precondition, ReasonRotationLimit, "%s", rule).WithPrecondition("ROTATION_LIMIT", name, rule)
}

// CheckRotations refuses one more rotation than a team may have.
func (r *Rotation) CheckRotations(have int) error {
	if have >= MaxRotations {
		return r.limit("a team may have at most 50 rotations")
	}
	return nil
}

// Watch is a rotation laid: who is on, at any instant of what was read.
type Watch struct {
	rotation *worktime.Rotation
	end      time.Time // zero for none
}

// Lay lays the rotation with its members' calendars, which those of the turns that follow the sun need.
func (r *Rotation) Lay(people map[uuid.UUID]Person) (Watch, error) {
	turns := make([]worktime.Turns, len(r.Turns))
	for i, t := range r.Turns {
		kind, _ := t.Unit.kind()
		turns[i] = worktime.Turns{
			From: t.Start, Members: names(t.Members), Unit: kind, Every: t.Every, Zone: zoneOf(t.Zone), First: t.First, At: t.At,
		}
		if kind != worktime.FollowTheSun {
			continue
		}
		for _, member := range t.Members {
			calendar := people[member].Calendar
			if calendar == nil { // nothing is known of them
				calendar = worktime.NewCalendar(worktime.Layers{})
			}
			turns[i].Sun = append(turns[i].Sun, calendar)
		}
	}
	overrides := make([]worktime.RotationOverride, 0, len(r.Overrides)+len(r.Departures))
	for _, o := range r.Overrides {
		overrides = append(overrides, o.known())
	}
	for _, d := range r.Departures { // after the overrides: none of them puts on who has left
		if out := d.out(); out.Start.Before(out.End) {
			overrides = append(overrides, out)
		}
	}
	laid, err := worktime.NewRotation(turns, overrides)
	if err != nil {
		return Watch{}, fmt.Errorf("lay a rotation: %w", err)
	}
	return Watch{rotation: laid, end: r.DeleteTime}, nil
}

func names(members []uuid.UUID) []string {
	all := make([]string, len(members))
	for i, m := range members {
		all[i] = m.String()
	}
	return all
}
