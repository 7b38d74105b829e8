package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// ImportTx reads and writes what an import needs, each in one statement for all of its messages.
type ImportTx interface {
	// LockImports waits until no other import into the space is under way, and keeps others waiting.
	LockImports(ctx context.Context, space uuid.UUID) error
	// Strangers returns those of the ids that are no members of the workspace, in whatever state.
	Strangers(ctx context.Context, ids []uuid.UUID) ([]uuid.UUID, error)
	// Archive returns what the space holds already of what the messages are linked to.
	Archive(ctx context.Context, space uuid.UUID, messages []domain.Imported) (domain.Archive, error)
	// LockThreads locks threads, always in the same order.
	LockThreads(ctx context.Context, ids []uuid.UUID) ([]domain.Thread, error)
	// AddImport adds what an import brought.
	AddImport(ctx context.Context, space uuid.UUID, out domain.ImportOutcome) error
}

// strangers is the refusal of authors whom the projection does not know; the directory may.
type strangers struct{ authors []uuid.UUID }

func (s *strangers) Error() string { return fmt.Sprintf("%d authors are not members", len(s.authors)) }

// ImportMessages brings messages written elsewhere into a space. Their ids are made here.
func (a *App) ImportMessages(ctx context.Context, space uuid.UUID, messages []domain.Imported) ([]domain.ImportResult, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return nil, err
	}
	now := a.now()
	for i := range messages {
		m := &messages[i]
		if err := m.Check(imported(i), now); err != nil {
			return nil, err
		}
		if m.ID, err = uuid.NewV7(); err != nil {
			return nil, fmt.Errorf("make a message's id: %w", err)
		}
		if m.ThreadID, err = uuid.NewV7(); err != nil {
			return nil, fmt.Errorf("make a thread's id: %w", err)
		}
	}
	var results []domain.ImportResult
	try := func() error {
		return a.write(ctx, caller, func(ctx context.Context, tx Tx) error {
			have, err := tx.SpaceRight(ctx, caller.Member, space)
			if err != nil {
				return err
			}
			if err := refuse(ctx, have, space, domain.SpaceName(caller.Workspace, space)); err != nil {
				return err
			}
			out, err := importInto(ctx, tx, caller.Workspace, space, messages)
			if err != nil {
				return err
			}
			results = out.Results
			return publish(ctx, tx, caller, a.now(), out.Events)
		})
	}
	err = try()
	unknown, ok := errors.AsType[*strangers](err)
	if !ok {
		return results, err
	}
	for _, author := range unknown.authors {
		if err := a.access.Confirm(ctx, caller.Workspace, author, space); err != nil {
			return nil, err
		}
	}
	err = try()
	if unknown, ok := errors.AsType[*strangers](err); ok {
		return nil, refusedAuthor(messages, unknown.authors)
	}
	return results, err
}

func importInto(ctx context.Context, tx Tx, ws, space uuid.UUID, messages []domain.Imported) (domain.ImportOutcome, error) {
	if err := tx.LockImports(ctx, space); err != nil {
		return domain.ImportOutcome{}, err
	}
	// What a repeated request brought is there, so it finds duplicates alone.
	if _, err := tx.Replay(ctx, domain.SpaceName(ws, space)); err != nil {
		return domain.ImportOutcome{}, err
	}
	unknown, err := tx.Strangers(ctx, authors(messages))
	if err != nil {
		return domain.ImportOutcome{}, err
	}
	if len(unknown) > 0 {
		return domain.ImportOutcome{}, &strangers{authors: unknown}
	}
	archive, err := tx.Archive(ctx, space, messages)
	if err != nil {
		return domain.ImportOutcome{}, err
	}
	plan := domain.NewImport(ws, space, messages, archive)
	var locked []domain.Thread
	if existing := plan.Existing(); len(existing) > 0 {
		if locked, err = tx.LockThreads(ctx, existing); err != nil {
			return domain.ImportOutcome{}, err
		}
	}
	out, err := plan.Run(locked)
	if err != nil || len(out.Brought) == 0 {
		return out, err
	}
	return out, tx.AddImport(ctx, space, out)
}

func authors(messages []domain.Imported) []uuid.UUID {
	var all []uuid.UUID
	for _, m := range messages {
		if !slices.Contains(all, m.Author) {
			all = append(all, m.Author)
		}
	}
	return all
}

// refusedAuthor names the first message whose author is not a member.
func refusedAuthor(messages []domain.Imported, unknown []uuid.UUID) error {
	first := slices.IndexFunc(messages, func(m domain.Imported) bool { return slices.Contains(unknown, m.Author) })
	return fault.InvalidField(imported(first)+".author", "must be a member of the workspace")
}

// imported is the field of a message in the request.
func imported(i int) string { return "messages[" + strconv.Itoa(i) + "]" }
