package app

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/groupcommit"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// Post is a plain message on its way: one that asks nothing and is not URGENT.
type Post struct {
	// Context is the call's: its request and its trace.
	Context context.Context //nolint:containedctx // many calls in one transaction
	Caller  auth.Caller
	Thread  uuid.UUID
	Draft   domain.Draft
	// Need is the right that the caller must have.
	Need auth.Right
	// Handles are those in the body.
	Handles []string
}

// Standing is what has become of a post among others.
type Standing int

const (
	// Apart is one that must be posted alone, be it only to say why it is refused.
	Apart Standing = iota
	// Placed has its sequence.
	Placed
	// Taken was posted before, by the same request.
	Taken
)

// Place is where a post stands.
type Place struct {
	Standing Standing
	// Thread, of one that is Placed, is the thread with the sequence and version taken, as far as a plain message needs
	// to know it.
	Thread   domain.Thread
	Mentions []domain.Mention
}

func plain(d domain.Draft) bool { return len(d.Asks) == 0 && d.Urgency != domain.Urgent }

// postTogether posts plain messages of one workspace in one transaction of two round trips. They stand in it one after
// another: what one of them would see of an earlier one if they were posted by themselves, it sees here, or it is left
// apart. It is so for all that a post looks at:
//
//   - its thread's sequence and version: counted up in the order of the posts;
//   - its thread's state: a post only changes that of a RESOLVED thread that reopens on a message, whose posts are apart;
//   - the message that it replies to, and whether it answers an ask: one that replies to a message of the same group, or
//     that answers something, is apart;
//   - its author's read state: ownPosts says in one step what the posts of one author do one after another;
//   - its own request: no two posts of a group have the same;
//   - rights and handles: no post changes them.
func (a *App) postTogether(ctx context.Context, ws uuid.UUID, posts []Post) ([]groupcommit.Outcome[domain.Message], error) {
	var outcomes []groupcommit.Outcome[domain.Message]
	err := a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
		var err error
		outcomes, err = a.postGroup(ctx, tx, posts)
		return err
	})
	switch {
	case err == nil:
		return outcomes, nil
	case fault.Is(err, fault.Unavailable) && !errors.Is(err, ErrTaken) && !errors.Is(err, ErrLocked):
		return nil, err // it may have been committed, or would not be for any of them
	}
	return nil, groupcommit.ErrAlone
}

func (a *App) postGroup(ctx context.Context, tx Tx, posts []Post) ([]groupcommit.Outcome[domain.Message], error) {
	places, err := tx.PlacePosts(ctx, posts)
	if err != nil {
		return nil, err
	}
	now := a.now()
	outcomes := make([]groupcommit.Outcome[domain.Message], len(posts))
	threads, messages := make([]domain.Thread, 0, len(posts)), make([]domain.Message, 0, len(posts))
	for i, place := range places {
		switch place.Standing {
		case Apart:
			outcomes[i].Err = groupcommit.ErrAlone
			continue
		case Taken:
			outcomes[i].Err = ErrTaken
			continue
		case Placed:
		}
		m, err := writePost(tx, posts[i], place, now) //nolint:contextcheck // each has its own call's
		if err != nil {
			return nil, err
		}
		outcomes[i].Result = m
		threads, messages = append(threads, place.Thread), append(messages, m)
	}
	if len(messages) == 0 {
		return outcomes, nil
	}
	if err := tx.AddMessages(ctx, now, messages...); err != nil {
		return nil, err
	}
	return outcomes, tx.ReadOwnPosts(ctx, now, ownPosts(threads, messages)...)
}

// writePost makes the message of a placed post and publishes its event.
func writePost(tx Tx, p Post, place Place, now time.Time) (domain.Message, error) {
	draft := p.Draft
	draft.Mentions = place.Mentions
	m, events, err := place.Thread.Post(draft, now)
	if err != nil {
		return domain.Message{}, err
	}
	return m, publish(p.Context, tx, p.Caller, now, events)
}

// ownPosts says what the posts of each author do to their read states, one after another. Only the first run of an
// author's sequences without a gap can: behind a gap is the message of another, made in the same moment, which the author
// has not read. The messages of a thread are in the order of their sequences.
func ownPosts(threads []domain.Thread, messages []domain.Message) []OwnPost {
	posts := make([]OwnPost, 0, len(messages))
	at := make(map[ReadStateKey]int, len(messages))
	for i, m := range messages {
		key := ReadStateKey{Member: m.Author, Thread: m.Thread}
		if known, ok := at[key]; ok {
			p := &posts[known]
			if p.Last+1 == m.Sequence {
				p.Last = m.Sequence
			}
			p.Newest = m.Sequence
			continue
		}
		at[key] = len(posts)
		posts = append(posts, OwnPost{
			Member: m.Author, Thread: m.Thread, First: m.Sequence, Last: m.Sequence, Newest: m.Sequence,
			ImportedCount: threads[i].ImportedCount,
		})
	}
	return posts
}
