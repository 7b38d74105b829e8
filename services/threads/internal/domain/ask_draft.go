package domain

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
)

// AskDraft is what a member wants to ask with a message.
type AskDraft struct {
	// ID is the new ask's id.
	ID       uuid.UUID
	Kind     AskKind
	Members  []uuid.UUID
	Team     uuid.UUID
	Everyone bool
	Window   window.Window
	// TeamMembers are those of the team who may be asked, without the asker.
	TeamMembers []uuid.UUID
}

// AskField is the place of an ask in the request that posts its message.
func AskField(i int) string { return "message.asks[" + strconv.Itoa(i) + "]" }

// CheckAsks refuses asks of nobody and of oneself.
func CheckAsks(asker uuid.UUID, drafts []AskDraft) error {
	for i, d := range drafts {
		if len(d.Members) == 0 && d.Team == uuid.Nil {
			return fault.InvalidField(AskField(i)+".members", "members or a team must be asked")
		}
		if own := slices.Index(d.Members, asker); own >= 0 {
			return fault.InvalidField(AskMemberField(i, own), "must not be the author of the message")
		}
	}
	return nil
}

// AskMemberField is the place of a member asked by name.
func AskMemberField(ask, member int) string {
	return AskField(ask) + ".members[" + strconv.Itoa(member) + "]"
}

// checkAsked refuses a team in which nobody can be asked, and more people than one message may ask.
func checkAsked(drafts []AskDraft) error {
	people := 0
	for i, d := range drafts {
		if d.Team != uuid.Nil && len(d.TeamMembers) == 0 {
			return fault.InvalidField(AskField(i)+".team", "has nobody else who may read the space")
		}
		people += len(d.people())
	}
	if people > MaxAsked {
		return fault.InvalidField("message.asks", "must ask at most 500 people together")
	}
	return nil
}

// people are those asked by a draft: by name first, then the rest of the team.
func (d AskDraft) people() []uuid.UUID {
	people := slices.Clone(d.Members)
	for _, id := range d.TeamMembers {
		if !slices.Contains(d.Members, id) {
			people = append(people, id)
		}
	}
	return people
}

// open makes the ask of a draft on a message.
func (d AskDraft) open(t *Thread, m *Message, now time.Time) Ask {
	a := Ask{
		Workspace: t.Workspace, ID: d.ID, Thread: t.ID, Sequence: m.Sequence, Space: t.Space, Title: t.Title,
		Asker: m.Author, Kind: d.Kind, Members: d.Members, Team: d.Team, Everyone: d.Everyone, Window: d.Window,
		Urgency: m.Urgency, State: AskOpen, Version: 1, CreateTime: now, UpdateTime: now,
	}
	for i, id := range d.people() {
		a.Recipients = append(a.Recipients, Recipient{
			Member: id, State: Waiting, OfTeam: i >= len(d.Members), Start: now, Pending: true, Round: 1, UpdateTime: now,
			Touched: true,
		})
	}
	return a
}
