package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// Preview is what would happen for one recipient.
type Preview struct {
	Recipient  uuid.UUID
	DecideTime time.Time
	Verdicts   []domain.Verdict
}

// Preview tells what would be decided if something of an urgency were sent to members now, but for what they have chosen for
// themselves.
func (a *App) Preview(ctx context.Context, members []uuid.UUID, urgency domain.Urgency) ([]Preview, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return nil, err
	}
	ws := caller.Workspace
	people, err := a.present(ctx, ws, members)
	if err != nil {
		return nil, err
	}
	at := a.now()
	reaches, err := a.working.Reaches(ctx, ws, members, at)
	if err != nil {
		return nil, err
	}
	previews := make([]Preview, 0, len(members))
	for _, member := range members {
		to := people[member]
		to.Preferences = domain.DefaultPreferences(ws, member)
		n := domain.Notification{Workspace: ws, Recipient: member, Urgency: urgency}
		previews = append(previews, Preview{
			Recipient: member, DecideTime: at, Verdicts: domain.Decide(n.Situation(at, to, reaches[member], a.noMail(to), time.Time{})),
		})
	}
	return previews, nil
}

// present returns members who belong to the workspace. The first who does not is not found, once the directory was asked.
func (a *App) present(ctx context.Context, ws uuid.UUID, members []uuid.UUID) (map[uuid.UUID]domain.Recipient, error) {
	people, err := a.store.People(ctx, ws, members)
	if err != nil {
		return nil, err
	}
	for _, member := range members {
		if people[member].Active {
			continue
		}
		if err := a.access.Confirm(ctx, ws, member, uuid.Nil); err != nil {
			return nil, err
		}
		if people, err = a.store.People(ctx, ws, members); err != nil {
			return nil, err
		}
		if !people[member].Active {
			return nil, fault.NotFoundName(domain.MemberName(ws, member))
		}
	}
	return people, nil
}

// Preferences gets how a member wants to be reached.
func (a *App) Preferences(ctx context.Context, member uuid.UUID) (domain.Preferences, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Preferences{}, err
	}
	to, err := a.known(ctx, caller, member)
	return to.Preferences, err
}

// known returns a member of the caller's workspace, whether or not they still belong to it.
func (a *App) known(ctx context.Context, caller auth.Caller, member uuid.UUID) (domain.Recipient, error) {
	for range 2 {
		people, err := a.store.People(ctx, caller.Workspace, []uuid.UUID{member})
		if err != nil {
			return domain.Recipient{}, err
		}
		if to, there := people[member]; there {
			return to, nil
		}
		if err := a.access.Confirm(ctx, caller.Workspace, member, uuid.Nil); err != nil {
			return domain.Recipient{}, err
		}
	}
	return domain.Recipient{}, fault.NotFoundName(domain.PreferencesName(caller.Workspace, member))
}

// UpdatePreferences changes how a member wants to be reached. All that is held of them is decided again.
func (a *App) UpdatePreferences(ctx context.Context, member uuid.UUID, change domain.PreferencesChange, fresh Fresh) (domain.Preferences, error) {
	caller, err := a.caller(ctx)
	if err != nil {
		return domain.Preferences{}, err
	}
	if _, err := a.known(ctx, caller, member); err != nil {
		return domain.Preferences{}, err
	}
	if err := change.Check(); err != nil {
		return domain.Preferences{}, err
	}
	defer a.woken()
	var p domain.Preferences
	err = a.store.InTx(ctx, caller.Workspace, func(ctx context.Context, tx Tx) error {
		if p, err = tx.LockPreferences(ctx, member); err != nil {
			return err
		}
		if replayed, err := tx.Replay(ctx, domain.PreferencesName(caller.Workspace, member)); err != nil || replayed {
			return err
		}
		if err := fresh.check(p.Version); err != nil {
			return err
		}
		now := a.now()
		events, err := p.Change(change, now)
		if err != nil {
			return err
		}
		if err := tx.SavePreferences(ctx, p); err != nil {
			return err
		}
		if err := tx.Undecide(ctx, member, now); err != nil {
			return err
		}
		return tx.Publish(ctx, now, caller.Principal(), events...)
	})
	return p, err
}
