package domain

import (
	"bytes"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Imported is a message that was written elsewhere, to be brought into a space.
type Imported struct {
	// ID is the id that the message gets, ThreadID the one of the thread that it may begin.
	ID, ThreadID uuid.UUID
	// ExternalID is the message's id where it comes from, ParentExternalID that of the message it answers, empty for
	// none, and ThreadExternalID that of the first message of the conversation.
	ExternalID, ParentExternalID, ThreadExternalID string
	// Subject is the title of the thread that it may begin.
	Subject string
	// Author is the member who wrote it.
	Author uuid.UUID
	// Body is Markdown, and may be empty.
	Body string
	// CreateTime is when it was written; UTCOffset the author's offset from UTC then, nil where it is not known.
	CreateTime time.Time
	UTCOffset  *time.Duration
}

// importAhead is how far beyond now a message may say it was written: the clocks of others are wrong by hours.
const importAhead = 24 * time.Hour

// Check refuses a message that cannot be imported, whatever there is already. field is its place in the request.
func (m Imported) Check(field string, now time.Time) error {
	if m.ExternalID == "" {
		return fault.InvalidField(field+".external_id", "is required")
	}
	if m.ThreadExternalID == "" {
		return fault.InvalidField(field+".thread_external_id", "is required")
	}
	if err := CheckTitle(field+".subject", m.Subject); err != nil {
		return err
	}
	if err := CheckText(field+".body", m.Body); err != nil {
		return err
	}
	if m.CreateTime.Before(time.Unix(0, 0)) || m.CreateTime.After(now.Add(importAhead)) {
		return fault.InvalidField(field+".create_time", "must be from 1970 on, and at most a day ahead")
	}
	if m.UTCOffset != nil && (*m.UTCOffset%time.Minute != 0 || m.UTCOffset.Abs() >= 24*time.Hour) {
		return fault.InvalidField(field+".utc_offset", "must be in whole minutes within a day")
	}
	return nil
}

// Place is where a message stands.
type Place struct {
	Thread   uuid.UUID
	Sequence int64
}

// Archive is what a space holds already of the conversations that an import is about.
type Archive struct {
	// Messages are the places of imported messages, by external id.
	Messages map[string]Place
	// Answers are the threads that hold answers to a message, by its external id, whether or not it is there itself.
	Answers map[string][]uuid.UUID
	// Conversations are the threads that hold messages of a conversation, by its first message's external id.
	Conversations map[string][]uuid.UUID
	// Begun is when each of these threads began.
	Begun map[uuid.UUID]time.Time
}

// Import is an import under way: NewImport finds the thread of each message, Run brings them there.
type Import struct {
	workspace, space uuid.UUID
	messages         []Imported
	archive          Archive
	// targets are the threads of the messages, uuid.Nil for those that are there already; joined the newer threads
	// that they would also have joined.
	targets []uuid.UUID
	joined  [][]uuid.UUID
	// titles are those of the threads to be made.
	titles map[uuid.UUID]string
}

// ImportResult says what became of one message of an import.
type ImportResult struct {
	// ExternalID is the message's, Place where it stands.
	ExternalID string
	Place      Place
	// Duplicate says that it was there already.
	Duplicate bool
	// ThreadCreated says that it began its thread.
	ThreadCreated bool
	// Joined are the newer threads that it would also have joined.
	Joined []uuid.UUID
}

// Brought is a message that an import brought into its thread, with its links to others.
type Brought struct {
	Message                            Message
	ParentExternalID, ThreadExternalID string
}

// ImportOutcome is all that an import does.
type ImportOutcome struct {
	// Created are the threads it made, Extended those it added to, both as they are after it.
	Created, Extended []Thread
	// Brought are the messages it brought, in the request's order.
	Brought []Brought
	// Results are of every message of the request, in its order.
	Results []ImportResult
	Events  []Event
}

// NewImport plans an import into a space from what that holds already. The messages of one conversation go to one
// thread: of those that hold messages of it, parents of them or answers to them the one that began first, else a new
// one. A conversation sees the ones before it in the request as if they were there.
func NewImport(workspace, space uuid.UUID, messages []Imported, archive Archive) *Import {
	i := &Import{
		workspace: workspace, space: space, messages: messages, archive: archive,
		targets: make([]uuid.UUID, len(messages)), joined: make([][]uuid.UUID, len(messages)), titles: map[uuid.UUID]string{},
	}
	var order []string
	groups := map[string][]int{}
	for n, m := range messages {
		if _, met := groups[m.ThreadExternalID]; !met {
			order = append(order, m.ThreadExternalID)
		}
		groups[m.ThreadExternalID] = append(groups[m.ThreadExternalID], n)
	}
	for _, conversation := range order {
		i.assign(conversation, groups[conversation])
	}
	return i
}

// assign finds the thread of the messages of one conversation.
func (i *Import) assign(conversation string, group []int) {
	fresh, candidates := i.candidates(conversation, group)
	if len(fresh) == 0 {
		return
	}
	target := i.oldest(candidates)
	if target == uuid.Nil {
		target = i.begin(conversation, fresh)
	}
	// That the conversation has more threads is news only when it comes to this one.
	news := !slices.Contains(i.archive.Conversations[conversation], target)
	for at, n := range fresh {
		m := i.messages[n]
		i.targets[n] = target
		others := i.linked(m)
		if at == 0 && news {
			others = candidates
		}
		i.joined[n] = besides(others, target)
	}
	for _, n := range fresh {
		m := i.messages[n]
		i.archive.Messages[m.ExternalID] = Place{Thread: target}
		if m.ParentExternalID != "" {
			i.archive.Answers[m.ParentExternalID] = include(i.archive.Answers[m.ParentExternalID], target)
		}
	}
	i.archive.Conversations[conversation] = include(i.archive.Conversations[conversation], target)
}

// candidates are the messages of a conversation that are not there yet, and the threads that it could go to.
func (i *Import) candidates(conversation string, group []int) (fresh []int, threads []uuid.UUID) {
	threads = include(threads, i.archive.Conversations[conversation]...)
	if first, known := i.archive.Messages[conversation]; known {
		threads = include(threads, first.Thread)
	}
	met := map[string]bool{}
	for _, n := range group {
		m := i.messages[n]
		if there, known := i.archive.Messages[m.ExternalID]; known {
			threads = include(threads, there.Thread)
			continue
		}
		if !met[m.ExternalID] {
			met[m.ExternalID] = true
			fresh = append(fresh, n)
			threads = include(threads, i.linked(m)...)
		}
	}
	return fresh, threads
}

// linked are the threads of what a message answers, and of what answers it.
func (i *Import) linked(m Imported) []uuid.UUID {
	threads := include(nil, i.archive.Answers[m.ExternalID]...)
	if parent, known := i.archive.Messages[m.ParentExternalID]; known {
		threads = include(threads, parent.Thread)
	}
	return threads
}

func (i *Import) oldest(threads []uuid.UUID) uuid.UUID {
	if len(threads) == 0 {
		return uuid.Nil
	}
	return slices.MinFunc(threads, func(a, b uuid.UUID) int {
		if earlier := i.archive.Begun[a].Compare(i.archive.Begun[b]); earlier != 0 {
			return earlier
		}
		return bytes.Compare(a[:], b[:])
	})
}

// begin plans a new thread. Its title is the subject of the conversation's first message, where that is at hand.
func (i *Import) begin(conversation string, fresh []int) uuid.UUID {
	first := i.messages[fresh[0]]
	title := first.Subject
	for _, n := range fresh {
		if i.messages[n].ExternalID == conversation {
			title = i.messages[n].Subject
		}
	}
	i.titles[first.ThreadID] = title
	i.archive.Begun[first.ThreadID] = first.CreateTime
	return first.ThreadID
}

// Existing are the threads that the import adds to and that must be locked for it.
func (i *Import) Existing() []uuid.UUID {
	var existing []uuid.UUID
	for _, target := range i.targets {
		if _, made := i.titles[target]; !made && target != uuid.Nil {
			existing = include(existing, target)
		}
	}
	return existing
}

// Run brings the messages into their threads, in the request's order; locked are the Existing ones.
func (i *Import) Run(locked []Thread) (ImportOutcome, error) {
	out := ImportOutcome{Results: make([]ImportResult, len(i.messages))}
	threads := make(map[uuid.UUID]*Thread, len(locked))
	for n := range locked {
		threads[locked[n].ID] = &locked[n]
	}
	var created []*Thread
	for n, m := range i.messages {
		result := &out.Results[n]
		result.ExternalID, result.Duplicate = m.ExternalID, i.targets[n] == uuid.Nil
		if result.Duplicate {
			result.Place = i.archive.Messages[m.ExternalID]
			continue
		}
		t := threads[i.targets[n]]
		if t == nil {
			made, events, err := NewThread(Thread{
				Workspace: i.workspace, ID: i.targets[n], Space: i.space, Title: i.titles[i.targets[n]], Creator: m.Author, Imported: true,
			}, m.CreateTime)
			if err != nil {
				return ImportOutcome{}, err
			}
			t, result.ThreadCreated = &made, true
			threads[t.ID], created = t, append(created, t)
			out.Events = append(out.Events, events...)
		}
		message, events := t.Import(m, i.replyTo(t, m))
		result.Place, result.Joined = Place{Thread: t.ID, Sequence: message.Sequence}, i.joined[n]
		i.archive.Messages[m.ExternalID] = result.Place
		out.Brought = append(out.Brought, Brought{message, m.ParentExternalID, m.ThreadExternalID})
		out.Events = append(out.Events, events...)
	}
	for _, t := range created {
		out.Created = append(out.Created, *t)
	}
	out.Extended = locked
	return out, nil
}

// replyTo is the sequence of the message that another answers, where it stands before it in the same thread, else 0.
func (i *Import) replyTo(t *Thread, m Imported) int64 {
	if parent := i.archive.Messages[m.ParentExternalID]; parent.Thread == t.ID {
		return parent.Sequence
	}
	return 0
}

// Import appends a message that was written elsewhere. Whatever state the thread is in, it stays: what was said is
// history.
func (t *Thread) Import(m Imported, replyTo int64) (Message, []Event) {
	t.LastSequence++
	t.ImportedCount++
	t.Version++
	if m.CreateTime.After(t.ActivityTime) {
		t.ActivityTime = m.CreateTime
	}
	message := Message{
		Workspace: t.Workspace, Thread: t.ID, Sequence: t.LastSequence, ID: m.ID, Author: m.Author, Body: m.Body,
		ReplyTo: replyTo, Revision: 1, Version: t.Version, CreateTime: m.CreateTime, UpdateTime: m.CreateTime,
		Urgency: Normal, Imported: true, UTCOffset: m.UTCOffset, ExternalID: m.ExternalID,
	}
	return message, []Event{MessagePosted{Thread: *t, Message: message}}
}

// include adds what is not yet in a list.
func include(list []uuid.UUID, ids ...uuid.UUID) []uuid.UUID {
	for _, id := range ids {
		if !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return list
}

// besides is a list without one id.
func besides(list []uuid.UUID, id uuid.UUID) []uuid.UUID {
	return slices.DeleteFunc(slices.Clone(list), func(other uuid.UUID) bool { return other == id })
}
