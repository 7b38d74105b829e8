package domain

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
)

// HandoffState is what became of an offer.
type HandoffState string

// The states of an offer. All but Offered are final.
const (
	Offered   HandoffState = "OFFERED"
	Accepted  HandoffState = "ACCEPTED"
	Declined  HandoffState = "DECLINED"
	Withdrawn HandoffState = "WITHDRAWN"
	Expired   HandoffState = "EXPIRED"
)

// HandoffStates are all states of an offer.
func HandoffStates() []HandoffState {
	return []HandoffState{Offered, Accepted, Declined, Withdrawn, Expired}
}

// Route is how the receiver of an offer is found.
type Route string

// The routes.
const (
	// ToMember offers to one member.
	ToMember Route = "MEMBER"
	// ToTeam offers to a team; the first to accept holds it.
	ToTeam Route = "TEAM"
	// Auto offers to the best of a team, one after the other.
	Auto Route = "AUTO"
)

// DefaultWindow is how long a receiver has who is given no other window.
func DefaultWindow() window.Window { return window.Working(4 * time.Hour) }

// MaxAway is how far away, in elapsed time, the next working instant of AUTO's candidate may be. Who works later than
// that is away: on leave or off for days, and the baton would lie still although others can be reached. It is longer than
// any weekend, so that a Friday's baton still finds who starts on Monday.
const MaxAway = 72 * time.Hour

// LeastLeft is how much working time AUTO's candidate must have left in a day to start in it: whoever is about to leave takes
// nothing up.
const LeastLeft = time.Hour

// Note is what the next holder needs.
type Note struct {
	// Done, NextSteps and Blockers are Markdown.
	Done, NextSteps, Blockers string
	// Links say where things are, Questions what is open.
	Links, Questions []string
}

// The most links and questions of a note, and the longest of them in characters.
const (
	maxNoteItems = 50
	maxNoteItem  = 2000
)

// Check refuses a note without next steps, or one that is too long.
func (n Note) Check() error {
	if blank(n.NextSteps) {
		return fault.InvalidField("note.next_steps", "must not be blank")
	}
	size := 0
	for field, text := range map[string]string{"done": n.Done, "next_steps": n.NextSteps, "blockers": n.Blockers} {
		if len(text) > MaxNotePart {
			return fault.InvalidField("note."+field, "must be at most 16 KiB")
		}
		if err := checkText("note."+field, text); err != nil {
			return err
		}
		size += len(text)
	}
	for field, items := range map[string][]string{"links": n.Links, "questions": n.Questions} {
		if len(items) > maxNoteItems {
			return fault.InvalidField("note."+field, "must be at most 50")
		}
		for i, item := range items {
			at := "note." + field + "[" + strconv.Itoa(i) + "]"
			if blank(item) || len([]rune(item)) > maxNoteItem {
				return fault.InvalidField(at, "must be 1 to 2000 characters, not all blank")
			}
			if err := checkText(at, item); err != nil {
				return err
			}
			size += len(item)
		}
	}
	if size > MaxNote {
		return fault.InvalidField("note", "must be at most 96 KiB in all")
	}
	return nil
}

// Handoff is the offer of a task's baton, with its note, and what became of it.
type Handoff struct {
	// Workspace, ID, Task and Space say which offer it is and of what.
	Workspace, ID, Task, Space uuid.UUID
	// TaskKey and TaskTitle are the task's.
	TaskKey, TaskTitle string
	// Giver held the task, in the leg of that number, when it was offered.
	Giver uuid.UUID
	Leg   int64
	// Route is how the receiver is found; Recipient is set for a member and for AUTO's candidate, Team for a team and AUTO.
	Route           Route
	Recipient, Team uuid.UUID
	// Delegate acts for the recipient of a member's offer, as it was when the window began; uuid.Nil for nobody.
	Delegate uuid.UUID
	// Note is what the next one needs, Window how long they have.
	Note   Note
	Window window.Window
	// State is what became of it, as its row says. See At.
	State HandoffState
	// StartTime is from when the window counts: when it was offered, for AUTO when its candidate was found.
	StartTime time.Time
	// ExpireTime and RemindTime are zero until they are known.
	ExpireTime, RemindTime time.Time
	// Responder took or last refused it; Reason is why it was refused or taken back.
	Responder uuid.UUID
	Reason    string
	// Previous and Next are the offers before and after it in an AUTO.
	Previous, Next uuid.UUID
	// Returned says that nobody is asked any more after it ended without a taker.
	Returned bool
	// Decliners are those of a team who have refused; Tried those whom an AUTO has asked so far.
	Decliners, Tried []uuid.UUID
	// Version is the task's when it last changed.
	Version int64
	// CreateTime is when it was offered, EndTime when it ended.
	CreateTime, EndTime time.Time
}

// Name is the handoff's resource name.
func (h Handoff) Name() string { return HandoffName(h.Workspace, h.ID) }

// Open says whether the offer can be taken at an instant.
func (h Handoff) Open(now time.Time) bool {
	return h.State == Offered && (h.ExpireTime.IsZero() || now.Before(h.ExpireTime))
}

// At is the offer as it stands at an instant: from its expiry on it is expired, whether or not its row says so.
func (h Handoff) At(now time.Time) Handoff {
	if h.State != Offered || h.Open(now) {
		return h
	}
	return h.expired(h.ExpireTime)
}

// expired ends the offer by time. AUTO goes on; any other is back with its giver.
func (h Handoff) expired(at time.Time) Handoff {
	h.State, h.EndTime, h.Returned = Expired, at, h.Route != Auto
	return h
}

// IsTo says whether the offer is to a member, or to one for whom they act. ofTeam says whether they are of its team.
func (h Handoff) IsTo(member uuid.UUID, ofTeam bool) bool {
	if h.Route == ToTeam {
		return ofTeam && member != h.Giver
	}
	return (h.Recipient == member || h.Delegate == member) && member != uuid.Nil
}

// WaitsFor says whether the offer is open and waits for a member.
func (h Handoff) WaitsFor(member uuid.UUID, ofTeam bool, now time.Time) bool {
	return h.Open(now) && h.IsTo(member, ofTeam) && !slices.Contains(h.Decliners, member)
}

// undecided are those of a team's receivers who have not refused.
func (h Handoff) undecided(receivers []uuid.UUID) []uuid.UUID {
	return slices.DeleteFunc(slices.Clone(receivers), func(m uuid.UUID) bool { return slices.Contains(h.Decliners, m) })
}

// recipients are whom the open offer waits for, of those of its team who can take it.
func (h Handoff) recipients(receivers []uuid.UUID) []uuid.UUID {
	switch {
	case h.Route == ToTeam:
		return h.undecided(receivers)
	case h.Recipient != uuid.Nil:
		return []uuid.UUID{h.Recipient}
	}
	return nil
}

// Lapses says whether nobody is left whom the open offer waits for, by who of its recipient or its team can take it. An AUTO
// that seeks its candidate waits for none yet.
func (h Handoff) Lapses(receivers []uuid.UUID) bool {
	return (h.Recipient != uuid.Nil || h.Route == ToTeam) && len(h.undecided(receivers)) == 0
}

// settled is the fault of an offer that is no longer open.
func (h Handoff) settled() error {
	f := unmet(ReasonHandoffSettled, preconditionHandoff, h.Name(), "the offer is no longer open").With("state", string(h.State))
	if h.State == Accepted {
		f = f.With(MetaHolder, MemberName(h.Workspace, h.Responder))
	}
	return f
}

func (h Handoff) notRecipient() error {
	return fault.New(fault.Denied, ReasonNotRecipient, "the baton is not offered to the caller").With("name", h.Name())
}
