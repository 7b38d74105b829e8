package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// Searcher finds messages and titles within what a member may read.
type Searcher interface {
	// Search returns a page of hits, the best first. A query without a word to look for is Invalid.
	Search(ctx context.Context, ws, member uuid.UUID, q SearchQuery) (page.Result[Hit, SearchCursor], error)
}

// SearchTx keeps what can be searched.
type SearchTx interface {
	// Index keeps the words of messages or, under sequence 0, of threads' titles, each once, if they are newer than what
	// is kept.
	Index(ctx context.Context, entries ...Entry) error
}

// Entry is what can be searched of one message or title.
type Entry struct {
	Thread, Space, Author uuid.UUID
	// Sequence is the message's, 0 for the thread's title.
	Sequence int64
	// Version is the thread's at which the text holds.
	Version    int64
	CreateTime time.Time
	// Text is empty for what was deleted.
	Text string
}

// SearchQuery is what a search asks for. Nil and zero fields ask nothing.
type SearchQuery struct {
	Words                 string
	Space, Thread, Author uuid.UUID
	// Since and Before bound the time of writing, the first included, the second not.
	Since, Before time.Time
	Page          page.Request[SearchCursor]
}

// SearchCursor is where a page of hits ends. AsOf is when the search began: what is written later is not in it.
type SearchCursor struct {
	AsOf     time.Time `json:"t"`
	Rank     float64   `json:"r"`
	Thread   uuid.UUID `json:"i"`
	Sequence int64     `json:"s"`
}

// Hit is a message that was found, or a thread whose title was: Message is nil then.
type Hit struct {
	Message *domain.Message
	Thread  uuid.UUID
	Title   string
	Space   uuid.UUID
	Snippet []SnippetPart
}

// SnippetPart is a stretch of text that is, as a whole, what was found or what stands around it.
type SnippetPart struct {
	Text  string
	Match bool
}

// Search finds what was written, within what the caller may read.
func (a *App) Search(ctx context.Context, q SearchQuery) (page.Result[Hit, SearchCursor], error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return page.Result[Hit, SearchCursor]{}, err
	}
	if q.Space != uuid.Nil {
		if err := a.readable(ctx, caller, q.Space); err != nil {
			return page.Result[Hit, SearchCursor]{}, err
		}
	}
	if q.Page.After == nil {
		q.Page.After = &SearchCursor{AsOf: a.now()}
	}
	found, err := a.store.Search(ctx, caller.Workspace, caller.Member, q)
	if err != nil {
		return page.Result[Hit, SearchCursor]{}, err
	}
	now := a.now()
	for _, hit := range found.Items {
		if hit.Message != nil {
			*hit.Message = hit.Message.At(now)
		}
	}
	return found, nil
}

// OnTitle follows a thread whose title changed: it can be found by it.
func (a *App) OnTitle(ctx context.Context, t domain.Thread) error {
	return a.once(ctx, t.Workspace, func(ctx context.Context, tx Tx) error { return tx.Index(ctx, titleOf(t)) })
}

// OnDeleted follows a message that was deleted: its words cannot be found.
func (a *App) OnDeleted(ctx context.Context, p Posted) error {
	return a.once(ctx, p.Message.Workspace, func(ctx context.Context, tx Tx) error { return tx.Index(ctx, entryOf(p.Message, p.Space)) })
}

func titleOf(t domain.Thread) Entry {
	return Entry{
		Thread: t.ID, Space: t.Space, Author: t.Creator, Version: t.Version, CreateTime: t.CreateTime, Text: t.Title,
	}
}

func entryOf(m domain.Message, space uuid.UUID) Entry {
	return Entry{
		Thread: m.Thread, Space: space, Author: m.Author, Sequence: m.Sequence, Version: m.Version,
		CreateTime: m.CreateTime, Text: m.Body,
	}
}
