package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// Layer returns a layer over a member's hours, not a deleted one; what a focus block is for is told to the member and
// administrators alone.
func (a *App) Layer(ctx context.Context, ws, member uuid.UUID, kind domain.LayerKind, layer uuid.UUID) (domain.Layer, error) {
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return domain.Layer{}, err
	}
	l, err := a.store.Layer(ctx, ws, member, kind, layer)
	switch {
	case err != nil:
		return domain.Layer{}, err
	case !l.DeleteTime.IsZero():
		return domain.Layer{}, fault.NotFoundName(l.ResourceName())
	case !seesNames(caller, member):
		return l.Public(), nil
	}
	return l, nil
}

// seesNames says whether a caller may know what a member's focus blocks are for: the member, and administrators.
func seesNames(caller auth.Caller, member uuid.UUID) bool {
	return caller.Member == member || caller.Role >= auth.Admin
}

// Layers lists a member's layers of a kind, the newest first, without deleted ones.
func (a *App) Layers(
	ctx context.Context, ws, member uuid.UUID, kind domain.LayerKind, p Page,
) (page.Result[domain.Layer, Cursor], error) {
	none := page.Result[domain.Layer, Cursor]{}
	caller, err := a.caller(ctx, ws)
	if err != nil {
		return none, err
	}
	if err := a.there(ctx, ws, member); err != nil {
		return none, err
	}
	found, err := a.store.Layers(ctx, ws, member, kind, p)
	if err != nil {
		return none, err
	}
	if !seesNames(caller, member) {
		for i := range found.Items {
			found.Items[i] = found.Items[i].Public()
		}
	}
	return found, nil
}

// CreateLayer lays a layer over a member's hours, or with dry says what that would do. It is given all but its id and times.
func (a *App) CreateLayer(ctx context.Context, l domain.Layer, dry bool) (Outcome[domain.Layer], error) {
	id, err := newID()
	if err != nil {
		return Outcome[domain.Layer]{}, err
	}
	l.ID, l.Start, l.End = id, l.Start.Truncate(time.Microsecond), l.End.Truncate(time.Microsecond)
	made, prior, err := changeTime(ctx, a, l.Workspace, l.Member, l.ResourceName(), dry,
		func(ctx context.Context, c *change) (domain.Layer, []domain.Event, error) {
			if err := c.room(ctx); err != nil {
				return l, nil, err
			}
			start, end, _ := l.Changes(c.now)
			before, err := c.record(ctx, start, end)
			if err != nil {
				return l, nil, err
			}
			var taken *domain.Layer
			if l.Kind != domain.FocusBlock { // of which many may hold at once
				if taken, err = c.LayerOver(ctx, l); err != nil {
					return l, nil, err
				}
			}
			made, events, err := domain.NewLayer(l, before, taken, &c.MemberTime, c.now)
			if err != nil {
				return l, nil, err
			}
			if err := c.foresee(before, before.WithLayer(made)); err != nil {
				return l, nil, err
			}
			if err := c.AddLayer(ctx, made); err != nil {
				return l, nil, err
			}
			return made, events, c.moved(ctx, made)
		})
	a.imports.Wake()
	if err != nil || prior == "" {
		return made, err
	}
	if id, err = madeBefore(prior); err != nil {
		return Outcome[domain.Layer]{}, err
	}
	made.Item, err = a.store.Layer(ctx, l.Workspace, l.Member, l.Kind, id)
	return made, err
}

// moved has the member's calendars read anew where a layer says which zone they are in.
func (c *change) moved(ctx context.Context, l domain.Layer) error {
	if l.Kind != domain.Travel {
		return nil
	}
	return c.WakeCalendars(ctx, c.Member, false, c.now)
}

// DeleteLayer takes a layer away, or with dry says what that would do; what of it has passed stays.
func (a *App) DeleteLayer(
	ctx context.Context, ws, member uuid.UUID, kind domain.LayerKind, layer uuid.UUID, fresh Fresh, dry bool,
) (Outcome[domain.Layer], error) {
	name := domain.LayerName(ws, member, kind, layer)
	deleted, prior, err := changeTime(ctx, a, ws, member, name, dry,
		func(ctx context.Context, c *change) (domain.Layer, []domain.Event, error) {
			l, err := c.Layer(ctx, member, kind, layer)
			if err != nil {
				return l, nil, err
			}
			if !l.DeleteTime.IsZero() {
				return l, nil, fault.NotFoundName(name)
			}
			if err := fresh.check(domain.LayerRevision); err != nil {
				return l, nil, err
			}
			start, end, _ := l.Changes(c.now)
			before, err := c.record(ctx, start, end)
			if err != nil {
				return l, nil, err
			}
			events, err := l.Delete(before, &c.MemberTime, c.now)
			if err != nil {
				return l, nil, err
			}
			if err := c.foresee(before, before.WithLayer(l)); err != nil {
				return l, nil, err
			}
			if err := c.DeleteLayer(ctx, l); err != nil {
				return l, nil, err
			}
			return l, events, c.moved(ctx, l)
		})
	a.imports.Wake()
	if err != nil || prior == "" {
		return deleted, err
	}
	deleted.Item, err = a.store.Layer(ctx, ws, member, kind, layer) // an equal request did it
	return deleted, err
}
