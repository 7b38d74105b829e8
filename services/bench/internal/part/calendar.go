package part

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

const (
	// offices is how many members the largest overlap is of, officeTeam how many the team has.
	offices, officeTeam = 1000, 200
	month, fourWeeks    = 30 * 24 * time.Hour, 28 * 24 * time.Hour
)

// Calendar measures the arithmetic of time: in the package with the schedules loaded, and through gRPC, where they are read
// from Postgres. One client asks, so that the times are those of one question.
func (b *Bench) Calendar(ctx context.Context) (figure.Part, error) {
	part := figure.Part{Name: "calendar", About: fmt.Sprintf("working time of %d members with hours of their own in many zones, one client", offices)}
	names, team, err := b.world.Offices(ctx, b.people, offices, officeTeam)
	if err != nil {
		return part, err
	}
	calendars, err := officeCalendars()
	if err != nil {
		return part, err
	}
	conns, err := b.world.Connect(b.world.At.Services["availability"], 1)
	if err != nil {
		return part, err
	}
	now := clock.Machine().Now().UTC()
	asked := questions{workspace: b.people.Workspace, team: team, names: names, now: now}
	reckoned := reckonings{calendars: calendars, now: now}
	const month, deadline, coverage = "a month of a member", "a deadline", "coverage of a team of 200 over two weeks"
	overlap := func(n int) string { return fmt.Sprintf("overlap of %d over four weeks", n) }
	const pure, remote = ", in the package", ", through gRPC"
	sides := []side{
		b.pure(month+pure, reckoned.month), b.pure(deadline+pure, reckoned.deadline), b.pure(coverage+pure, reckoned.coverage),
		b.remote(month+remote, conns[0], asked.month), b.remote(deadline+remote, conns[0], asked.deadline),
		b.remote(coverage+remote, conns[0], asked.coverage),
	}
	for _, n := range []int{10, 100, offices} {
		sides = append(sides, b.pure(overlap(n)+pure, reckoned.overlap(n)), b.remote(overlap(n)+remote, conns[0], asked.overlap(n)))
	}
	if part.Sides, err = b.turns(ctx, sides...); err != nil {
		return part, err
	}
	micros := func(name, of string, must float64) figure.Row {
		return figure.Absolute(name, "µs", part.Side(of).Of(func(r figure.Round) float64 { return 1000 * r.P50 }), figure.Under, must, must)
	}
	millis := func(name string, must float64) figure.Row {
		return figure.Absolute(name, "ms", part.Side(name).Of(figure.P50), figure.Under, must, must)
	}
	part.Rows = []figure.Row{
		micros(month+pure, month+pure, 20), micros(deadline+pure, deadline+pure, 10),
		millis(overlap(offices)+pure, 50), millis(overlap(offices)+remote, 150),
		figure.Against("overlap of 1,000 against 100, in the package", "ms", part.Side(overlap(offices)+pure), part.Side(overlap(100)+pure), figure.P50, figure.AtMost, growth, growth),
		figure.Against("overlap of 1,000 against 100, through gRPC", "ms", part.Side(overlap(offices)+remote), part.Side(overlap(100)+remote), figure.P50, figure.AtMost, growth, growth),
	}
	part.Notes = []string{"ten times the members may cost 13 times as much: N log N of some 40 intervals each"}
	return part, nil
}

// growth is N log N of ten times as many: 10 log(40,000) / log(4,000).
const growth = 13

// pure is a side that runs in this program.
func (b *Bench) pure(name string, reckon func() error) side {
	return side{name, func(ctx context.Context, d time.Duration) (figure.Round, error) {
		return one(ctx, d, func(context.Context, int, *rand.Rand) error { return reckon() })
	}}
}

// remote is a side that asks the availability service.
func (b *Bench) remote(name string, conn *grpc.ClientConn, ask func(context.Context, availabilityv1.AvailabilityServiceClient) error) side {
	return side{name, func(ctx context.Context, d time.Duration) (figure.Round, error) {
		signed, err := b.people.SignIn(ctx)
		if err != nil {
			return figure.Round{}, err
		}
		client := availabilityv1.NewAvailabilityServiceClient(conn)
		return one(ctx, d, func(context.Context, int, *rand.Rand) error { return ask(signed[0], client) })
	}}
}

// one measures a loop of one client.
func one(ctx context.Context, d time.Duration, call load.Call) (figure.Round, error) {
	sample, err := load.Closed(ctx, 1, d, call)
	if err != nil {
		return figure.Round{}, err
	}
	return figure.Round{
		Done: len(sample.Took), PerSecond: float64(len(sample.Took)) / sample.Elapsed.Seconds(),
		P50: figure.Milliseconds(figure.Percentile(sample.Took, 50)), P99: figure.Milliseconds(figure.Percentile(sample.Took, 99)),
	}, nil
}

// officeCalendars are the calendars of the offices, as the service lays them.
func officeCalendars() ([]*worktime.Calendar, error) {
	today := worktime.UTC().DateAt(clock.Machine().Now())
	days := []time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday}
	all := make([]*worktime.Calendar, offices)
	for i := range all {
		zone, err := worktime.LoadZone(world.OfficeZone(i))
		if err != nil {
			return nil, err
		}
		start := world.OfficeStart(i)
		week, err := worktime.NewWeek([]worktime.Window{
			{Days: days, Start: start, End: start + 240}, {Days: days, Start: start + 300, End: start + 540},
		})
		if err != nil {
			return nil, err
		}
		off := today + worktime.Date((i+1)%28)
		all[i] = worktime.NewCalendar(worktime.Layers{
			Hours: []worktime.Hours{{Zone: zone, Week: week}}, Absences: []worktime.Absence{{AllDay: true, First: off, Last: off}},
		})
	}
	return all, nil
}

// reckonings are what is measured in the package.
type reckonings struct {
	calendars []*worktime.Calendar
	now       time.Time
}

func (r reckonings) month() error {
	for range r.calendars[0].Stretches(r.now, r.now.Add(month)) {
	}
	return nil
}

func (r reckonings) deadline() error {
	if _, ok := r.calendars[0].Deadline(r.now, 24*time.Hour); !ok {
		return fmt.Errorf("no deadline within %s", worktime.Horizon)
	}
	return nil
}

func (r reckonings) coverage() error {
	worktime.Cover(r.calendars[:officeTeam], r.now, r.now.Add(fourWeeks/2), worktime.CoverageQuery{Bucket: time.Hour})
	return nil
}

func (r reckonings) overlap(n int) func() error {
	return func() error {
		for range worktime.Overlaps(r.calendars[:n], r.now, r.now.Add(fourWeeks), n/2, 30*time.Minute) {
		}
		return nil
	}
}

// questions are the same, asked of the service.
type questions struct {
	workspace, team string
	names           []string
	now             time.Time
}

func (q questions) month(ctx context.Context, client availabilityv1.AvailabilityServiceClient) error {
	_, err := client.QueryAvailability(ctx, &availabilityv1.QueryAvailabilityRequest{
		Parent: q.workspace, Members: q.names[:1], StartTime: timestamppb.New(q.now), EndTime: timestamppb.New(q.now.Add(month)),
	})
	return err
}

func (q questions) deadline(ctx context.Context, client availabilityv1.AvailabilityServiceClient) error {
	_, err := client.ComputeDeadlines(ctx, &availabilityv1.ComputeDeadlinesRequest{
		Parent: q.workspace, Queries: []*availabilityv1.DeadlineQuery{{
			Member: q.names[0], StartTime: timestamppb.New(q.now),
			Window: &availabilityv1.ResponseWindow{Window: &availabilityv1.ResponseWindow_WorkingTime{WorkingTime: durationpb.New(24 * time.Hour)}},
		}},
	})
	return err
}

func (q questions) coverage(ctx context.Context, client availabilityv1.AvailabilityServiceClient) error {
	_, err := client.GetCoverage(ctx, &availabilityv1.GetCoverageRequest{
		Name: q.team + "/coverage", StartTime: timestamppb.New(q.now), EndTime: timestamppb.New(q.now.Add(fourWeeks / 2)),
		Bucket: durationpb.New(time.Hour),
	})
	return err
}

func (q questions) overlap(n int) func(context.Context, availabilityv1.AvailabilityServiceClient) error {
	return func(ctx context.Context, client availabilityv1.AvailabilityServiceClient) error {
		_, err := client.FindOverlap(ctx, &availabilityv1.FindOverlapRequest{
			Parent: q.workspace, Members: q.names[:n], StartTime: timestamppb.New(q.now), EndTime: timestamppb.New(q.now.Add(fourWeeks)),
			MinDuration: durationpb.New(30 * time.Minute), Quorum: int32(n / 2),
		})
		return err
	}
}
