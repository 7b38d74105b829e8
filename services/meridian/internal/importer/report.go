package importer

import (
	"cmp"
	"slices"

	"github.com/meridianhq/meridian/services/meridian/internal/mailbox"
)

// Report says what became of an archive.
type Report struct {
	Space string `json:"space"`
	// Found is how many messages the archive holds, broken ones included.
	Found int `json:"found"`
	// Imported are the messages that are in the space since this run.
	Imported int `json:"imported"`
	// Duplicates are the messages that were skipped: because their id stands in the archive before, or is in the space
	// already.
	Duplicates Duplicates `json:"duplicates"`
	// ThreadsCreated are the threads made by this run.
	ThreadsCreated int `json:"threadsCreated"`
	// Senders is how many addresses wrote the archive's messages; MembersCreated those that were no members before.
	Senders        int      `json:"senders"`
	MembersCreated []string `json:"membersCreated"`
	// OddDates, Repaired and Dropped list what was changed or left out, Broken what could not be imported, Joins the
	// messages that connect threads which were apart.
	OddDates []Remark        `json:"oddDates"`
	Repaired []Remark        `json:"repaired"`
	Dropped  []DroppedPart   `json:"dropped"`
	Broken   []BrokenMessage `json:"broken"`
	Joins    []Join          `json:"joins"`
}

// newReport has empty lists, which JSON shows as such.
func newReport(space string) *Report {
	return &Report{
		Space: space, MembersCreated: []string{}, OddDates: []Remark{}, Repaired: []Remark{},
		Dropped: []DroppedPart{}, Broken: []BrokenMessage{}, Joins: []Join{},
	}
}

// Duplicates counts skipped messages by where the first one stands.
type Duplicates struct {
	InArchive int `json:"inArchive"`
	InSpace   int `json:"inSpace"`
}

// Remark is something odd about a message.
type Remark struct {
	Position mailbox.Position `json:"position"`
	ID       string           `json:"id"`
	mailbox.Note
}

// DroppedPart is a part of a message that is not text.
type DroppedPart struct {
	Position mailbox.Position `json:"position"`
	ID       string           `json:"id"`
	mailbox.Part
}

// BrokenMessage is a message that is not in the space.
type BrokenMessage struct {
	Position mailbox.Position `json:"position"`
	Reason   string           `json:"reason"`
}

// Join is a message that answers, or is answered by, messages of several threads. It went to the oldest.
type Join struct {
	Position mailbox.Position `json:"position"`
	ID       string           `json:"id"`
	Thread   string           `json:"thread"`
	Others   []string         `json:"others"`
}

func (r *Report) broken(position mailbox.Position, reason string) {
	r.Broken = append(r.Broken, BrokenMessage{Position: position, Reason: reason})
}

// remark files a message's notes and dropped parts.
func (r *Report) remark(m mailbox.Message) {
	for _, note := range m.Notes {
		remark := Remark{Position: m.Position, ID: m.ID, Note: note}
		if note.Kind == mailbox.NoteDate {
			r.OddDates = append(r.OddDates, remark)
		} else {
			r.Repaired = append(r.Repaired, remark)
		}
	}
	for _, part := range m.Dropped {
		r.Dropped = append(r.Dropped, DroppedPart{Position: m.Position, ID: m.ID, Part: part})
	}
}

// sort puts what was found while sending back into the archive's order.
func (r *Report) sort() {
	slices.SortStableFunc(r.Broken, func(a, b BrokenMessage) int { return cmp.Compare(a.Position.Offset, b.Position.Offset) })
	slices.SortStableFunc(r.Joins, func(a, b Join) int { return cmp.Compare(a.Position.Offset, b.Position.Offset) })
}
