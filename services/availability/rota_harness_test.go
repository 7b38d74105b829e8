package availability

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/due"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/jobs"
)

// rota is a team with a lead, three members who take turns, and one who is of the workspace alone.
type rota struct {
	*world
	ws, team                        uuid.UUID
	boss, lead, amy, ben, cleo, oda person
}

func newRota(t *testing.T) *rota {
	t.Helper()
	w := newWorld(t)
	ws := uuid.Must(uuid.NewV7())
	r := &rota{
		world: w, ws: ws, boss: w.member(ws, auth.Admin, "Boss", "UTC"), lead: w.member(ws, auth.Member, "Lea", "Europe/London"),
		amy: w.member(ws, auth.Member, "Amy", "Asia/Kolkata"), ben: w.member(ws, auth.Member, "Ben", "Europe/London"),
		cleo: w.member(ws, auth.Member, "Cleo", "America/Chicago"), oda: w.member(ws, auth.Member, "Oda", "UTC"),
	}
	r.team = w.crew(ws, r.lead, r.amy, r.ben, r.cleo)
	w.exec(`UPDATE team_members SET lead = true WHERE member_id = $1`, r.lead.Member)
	return r
}

func (r *rota) teamName() string { return domain.TeamName(r.ws, r.team) }

// word is what a member is called in lines.
func (r *rota) word(name string) string {
	for word, p := range map[string]person{"amy": r.amy, "ben": r.ben, "cleo": r.cleo, "lea": r.lead, "oda": r.oda} {
		if p.name() == name {
			return word
		}
	}
	return name
}

// daily are turns of a day each, from 09:00 in London on.
func (r *rota) daily(people ...person) *availabilityv1.Turns {
	turns := &availabilityv1.Turns{
		Unit: availabilityv1.Turns_DAY, TimeZone: "Europe/London", FirstDate: day("2026-12-01"), HandOverTime: timeOfDay("09:00"),
	}
	for _, p := range people {
		turns.Members = append(turns.Members, p.name())
	}
	return turns
}

func sun(people ...person) *availabilityv1.Turns {
	turns := &availabilityv1.Turns{Unit: availabilityv1.Turns_FOLLOW_THE_SUN}
	for _, p := range people {
		turns.Members = append(turns.Members, p.name())
	}
	return turns
}

// rotation makes a rotation of the team.
func (r *rota) rotation(turns *availabilityv1.Turns) *availabilityv1.Rotation {
	r.t.Helper()
	made, err := r.rotations.CreateRotation(r.lead.ctx, &availabilityv1.CreateRotationRequest{
		Parent: r.teamName(), Rotation: &availabilityv1.Rotation{DisplayName: "On call", Turns: turns},
	})
	require.NoError(r.t, err)
	return made
}

// override makes an override; a person without a name is nobody.
func (r *rota) override(rotation, start, end string, out, in person) *availabilityv1.RotationOverride {
	r.t.Helper()
	o := &availabilityv1.RotationOverride{StartTime: stamp(start), EndTime: stamp(end)}
	if out.ctx != nil {
		o.OutMember = out.name()
	}
	if in.ctx != nil {
		o.InMember = in.name()
	}
	made, err := r.rotations.CreateRotationOverride(r.lead.ctx, &availabilityv1.CreateRotationOverrideRequest{Parent: rotation, RotationOverride: o})
	require.NoError(r.t, err)
	return made
}

// shifts are all shifts of a range, page by page.
func (r *rota) shifts(rotation string, start, end time.Time, size int32) []*availabilityv1.Shift {
	r.t.Helper()
	req := &availabilityv1.ListShiftsRequest{Parent: rotation, StartTime: timestamppb.New(start), EndTime: timestamppb.New(end), PageSize: size}
	var all []*availabilityv1.Shift
	for {
		found, err := r.rotations.ListShifts(r.oda.ctx, req)
		require.NoError(r.t, err)
		all = append(all, found.GetShifts()...)
		if found.GetNextPageToken() == "" {
			return all
		}
		req.PageToken = found.GetNextPageToken()
	}
}

// lines are shifts as lines of start, end and who is on.
func (r *rota) lines(shifts []*availabilityv1.Shift) []string {
	var all []string
	for _, s := range shifts {
		var who []string
		for _, m := range s.GetMembers() {
			who = append(who, r.word(m))
		}
		end := "..."
		if s.GetEndTime() != nil {
			end = s.GetEndTime().AsTime().Format("02 15:04")
		}
		all = append(all, s.GetStartTime().AsTime().Format("02 15:04")+" "+end+" "+strings.Join(who, "+"))
	}
	return all
}

func (r *rota) listed(rotation, start, end string) []string {
	r.t.Helper()
	return r.lines(r.shifts(rotation, at(start), at(end), 0))
}

// on is who is on at an instant.
func (r *rota) on(rotation string, at time.Time) *availabilityv1.Shift {
	r.t.Helper()
	found, err := r.rotations.WhoIsOn(r.oda.ctx, &availabilityv1.WhoIsOnRequest{Name: rotation, AtTime: timestamppb.New(at)})
	require.NoError(r.t, err)
	if len(found.GetShifts()) == 0 {
		return nil
	}
	return found.GetShifts()[0].GetShift()
}

// work runs the worker that tells of shifts to the test's end.
func (w *world) work() *due.Worker[app.RotationRef] {
	w.t.Helper()
	worker := jobs.TellShifts(w.app, w.clock, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- worker.Run(ctx) }()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
	return worker
}

// tales are the events of shifts that wait in the outbox, as lines.
func (r *rota) tales() []string {
	r.t.Helper()
	var all []string
	for _, e := range r.unpublished() {
		switch payload := e.payload.(type) {
		case *availabilityv1.ShiftStarted:
			all = append(all, "started "+r.lines([]*availabilityv1.Shift{payload.GetShift()})[0])
		case *availabilityv1.ShiftEnded:
			all = append(all, "ended "+r.lines([]*availabilityv1.Shift{payload.GetShift()})[0])
		case *availabilityv1.ShiftSwapped:
			all = append(all, "swapped "+r.word(payload.GetSwap().GetMember())+" "+r.word(payload.GetSwap().GetTaker()))
		}
	}
	return all
}
