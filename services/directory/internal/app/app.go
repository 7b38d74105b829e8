// Package app holds the directory's use cases.
//
// Each promises one transaction: rights first, then the replay of an earlier request, the etag, the state, the change
// with its audit record, and the events last, when the rows of their aggregates are locked. It knows the store by the
// interfaces it declares, and neither proto nor Postgres nor NATS.
package app

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/directory/internal/domain"
)

// App is the directory's use cases. It is safe for concurrent use.
type App struct {
	store   Store
	clock   clock.Clock
	machine clock.Clock
	origin  func(context.Context) string
	edge    Edge
	keys    keyCache
}

// Deps are what the use cases need.
type Deps struct {
	// Store keeps everything.
	Store Store
	// Clock is domain time, Machine the time by which tokens and keys live.
	Clock, Machine clock.Clock
	// Origin tells the network address a call came from; empty where it is not known.
	Origin func(context.Context) string
	// Edge is the broker, where integrators meet it.
	Edge Edge
}

// New makes the use cases.
func New(d Deps) *App {
	return &App{store: d.Store, clock: d.Clock, machine: d.Machine, origin: d.Origin, edge: d.Edge}
}

// Match refuses an aggregate whose version is not the one that the client has seen; nil accepts every version.
type Match func(version int64) error

func (m Match) check(version int64) error {
	if m == nil {
		return nil
	}
	return m(version)
}

// change is one transaction's work: the rows by Tx, and what is to be told of it.
type change struct {
	Tx
	ws     uuid.UUID
	now    time.Time
	actor  string
	token  string
	origin string
	role   domain.Role
	audits []domain.Audit
	events []domain.Event
}

// write runs fn in a transaction of the workspace and then writes the audit records and the events that fn noted.
// fn may be run again, on a new change.
func (a *App) write(ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, c *change) error) error {
	return a.store.InTx(ctx, ws, a.attempt(ctx, ws, fn))
}

func (a *App) attempt(
	ctx context.Context, ws uuid.UUID, fn func(ctx context.Context, c *change) error,
) func(context.Context, Tx) error {
	caller, _ := auth.FromContext(ctx)
	return func(ctx context.Context, tx Tx) error {
		c := &change{
			Tx: tx, ws: ws, now: a.clock.Now().Truncate(time.Microsecond), actor: caller.Principal(), origin: a.origin(ctx),
			role: domain.Role(caller.Role),
		}
		if caller.Service != "" {
			// Only the operator's own binary is let through to methods that look at the role, and it stands for an owner.
			c.role = domain.Owner
		}
		if caller.Session != uuid.Nil {
			c.token = domain.TokenName(caller.Workspace, caller.Member, caller.Session)
		}
		if err := fn(ctx, c); err != nil || len(c.events) == 0 {
			return err
		}
		for _, audit := range c.audits {
			if err := tx.InsertAudit(ctx, audit); err != nil {
				return err
			}
		}
		return tx.Publish(ctx, c.actor, c.now, c.events...)
	}
}

// note records what was done to a resource, with the facts that follow from it.
func (c *change) note(action, resource string, details map[string]string, facts ...domain.Event) {
	audit := domain.Audit{
		Workspace: c.ws, ID: newID(), CreateTime: c.now, Actor: c.actor, Action: action, Resource: resource,
		Token: c.token, Origin: c.origin, Details: details,
	}
	c.audits = append(c.audits, audit)
	c.events = append(append(c.events, facts...), domain.AuditRecorded{Audit: audit})
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// priorID is the id at the end of the name that an earlier, equal request made.
func priorID(name string) (uuid.UUID, error) {
	if len(name) < 36 {
		return uuid.Nil, fault.New(fault.Internal, fault.ReasonInternal, "a kept name is none: %q", name)
	}
	return uuid.Parse(name[len(name)-36:])
}

// doneBefore is the refusal of the retry of a request whose answer held a secret, which is never kept.
func doneBefore(name string) error {
	return fault.New(fault.AlreadyExists, fault.ReasonAlreadyExists,
		"the request was done before; its secret is not kept and cannot be shown again").With("name", name)
}

// words are the fields that changed, for an audit record.
func words(changed []string, value func(field string) string) map[string]string {
	details := make(map[string]string, len(changed))
	for _, field := range changed {
		details[field] = value(field)
	}
	return details
}
