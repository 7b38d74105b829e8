package importer

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/meridianhq/meridian/services/meridian/internal/mailbox"
)

// entry is what the index keeps of a message: enough to thread and order it, and to read it again.
type entry struct {
	id, parent string
	sender     int
	date       time.Time
	position   mailbox.Position
	// root is the index of the topmost message of its thread.
	root int
}

// sender is a From address with the names it was used with.
type sender struct {
	email string
	names map[string]int
	last  string
}

// name is the one used most, among equals the last.
func (s sender) name() string {
	best := s.last
	for name, uses := range s.names {
		if uses > s.names[best] || (uses == s.names[best] && best != s.last && name < best) {
			best = name
		}
	}
	return best
}

// archiveIndex is the archive without its bodies.
type archiveIndex struct {
	entries []entry
	byID    map[string]int
	senders []sender
	bySend  map[string]int
}

// scan reads the whole archive once.
func (i *Importer) scan(ctx context.Context, archive io.ReaderAt, size int64) (*archiveIndex, error) {
	index := &archiveIndex{byID: map[string]int{}, bySend: map[string]int{}}
	reader := mailbox.NewReader(io.NewSectionReader(archive, 0, size), mailbox.Options{Now: i.config.Now})
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		m, err := reader.Next()
		i.config.Progress(Reading, reader.Offset(), size)
		var broken *mailbox.BrokenError
		switch {
		case errors.Is(err, io.EOF):
			index.thread()
			i.report.Senders = len(index.senders)
			return index, nil
		case errors.As(err, &broken):
			if broken.Position.Index > 0 {
				i.report.Found++
			}
			i.report.broken(broken.Position, broken.Reason)
			continue
		case err != nil:
			return nil, err
		}
		i.report.Found++
		if _, again := index.byID[m.ID]; again {
			i.report.Duplicates.InArchive++
			continue
		}
		i.report.remark(m)
		index.add(m)
	}
}

func (x *archiveIndex) add(m mailbox.Message) {
	at, known := x.bySend[m.From.Email]
	if !known {
		at = len(x.senders)
		x.bySend[m.From.Email] = at
		x.senders = append(x.senders, sender{email: m.From.Email, names: map[string]int{}})
	}
	if m.From.Name != "" {
		x.senders[at].names[m.From.Name]++
		x.senders[at].last = m.From.Name
	}
	x.byID[m.ID] = len(x.entries)
	x.entries = append(x.entries, entry{id: m.ID, parent: m.Parent(), sender: at, date: m.Date, position: m.Position})
}
