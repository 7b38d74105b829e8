package demo

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/restconn"
)

// Clock moves the server's development clock.
type Clock interface {
	// Now waits until nothing is under way and returns the domain's time.
	Now(ctx context.Context) (time.Time, error)
	// Set moves the clock forward to an instant, stopping at everything due on the way.
	Set(ctx context.Context, to time.Time) error
}

// story is one telling.
type story struct {
	out       io.Writer
	clock     Clock
	owner     *restconn.Conn
	workspace string
	run       string // tells one telling's names from another's
	events    *watcher

	ana, ben, chitra, dai *person
	team, thread, project string
	task, question        string // of the first scene
	tuesday               time.Time
}

// Tell tells the story on a server, as the owner whose connection it is.
func Tell(ctx context.Context, out io.Writer, owner *restconn.Conn, clock Clock) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &story{out: out, clock: clock, owner: owner, run: uuid.NewString()[:6]}
	list, err := directoryv1.NewWorkspaceServiceClient(owner).ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{PageSize: 1})
	if err != nil {
		return err
	}
	if len(list.GetWorkspaces()) == 0 {
		return fmt.Errorf("the token reaches no workspace")
	}
	s.workspace = list.GetWorkspaces()[0].GetName()
	now, err := clock.Now(ctx)
	if err != nil {
		return err
	}
	if s.tuesday, err = nextTuesday(now); err != nil {
		return err
	}
	if s.events, err = watch(ctx, owner, s.workspace); err != nil {
		return err
	}
	s.sayf("Ana works in London, Ben in Chicago, Chitra in Kolkata, Dai in Auckland (on leave), each from nine to five.\nA team of Ben, Chitra and Dai carries the payments move.")
	if err := s.gather(ctx); err != nil {
		return err
	}
	for _, scene := range []struct {
		title string
		play  func(context.Context) error
	}{
		{"1. Nine in London's morning: a question and a baton", s.offer},
		{"2. Nine in Chicago's morning: the digest", s.morning},
		{"3. The end of Ben's day: the best of the team", s.relay},
		{"4. The Friday before Chicago's clocks change", s.change},
		{"5. Something urgent, at night", s.urgent},
	} {
		s.sayf("\n== %s", scene.title)
		if err := scene.play(ctx); err != nil {
			return fmt.Errorf("%s: %w", strings.SplitN(scene.title, ":", 2)[0], err)
		}
	}
	s.sayf("\nThat was the night. Nothing below URGENT reached anybody outside their hours, and nothing was dropped.")
	return nil
}

// nextTuesday is the next Tuesday at nine in London on which Chicago shows three.
func nextTuesday(now time.Time) (time.Time, error) {
	london, err := worktime.LoadZone("Europe/London")
	if err != nil {
		return time.Time{}, err
	}
	chicago, err := worktime.LoadZone("America/Chicago")
	if err != nil {
		return time.Time{}, err
	}
	for day := london.DateAt(now) + 1; ; day++ {
		if nine := london.Instant(day, 9*60); day.Weekday() == time.Tuesday && chicago.Local(nine).Hour() == 3 {
			return nine, nil
		}
	}
}

// nextChange is the next instant after t at which a place's clocks change.
func nextChange(t time.Time, place *worktime.Zone) time.Time {
	_, offset := place.Local(t).Zone()
	at := t.Truncate(time.Hour)
	for {
		at = at.Add(time.Hour)
		if _, now := place.Local(at).Zone(); now != offset {
			return at
		}
	}
}

// sayf writes a line of the story.
func (s *story) sayf(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, format+"\n", args...)
}

// moveTo moves the clock and tells the local times.
func (s *story) moveTo(ctx context.Context, t time.Time) error {
	if err := s.clock.Set(ctx, t); err != nil {
		return err
	}
	s.sayf("\n[%s UTC]  London %s   Chicago %s   Kolkata %s   Auckland %s", t.UTC().Format("2006-01-02 15:04"),
		s.ana.local(t), s.ben.local(t), s.chitra.local(t), s.dai.local(t))
	return nil
}

// saw shows the event that integrators saw, once it has come.
func (s *story) saw(ctx context.Context, kind, subject string) error {
	e, err := s.events.await(ctx, kind, subject)
	if err != nil {
		return err
	}
	s.sayf("   event   %s %s at %s by %s", e.Type, strings.TrimPrefix(e.Subject, s.workspace+"/"), e.Time.UTC().Format("15:04:05Z"), s.who(e.Actor))
	return nil
}

// who is a member's name, or the service's that acted by itself.
func (s *story) who(actor string) string {
	for _, p := range []*person{s.ana, s.ben, s.chitra, s.dai} {
		if p.member == actor {
			return p.name
		}
	}
	return strings.TrimPrefix(actor, s.workspace+"/")
}

// check says what was expected where it is not so.
func check(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf("expected "+format, args...)
}
