package app

import (
	"bytes"
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
	f, err := a.mentioned(ctx, p.Message, added)
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
	// actor is the name of the member whose doing it is; author the one whose own post may be Untold, if any.
	actor  string
	author uuid.UUID
	// members follow unless they stopped by hand or may not read the thread.
	members map[uuid.UUID]bool
}

// maxFollowing is how many come to follow a thread in one transaction.
const maxFollowing = 500

// mentioned is who comes to follow a thread by a message that mentions them; its author's clients are told what the post
// did to their own read state. Of more than fit in one transaction the first follow here, each part in its own, and the
// last are left to the event's: to follow again does nothing, so an event that comes twice finds them following.
func (a *App) mentioned(ctx context.Context, m domain.Message, mentions []domain.Mention) (following, error) {
	f := following{
		thread: m.Thread, actor: domain.MemberName(m.Workspace, m.Author), author: m.Author, members: map[uuid.UUID]bool{},
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
	for len(f.members) > maxFollowing {
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
	part := following{thread: f.thread, actor: f.actor, members: make(map[uuid.UUID]bool, n)}
	for member := range f.members {
		if len(part.members) == n {
			break
		}
		part.members[member] = true
		delete(f.members, member)
	}
	return part
}

// follow looks before it locks: nearly always there is nothing to do but to tell the author.
func (a *App) follow(ctx context.Context, tx Tx, f following) error {
	keys := f.keys()
	seen, err := tx.SeenReadStates(ctx, keys)
	if err != nil {
		return err
	}
	now := a.now()
	keys = slices.DeleteFunc(keys, func(key ReadStateKey) bool {
		state, there := seen[key]
		return !there || len(f.rule(&state, now)) == 0
	})
	if len(keys) == 0 {
		return nil
	}
	locked, err := tx.LockReadStates(ctx, keys)
	if err != nil {
		return err
	}
	var changed []domain.ReadState
	var events []domain.Event
	for _, key := range keys {
		state := locked[key]
		if news := f.rule(&state, now); len(news) > 0 {
			changed, events = append(changed, state.ReadState), append(events, news...)
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := tx.SaveReadStates(ctx, changed, now); err != nil {
		return err
	}
	return tx.Publish(ctx, now, f.actor, events...)
}

// keys are of all whose read states may change, each once.
func (f following) keys() []ReadStateKey {
	keys := make([]ReadStateKey, 0, len(f.members)+1)
	for member := range f.members {
		keys = append(keys, ReadStateKey{Member: member, Thread: f.thread})
	}
	if f.author != uuid.Nil && !f.members[f.author] {
		keys = append(keys, ReadStateKey{Member: f.author, Thread: f.thread})
	}
	slices.SortFunc(keys, func(a, b ReadStateKey) int { return bytes.Compare(a.Member[:], b.Member[:]) })
	return keys
}

func (f following) rule(state *SeenReadState, now time.Time) []domain.Event {
	if state.Have < auth.Reader {
		return nil
	}
	var events []domain.Event
	if f.members[state.Member] {
		events = state.FollowMentioned(now)
	}
	return append(events, state.Tell(now)...)
}
