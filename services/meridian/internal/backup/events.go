package backup

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/eventbus"
)

// line is an event in a file, one a line.
type line struct {
	Sequence uint64    `json:"sequence"`
	Stored   time.Time `json:"stored_time"`
	// ComesAgain says of an event that is taken out of the stream that it stands, and is published again.
	ComesAgain bool `json:"comes_again,omitempty"`
	// Event is what it says, for people. An event that cannot be read has none.
	Event json.RawMessage `json:"event,omitempty"`
	// Subject, Headers and Payload are the message as it stands in the stream.
	Subject string      `json:"subject"`
	Headers nats.Header `json:"headers"`
	Payload []byte      `json:"payload"`

	workspace, id uuid.UUID
	time          time.Time
}

func lineOf(msg jetstream.Msg, at *jetstream.MsgMetadata) line {
	l := line{
		Sequence: at.Sequence.Stream, Stored: at.Timestamp, Subject: msg.Subject(), Headers: msg.Headers(), Payload: msg.Data(),
	}
	l.understand()
	return l
}

// understand reads the event from its message. One that cannot be read stays a message.
func (l *line) understand() {
	meta, payload, err := eventbus.Decode(l.Headers, l.Subject, l.Payload)
	if err != nil {
		return
	}
	l.workspace, l.id, l.time = meta.Workspace, meta.ID, meta.Time
	if text, err := eventbus.JSON(meta, payload); err == nil {
		l.Event = text
	}
}

// lines writes a file of them.
type lines struct {
	file *os.File
	text *bufio.Writer
}

// newLines makes the file anew.
func newLines(path string) (*lines, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return nil, err
	}
	return &lines{file: file, text: bufio.NewWriter(file)}, nil
}

func (w *lines) write(l line) error {
	text, err := json.Marshal(l)
	if err != nil {
		return err
	}
	_, err = w.text.Write(append(text, '\n'))
	return err
}

// close returns when the file is on disk.
func (w *lines) close() error { return errors.Join(w.text.Flush(), w.file.Sync(), w.file.Close()) }

// readLines hands over the lines of a file; one that is not there has none.
func readLines(path string, do func(line) error) error {
	file, err := os.Open(path) //nolint:gosec // the operator's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // it was only read
	for decoder := json.NewDecoder(bufio.NewReader(file)); decoder.More(); {
		var l line
		if err := decoder.Decode(&l); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
		l.understand()
		if err := do(l); err != nil {
			return err
		}
	}
	return nil
}

// saveRecent writes the end of the stream: every event that some consumer of the services may not have handled when the backup
// was pinned, since in the database there is nothing of what it asks for yet; and every event of which an outbox held a row,
// so that those come before what only the outboxes hold when a lost stream is made anew.
func (p *place) saveRecent(ctx context.Context, m Manifest, oldest time.Time, path string) error {
	before, err := p.lastBefore(ctx, oldest.Add(-apart), m.StreamSequence)
	if err != nil {
		return err
	}
	first := before + 1
	for _, from := range m.Durables {
		first = min(first, from)
	}
	file, err := newLines(path)
	if err != nil {
		return err
	}
	if first <= m.StreamSequence {
		err = p.read(ctx, reading{from: first, to: m.StreamSequence}, func(msg jetstream.Msg, at *jetstream.MsgMetadata) error {
			return file.write(lineOf(msg, at))
		})
	}
	return errors.Join(err, file.close())
}

// apart is how far the clocks of the database and the broker may be from each other when a backup is written.
const apart = 10 * time.Second

// publish puts the events of a file into the stream, in their order.
func (p *place) publish(ctx context.Context, path string) error {
	return readLines(path, func(l line) error {
		msg := &nats.Msg{Subject: l.Subject, Header: l.Headers, Data: l.Payload}
		msg.Header.Del(jetstream.ExpectedStreamHeader)
		if _, err := p.js.PublishMsg(ctx, msg); err != nil {
			return fmt.Errorf("publish event %d again: %w", l.Sequence, err)
		}
		return nil
	})
}

// saveLost writes what is taken back to a file, whole or not at all, and says which sequences these are. What a restore that
// was broken off has written stays: the stream may not hold it any more.
func (p *place) saveLost(ctx context.Context, r reading, path string) (sequences []uint64, err error) {
	err = readLines(path, func(l line) error {
		sequences = append(sequences, l.Sequence)
		return nil
	})
	if err != nil || len(sequences) > 0 {
		return sequences, err
	}
	again, err := p.waiting(ctx)
	if err != nil {
		return nil, err
	}
	file, err := newLines(path + ".new")
	if err != nil {
		return nil, err
	}
	err = p.read(ctx, r, func(msg jetstream.Msg, at *jetstream.MsgMetadata) error {
		l := lineOf(msg, at)
		l.ComesAgain = again[l.id]
		sequences = append(sequences, l.Sequence)
		return file.write(l)
	})
	if err := errors.Join(err, file.close()); err != nil {
		return nil, err
	}
	return sequences, os.Rename(path+".new", path)
}

// lost is what a file of lost events says: how many are gone for good, how many come again, and from when on events are
// void, by workspace.
type lost struct {
	Gone, Again int
	voids       map[uuid.UUID]time.Time
}

func readLost(path string) (lost, error) {
	found := lost{voids: map[uuid.UUID]time.Time{}}
	err := readLines(path, func(l line) error {
		if l.ComesAgain {
			found.Again++
			return nil
		}
		found.Gone++
		if first, ok := found.voids[l.workspace]; l.Event != nil && (!ok || l.time.Before(first)) {
			found.voids[l.workspace] = l.time
		}
		return nil
	})
	return found, err
}
