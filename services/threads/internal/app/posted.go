package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// EventTx makes the effect of events happen once.
type EventTx interface {
	// First claims the event under way for its consumer; false says that its effect was made before.
	First(ctx context.Context) (bool, error)
	// FirstOfMany is First for each of the events under way, in their order.
	FirstOfMany(ctx context.Context) ([]bool, error)
	// Activity moves the times at which something was last said in threads forward, never back.
	Activity(ctx context.Context, latest map[uuid.UUID]time.Time) error
}

// Posted is a message, as our own event tells it.
type Posted struct {
	Message domain.Message
	Space   uuid.UUID
	// Because makes the event the cause of what is published under the context; nil where the context has done so.
	Because func(ctx context.Context) context.Context
}

func (p Posted) because(ctx context.Context) context.Context {
	if p.Because == nil {
		return ctx
	}
	return p.Because(ctx)
}

// OnPosted follows messages of one workspace that were posted, each by an event of its own: the activity of their threads
// moves, their words can be found, and whom they mention follows the thread. An imported one has nobody follow. However
// many they are, it takes the statements of one.
func (a *App) OnPosted(ctx context.Context, posts ...Posted) error {
	follows := make([]following, len(posts))
	room := maxFollowing
	for i, p := range posts {
		if p.Message.Imported {
			continue
		}
		f, err := a.mentioned(p.because(ctx), p, p.Message.Mentions, room)
		if err != nil {
			return err
		}
		follows[i] = f
		room -= len(f.members)
	}
	return a.store.InTx(ctx, posts[0].Message.Workspace, func(ctx context.Context, tx Tx) error {
		first, err := tx.FirstOfMany(ctx)
		if err != nil {
			return err
		}
		var (
			entries []Entry
			called  []following
			latest  = map[uuid.UUID]time.Time{}
		)
		for i, p := range posts {
			if !first[i] {
				continue
			}
			m := p.Message
			entries = append(entries, entryOf(m, p.Space))
			if latest[m.Thread].Before(m.CreateTime) {
				latest[m.Thread] = m.CreateTime
			}
			if !m.Imported {
				called = append(called, follows[i])
			}
		}
		if len(entries) == 0 {
			return nil
		}
		if err := tx.Index(ctx, entries...); err != nil {
			return err
		}
		if err := tx.Activity(ctx, latest); err != nil {
			return err
		}
		return a.follow(ctx, tx, called...)
	})
}
