package app

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// OnThreadCreated follows a thread that was created: its title can be found, and its creator follows it, unless an
// import made it.
func (a *App) OnThreadCreated(ctx context.Context, t domain.Thread) error {
	return a.once(ctx, t.Workspace, func(ctx context.Context, tx Tx) error {
		if err := tx.Index(ctx, titleOf(t)); err != nil || t.Imported {
			return err
		}
		return a.follow(ctx, tx, following{thread: t.ID, actor: domain.MemberName(t.Workspace, t.Creator), members: map[uuid.UUID]bool{t.Creator: true}})
	})
}

// OnEdited follows a message that was edited: its present words can be found, and whom the edit mentions anew follows
// the thread.
func (a *App) OnEdited(ctx context.Context, p Posted, added []domain.Mention) error {
	f, err := a.mentioned(ctx, p, added, maxFollowing)
	if err != nil {
		return err
	}
	return a.once(ctx, p.Message.Workspace, func(ctx context.Context, tx Tx) error {
		if err := tx.Index(ctx, entryOf(p.Message, p.Space)); err != nil {
			return err
		}
		return a.follow(ctx, tx, f)
	})
}

// once runs the effect of an event in a transaction, if it was not made before.
func (a *App) once(ctx context.Context, ws uuid.UUID, effect func(ctx context.Context, tx Tx) error) error {
	return a.store.InTx(ctx, ws, func(ctx context.Context, tx Tx) error {
		first, err := tx.First(ctx)
		if err != nil || !first {
			return err
		}
		return effect(ctx, tx)
	})
}

// following is who comes to follow a thread, and what did it.
type following struct {
	thread uuid.UUID
	// actor is the name of the member whose doing it is.
	actor string
	// members follow unless they stopped by hand or may not read the thread.
	members map[uuid.UUID]bool
	// cause is the message that did it.
	cause Posted
}

// maxFollowing is how many come to follow a thread in one transaction.
const maxFollowing = 500

// mentioned is who comes to follow a thread by a message that mentions them. Where they are more than there is room for
// in one transaction, the first follow here, each part in its own, and the last are left to the event's: to follow again
// does nothing, so an event that comes twice finds them following.
func (a *App) mentioned(ctx context.Context, p Posted, mentions []domain.Mention, room int) (following, error) {
	m := p.Message
	f := following{
		thread: m.Thread, actor: domain.MemberName(m.Workspace, m.Author), members: map[uuid.UUID]bool{}, cause: p,
	}
	var teams []uuid.UUID
	for _, mention := range mentions {
		if mention.Team {
			teams = append(teams, mention.ID)
			continue
		}
		f.members[mention.ID] = true
	}
	if len(teams) > 0 {
		var found []uuid.UUID
		err := a.store.InTx(ctx, m.Workspace, func(ctx context.Context, tx Tx) error {
			var err error
			found, err = tx.TeamMembers(ctx, teams)
			return err
		})
		if err != nil {
			return f, err
		}
		for _, member := range found {
			f.members[member] = true
		}
	}
	for len(f.members) > room {
		part := f.take(maxFollowing)
		err := a.store.InTx(ctx, m.Workspace, func(ctx context.Context, tx Tx) error { return a.follow(ctx, tx, part) })
		if err != nil {
			return f, err
		}
	}
	return f, nil
}

// take parts off so many of those who follow.
func (f following) take(n int) following {
	part := following{thread: f.thread, actor: f.actor, members: make(map[uuid.UUID]bool, n), cause: f.cause}
	for member := range f.members {
		if len(part.members) == n {
			break
		}
		part.members[member] = true
		delete(f.members, member)
	}
	return part
}

// follow looks before it locks: mostly there is nothing to do.
func (a *App) follow(ctx context.Context, tx Tx, all ...following) error {
	var keys []ReadStateKey
	for _, f := range all {
		keys = append(keys, f.keys()...)
	}
	if len(keys) == 0 {
		return nil
	}
	now := a.now()
	seen, err := tx.SeenReadStates(ctx, unique(keys))
	if err != nil {
		return err
	}
	keys, _ = apply(all, seen, now)
	if len(keys) == 0 {
		return nil
	}
	locked, err := tx.LockReadStates(ctx, keys)
	if err != nil {
		return err
	}
	keys, news := apply(all, locked, now)
	if len(keys) == 0 {
		return nil
	}
	changed := make([]domain.ReadState, len(keys))
	for i, key := range keys {
		changed[i] = locked[key].ReadState
	}
	if err := tx.SaveReadStates(ctx, changed, now); err != nil {
		return err
	}
	for i, f := range all {
		if err := tx.Publish(f.cause.because(ctx), now, f.actor, news[i]...); err != nil {
			return err
		}
	}
	return nil
}

// apply has all follow who come to, one message after the other, and returns whose states changed and the events of each
// message.
func apply(all []following, states map[ReadStateKey]SeenReadState, now time.Time) (changed []ReadStateKey, news [][]domain.Event) {
	news = make([][]domain.Event, len(all))
	for i, f := range all {
		for _, key := range f.keys() {
			state, there := states[key]
			if !there || state.Have < auth.Reader {
				continue
			}
			if events := state.FollowMentioned(now); len(events) > 0 {
				states[key] = state
				changed, news[i] = append(changed, key), append(news[i], events...)
			}
		}
	}
	return unique(changed), news
}

// keys are of all whose read states may change, each once.
func (f following) keys() []ReadStateKey {
	keys := make([]ReadStateKey, 0, len(f.members))
	for member := range f.members {
		keys = append(keys, ReadStateKey{Member: member, Thread: f.thread})
	}
	return unique(keys)
}

// unique sorts keys in the order in which their rows are locked, each once.
func unique(keys []ReadStateKey) []ReadStateKey {
	slices.SortFunc(keys, func(a, b ReadStateKey) int {
		return cmp.Or(bytes.Compare(a.Member[:], b.Member[:]), bytes.Compare(a.Thread[:], b.Thread[:]))
	})
	return slices.Compact(keys)
}
