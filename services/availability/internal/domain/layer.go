package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
)

// LayerKind is one of the things that lie over a member's hours, by its word in the database.
type LayerKind string

// The kinds of layers.
const (
	// Travel is a stay in another zone, for some dates of that zone.
	Travel LayerKind = "TRAVEL"
	// DateOverride replaces the windows of one date.
	DateOverride LayerKind = "DATE_OVERRIDE"
	// FocusBlock makes working time uninterruptible.
	FocusBlock LayerKind = "FOCUS_BLOCK"
)

// collection is what the kind's resources are called in names.
func (k LayerKind) collection() string {
	switch k {
	case Travel:
		return "travels"
	case DateOverride:
		return "dateOverrides"
	case FocusBlock:
	}
	return "focusBlocks"
}

// field is what the kind's resource is called in requests.
func (k LayerKind) field() string {
	switch k {
	case Travel:
		return "travel"
	case DateOverride:
		return "date_override"
	case FocusBlock:
	}
	return "focus_block"
}

// Layer is a thing that lies over a member's hours. It is made and deleted, and never changes in between.
type Layer struct {
	// Workspace, Member, Kind and ID say which it is.
	Workspace, Member uuid.UUID
	Kind              LayerKind
	ID                uuid.UUID
	// Name is a focus block's, for the member and administrators alone.
	Name string
	// Zone is the IANA zone of a travel.
	Zone string
	// Windows are those of a date override's date, which name no days, or of the weeks of a focus block.
	Windows []Window
	// Dated says that First to Last holds, local dates with the last included; else it is from Start until End. A date
	// override has one date. A focus block without a Last holds for ever.
	Dated       bool
	First, Last worktime.Date
	Start, End  time.Time
	// CreateTime is from when it counts, DeleteTime until when; zero for still.
	CreateTime, DeleteTime time.Time
}

// LayerRevision is the revision of every layer, for none ever changes: its etag.
const LayerRevision = 1

// ResourceName is the layer's.
func (l *Layer) ResourceName() string { return LayerName(l.Workspace, l.Member, l.Kind, l.ID) }

// Public is the layer as others see it: when a focus block is, but not what for.
func (l *Layer) Public() Layer {
	public := *l
	public.Name = ""
	return public
}

// Reaches are instants before which it surely does not begin to count and after which it surely no longer does, whatever
// zone its member is in: what a query finds it by.
func (l *Layer) Reaches() (lower, upper time.Time) {
	lower, upper = l.Start, l.End
	if l.Dated {
		const farthest = 2 // a window ends on the next date, and zones are ahead
		last := l.Last
		if last == 0 {
			last, _ = worktime.NewDate(lastYear, time.December, 31)
		}
		lower, upper = worktime.UTC().StartOf(l.First-1), worktime.UTC().StartOf(last+1+farthest)
	}
	if !l.DeleteTime.IsZero() && l.DeleteTime.Before(upper) {
		upper = l.DeleteTime
	}
	return lower, upper
}

// Changes is the range that a change of the layer now can reach, and whether that is open: then it goes further than it is
// looked at.
func (l *Layer) Changes(now time.Time) (start, end time.Time, open bool) {
	start, end = l.Reaches()
	if start.Before(now) {
		start = now
	}
	if furthest := start.Add(MaxRange); end.After(furthest) {
		return start, furthest, true
	}
	return start, end, false
}

// NewLayer lays a layer over what is known of the member, in the range that it Changes. taken is another of its kind, not
// deleted, that has one of its dates; nil for none. Of a layer that has begun, what has passed does not change.
func NewLayer(l Layer, before Record, taken *Layer, m *MemberTime, now time.Time) (Layer, []Event, error) {
	person, err := before.Lay()
	if err != nil {
		return Layer{}, nil, err
	}
	if err := l.check(person.Calendar.ZoneAt(now), taken, now); err != nil {
		return Layer{}, nil, err
	}
	l.CreateTime = now
	events := []Event{LayerCreated{Layer: l, Version: m.Next()}}
	start, end, open := l.Changes(now)
	changed, err := m.differ(before, before.WithLayer(l), start, end, open)
	return l, append(events, changed...), err
}

// Delete takes the layer away from now on.
func (l *Layer) Delete(before Record, m *MemberTime, now time.Time) ([]Event, error) {
	start, end, open := l.Changes(now)
	l.DeleteTime = now
	events := []Event{LayerDeleted{Layer: *l, Version: m.Next()}}
	changed, err := m.differ(before, before.WithLayer(*l), start, end, open)
	return append(events, changed...), err
}

// differ is the event of what differs between what was known and what is, from start until end and, where that is open,
// perhaps further; none where nothing does.
func (m *MemberTime) differ(before, after Record, start, end time.Time, open bool) ([]Event, error) {
	was, err := before.Lay()
	if err != nil {
		return nil, err
	}
	is, err := after.Lay()
	if err != nil {
		return nil, err
	}
	changed, differs := worktime.Differ(was.Calendar, is.Calendar, start, end)
	switch {
	case open && !differs:
		return []Event{m.changed(end, time.Time{})}, nil
	case open:
		return []Event{m.changed(changed.Start, time.Time{})}, nil
	case !differs:
		return nil, nil
	}
	return []Event{m.changed(changed.Start, changed.End)}, nil
}
