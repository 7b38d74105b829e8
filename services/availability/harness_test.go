package availability

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/type/date"
	"google.golang.org/genproto/googleapis/type/dayofweek"
	"google.golang.org/genproto/googleapis/type/timeofday"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/inbox"
	"github.com/meridianhq/meridian/pkg/natstest"
	"github.com/meridianhq/meridian/pkg/outbox"
	"github.com/meridianhq/meridian/pkg/pgtest"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/replay"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/fetch"
	"github.com/meridianhq/meridian/services/availability/internal/jobs"
	"github.com/meridianhq/meridian/services/availability/internal/rpc"
	"github.com/meridianhq/meridian/services/availability/internal/store"
	"github.com/meridianhq/meridian/services/availability/internal/wire"
)

// world is the service over a real database, with its members laid by the test in the place of the directory.
type world struct {
	t         *testing.T
	ctx       context.Context
	db        *pgtest.DB
	authority *rpctest.Authority
	clock     *clock.Manual
	directory *directory
	conn      *grpc.ClientConn
	ask       availabilityv1.AvailabilityServiceClient
	schedules availabilityv1.ScheduleServiceClient
	timeOffs  availabilityv1.TimeOffServiceClient
	calendars availabilityv1.CalendarServiceClient
	feeds     availabilityv1.CalendarFeedServiceClient
	imports   *due.Worker[app.CalendarKey]
	travels   availabilityv1.TravelServiceClient
	overrides availabilityv1.DateOverrideServiceClient
	focuses   availabilityv1.FocusBlockServiceClient
	holidays  availabilityv1.HolidayServiceClient
	rotations availabilityv1.RotationServiceClient
	teamTimes availabilityv1.TeamTimeServiceClient

	delegations availabilityv1.DelegationServiceClient

	app   *app.App
	box   *outbox.Outbox
	wakes chan struct{}
}

// directory stands for the directory that is asked before a member is said not to be there.
type directory struct {
	mu     sync.Mutex
	asked  int
	answer func(member uuid.UUID)
	down   error
	// stale is set before any call.
	stale error
}

func (d *directory) Current(context.Context) error { return d.stale }

func (d *directory) Confirm(_ context.Context, _, member, _ uuid.UUID) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked++
	if d.answer != nil {
		d.answer(member)
	}
	return d.down
}

// epoch is a Tuesday on which London shows 09:00 when Chicago shows 03:00.
var epoch = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, epoch)
}

func newWorldAt(t *testing.T, now time.Time) *world {
	t.Helper()
	w := &world{
		t: t, ctx: t.Context(), authority: rpctest.NewAuthority(t, "threads", "tasks", "notifications", "directory"),
		clock: clock.NewManual(now), directory: &directory{}, wakes: make(chan struct{}, 1),
		db: pgtest.New(t, "availability", outbox.Set(), inbox.Set(), replay.Set(), eventbus.Set(), projection.Set(), store.Set()),
	}
	w.box = outbox.New(func() {
		select {
		case w.wakes <- struct{}{}:
		default:
		}
	})
	w.app = app.New(store.New(w.db.App, w.db.Owner, w.box, wire.Encoder("meridian.test")), w.directory, w.clock, app.Imports{
		Fetcher: fetch.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, 3*time.Second), Wake: func() { w.imports.Wake() },
	})
	w.imports = jobs.ImportCalendars(w.app, w.clock, nil)
	w.conn, _ = rpctest.Serve(t, w.authority, rpcserver.Config{Service: "availability"}, rpcserver.Deps{}, func(r grpc.ServiceRegistrar) {
		rpc.Register(r, w.app, "https://meridian.test")
	})
	w.ask = availabilityv1.NewAvailabilityServiceClient(w.conn)
	w.schedules = availabilityv1.NewScheduleServiceClient(w.conn)
	w.timeOffs = availabilityv1.NewTimeOffServiceClient(w.conn)
	w.feeds = availabilityv1.NewCalendarFeedServiceClient(w.conn)
	w.calendars = availabilityv1.NewCalendarServiceClient(w.conn)
	w.travels = availabilityv1.NewTravelServiceClient(w.conn)
	w.overrides = availabilityv1.NewDateOverrideServiceClient(w.conn)
	w.focuses = availabilityv1.NewFocusBlockServiceClient(w.conn)
	w.holidays = availabilityv1.NewHolidayServiceClient(w.conn)
	w.delegations = availabilityv1.NewDelegationServiceClient(w.conn)
	w.rotations = availabilityv1.NewRotationServiceClient(w.conn)
	w.teamTimes = availabilityv1.NewTeamTimeServiceClient(w.conn)
	return w
}

// exec runs SQL as the owner, whom row-level security does not bind.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	_, err := w.db.Owner.Pool().Exec(w.ctx, sql, args...)
	require.NoError(w.t, err)
}

// person is a member of a workspace who can call.
type person struct {
	auth.Caller
	ctx context.Context
}

func (p person) name() string { return p.Principal() }

var states = map[string]int{"INVITED": 1, "ACTIVE": 2, "DEACTIVATED": 3}

func (w *world) member(ws uuid.UUID, role auth.Role, name, zone string) person {
	w.t.Helper()
	return w.memberIn(ws, role, name, zone, "ACTIVE")
}

func (w *world) memberIn(ws uuid.UUID, role auth.Role, name, zone, state string) person {
	w.t.Helper()
	c := rpctest.Member(ws, role)
	w.lay(c, name, zone, state)
	return person{Caller: c, ctx: w.authority.As(w.t, w.ctx, c)}
}

// lay writes a member's row, as the projection would.
func (w *world) lay(c auth.Caller, name, zone, state string) {
	w.t.Helper()
	w.exec(`INSERT INTO members (workspace_id, member_id, display_name, handle, time_zone, role, state, kind, version)
		VALUES ($1, $2, $3, lower($3), $4, $5, $6, 1, 1)`, c.Workspace, c.Member, name, zone, int(c.Role), states[state])
}

// team is a workspace with an administrator in London and Ben in Chicago.
func (w *world) team() (ws uuid.UUID, ana, ben person) {
	w.t.Helper()
	ws = uuid.Must(uuid.NewV7())
	return ws, w.member(ws, auth.Admin, "Ana", "Europe/London"), w.member(ws, auth.Member, "Ben", "America/Chicago")
}

var workdays = []dayofweek.DayOfWeek{1, 2, 3, 4, 5}

// hours is a window on some days, such as 09:00 to 17:00; none is Monday to Friday.
func hours(start, end string, days ...dayofweek.DayOfWeek) *availabilityv1.WeeklyWindow {
	if len(days) == 0 {
		days = workdays
	}
	return &availabilityv1.WeeklyWindow{Days: days, StartTime: timeOfDay(start), EndTime: timeOfDay(end)}
}

func timeOfDay(text string) *timeofday.TimeOfDay {
	at := func(i int) int32 { return int32(text[i]-'0')*10 + int32(text[i+1]-'0') }
	return &timeofday.TimeOfDay{Hours: at(0), Minutes: at(3)}
}

func day(text string) *date.Date {
	at, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return &date.Date{Year: int32(at.Year()), Month: int32(at.Month()), Day: int32(at.Day())}
}

// at is an instant such as 2026-12-01T09:00:00Z.
func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

func stamp(text string) *timestamppb.Timestamp { return timestamppb.New(at(text)) }

// set sets hours of a member as one who may.
func (w *world) set(by person, member, zone string, effective string, windows ...*availabilityv1.WeeklyWindow) *availabilityv1.WorkingSchedule {
	w.t.Helper()
	req := &availabilityv1.CreateWorkingScheduleRequest{
		Parent: member, WorkingSchedule: &availabilityv1.WorkingSchedule{TimeZone: zone, Windows: windows},
	}
	if effective != "" {
		req.WorkingSchedule.EffectiveDate = day(effective)
	}
	s, err := w.schedules.CreateWorkingSchedule(by.ctx, req)
	require.NoError(w.t, err)
	return s
}

// off takes days off for oneself.
func (w *world) off(p person, first, last string) *availabilityv1.TimeOff {
	w.t.Helper()
	t, err := w.timeOffs.CreateTimeOff(p.ctx, &availabilityv1.CreateTimeOffRequest{Parent: p.name(), TimeOff: &availabilityv1.TimeOff{
		Kind: availabilityv1.TimeOff_VACATION, StartDate: day(first), EndDate: day(last), Note: "to the sea",
	}})
	require.NoError(w.t, err)
	return t
}

// timeline is what a member's time is between two instants, as lines of start, end and kind.
func (w *world) timeline(by person, member, start, end string) []string {
	w.t.Helper()
	found, err := w.ask.QueryAvailability(by.ctx, &availabilityv1.QueryAvailabilityRequest{
		Parent: domain.WorkspaceName(by.Workspace), Members: []string{member}, StartTime: stamp(start), EndTime: stamp(end),
	})
	require.NoError(w.t, err)
	return lines(found.GetMembers()[0])
}

func lines(m *availabilityv1.MemberAvailability) []string {
	var all []string
	for _, i := range m.GetIntervals() {
		line := i.GetStartTime().AsTime().Format(time.RFC3339) + " " + i.GetEndTime().AsTime().Format(time.RFC3339) + " " + i.GetKind().String()
		if name := i.GetDisplayName(); name != "" {
			line += " " + name
		}
		all = append(all, line)
	}
	return all
}

// working are the lines of working time alone, without the word.
func working(all []string) []string {
	var found []string
	for _, line := range all {
		if rest, ok := cutSuffix(line, " WORKING"); ok {
			found = append(found, rest)
		}
	}
	return found
}

func cutSuffix(s, suffix string) (string, bool) {
	if len(s) < len(suffix) || s[len(s)-len(suffix):] != suffix {
		return s, false
	}
	return s[:len(s)-len(suffix)], true
}

// told is an event as a subscriber gets it.
type told struct {
	eventbus.Meta
	payload proto.Message
}

// unpublished are the events that wait in the outbox, decoded, in its order.
func (w *world) unpublished() []told {
	w.t.Helper()
	rows, err := w.db.Owner.Pool().Query(w.ctx, `SELECT subject, headers, payload FROM outbox ORDER BY id`)
	require.NoError(w.t, err)
	defer rows.Close()
	var events []told
	for rows.Next() {
		var (
			subject string
			headers map[string]string
			payload []byte
		)
		require.NoError(w.t, rows.Scan(&subject, &headers, &payload))
		header := map[string][]string{}
		for name, value := range headers {
			header[name] = []string{value}
		}
		meta, message, err := eventbus.Decode(header, subject, payload)
		require.NoError(w.t, err)
		events = append(events, told{meta, message})
	}
	require.NoError(w.t, rows.Err())
	return events
}

// broker runs the relay into a stream of the test's own.
func (w *world) broker() jetstream.JetStream {
	w.t.Helper()
	js := natstest.New(w.t).JS(w.t)
	relay := outbox.NewRelay(outbox.RelayConfig{
		Service: "availability", DB: w.db.Owner, JS: js, Log: slog.New(slog.DiscardHandler),
		Machine: clock.Machine(), SyncDelay: time.Millisecond,
	})
	ctx, cancel := context.WithCancel(w.ctx)
	done := make(chan error, 1)
	go func() { done <- relay.Run(ctx) }()
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-w.wakes:
				relay.Wake()
			}
		}
	}()
	w.t.Cleanup(func() {
		cancel()
		require.NoError(w.t, <-done)
	})
	return js
}
