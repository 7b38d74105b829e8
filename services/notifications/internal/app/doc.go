// Package app holds the use cases of notifications: from what happened to an inbox, from there over channels at the time that
// is right for the recipient, and the inbox itself.
//
// It promises that each event takes effect once; that what is held is decided again at the moment of sending, from the
// service's own projection of rights, from the owner of the source and from the availability service; and that what cannot be
// asked for is waited for, but for URGENT, which goes without an excerpt. It calls no other service inside a transaction.
package app

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// Actor is who acts where no member does.
const Actor = "services/notifications"

// App is the use cases. It is safe for concurrent use.
type App struct {
	store    Store
	access   Access
	clock    clock.Clock
	machine  clock.Clock
	working  WorkingTime
	sources  Sources
	channels []Channel
	digests  DigestWriter
	woken    func()
}

// Deps are what the use cases need. Every field is required.
type Deps struct {
	// Store keeps everything.
	Store Store
	// Access is the projection of rights.
	Access Access
	// Clock is domain time, Machine the time by which attempts are bounded.
	Clock, Machine clock.Clock
	// WorkingTime is the availability service.
	WorkingTime WorkingTime
	// Sources are the owners of what notifications are about.
	Sources Sources
	// Channels are the ways out, one for each of the domain's.
	Channels []Channel
	// Digests writes digests for GetDigest.
	Digests DigestWriter
}

// New makes the use cases.
func New(d Deps) *App {
	return &App{
		store: d.Store, access: d.Access, clock: d.Clock, machine: d.Machine, working: d.WorkingTime, sources: d.Sources,
		channels: d.Channels, digests: d.Digests, woken: func() {},
	}
}

// OnDue has f called after each commit that may have made something due. It must not block. Set it before anything runs.
func (a *App) OnDue(f func()) { a.woken = f }

// WorkingTime is what notifications ask of the availability service.
type WorkingTime interface {
	// Reaches says when members can be reached below URGENT from an instant on. It fails Unavailable when the service cannot
	// be asked.
	Reaches(ctx context.Context, ws uuid.UUID, members []uuid.UUID, at time.Time) (map[uuid.UUID]domain.Reach, error)
	// ApprovalDelegates says who acts for members in approvals at an instant, in their order; uuid.Nil for nobody. It fails
	// likewise.
	ApprovalDelegates(ctx context.Context, ws uuid.UUID, of []uuid.UUID, at time.Time) ([]uuid.UUID, error)
}

// SourceCheck is a source and for whom it is looked at.
type SourceCheck struct {
	Source string
	Member uuid.UUID
}

// Sources is what notifications ask of the owners of sources.
type Sources interface {
	// Check says how sources stand, in the order of the checks. Those whose owner cannot be asked are Unknown. It fails only
	// with ctx.
	Check(ctx context.Context, ws uuid.UUID, checks []SourceCheck) ([]domain.SourceState, error)
	// Followed says what has happened, unread, in the threads that a member follows, the newest first. It fails Unavailable
	// when their owner cannot be asked.
	Followed(ctx context.Context, ws, member uuid.UUID) ([]domain.Activity, error)
}

// Channel is a way out of the house.
type Channel interface {
	// Kind is which.
	Kind() domain.Channel
	// Unable says in words why it cannot reach a recipient; empty when it can.
	Unable(to domain.Recipient) string
	// Leaves says whether sending leaves the database: then the attempt is recorded before it, and its outcome after. Else
	// the event that is committed is the sending.
	Leaves() bool
	// Send hands a parcel over. What the channel refuses for good is an error that wraps ErrRefused; after any other it is
	// tried again.
	Send(ctx context.Context, p Parcel) error
}

// DigestWriter writes digests as text.
type DigestWriter interface {
	// DigestText is the text of a digest as it is sent.
	DigestText(p Parcel) (string, error)
}

// ErrRefused says that a channel refused something for good.
var ErrRefused = errors.New("the channel refused it for good")

// Parcel is what is handed to a channel: a notification or a digest.
type Parcel struct {
	// ID is the same at every attempt, for the receiver to drop what comes twice.
	ID string
	To domain.Recipient
	// Local is the recipient's zone, Time the instant of sending.
	Local *time.Location
	Time  time.Time
	// Notification is what is sent, unless Digest is.
	Notification domain.Notification
	Digest       *domain.Digest
	Composition  domain.Composition
}

// now is the domain's time as the database keeps it, in microseconds.
func (a *App) now() time.Time { return a.clock.Now().UTC().Truncate(time.Microsecond) }

// noMail says why mail cannot reach a recipient; empty when it can.
func (a *App) noMail(to domain.Recipient) string {
	for _, c := range a.channels {
		if c.Kind() == domain.Email {
			return c.Unable(to)
		}
	}
	return "This installation sends no mail."
}

// channel is the way out of a kind; nil where there is none.
func (a *App) channel(kind domain.Channel) Channel {
	for _, c := range a.channels {
		if c.Kind() == kind {
			return c
		}
	}
	return nil
}
