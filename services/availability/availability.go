// Package availability answers who works when, when they next do, and when something is due for them. It keeps members'
// weekly hours, what lies over them (travels, dates with other hours, focus blocks), times off, imported calendars, and teams'
// rotations and core hours, and is the only service of Meridian that does the arithmetic of calendars.
//
// It owns the schema `availability` and publishes the events of meridian.availability.v1. It calls the directory, and that
// only before it says that a member is not there, and fetches members' calendars from where they say.
package availability

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/due"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/worktime"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/availability/internal/app"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/fetch"
	"github.com/meridianhq/meridian/services/availability/internal/jobs"
	"github.com/meridianhq/meridian/services/availability/internal/rpc"
	"github.com/meridianhq/meridian/services/availability/internal/store"
	"github.com/meridianhq/meridian/services/availability/internal/wire"
)

// notePause is the time between two tries to note who is there.
const notePause = 5 * time.Second

// Config is the service's settings.
type Config struct {
	boot.Config
	APIURL           string   `name:"api-url" env:"MERIDIAN_API_URL" default:"http://127.0.0.1:8080" help:"Where clients reach the gateway's HTTP, such as https://meridian.example.com: URLs of calendar feeds begin with it."`
	CalendarNetworks []string `name:"calendar-networks" env:"MERIDIAN_CALENDAR_NETWORKS" help:"Networks beside the public internet, such as 10.0.0.0/8, from which members' calendars may be fetched; at any port then. Empty: none."`
}

// Deps is what the service may be given instead of making it.
type Deps = boot.Deps

// Service is the running service. Start, Wait and Stop are the platform's.
type Service struct {
	*boot.Platform
}

// Sets are the service's migrations.
func Sets() []postgres.Set { return []postgres.Set{projection.Set(), store.Set()} }

// New wires the service. It migrates its schema and starts nothing.
func New(ctx context.Context, cfg Config, deps Deps) (*Service, error) {
	networks, err := prefixes("calendar-networks", cfg.CalendarNetworks)
	if err != nil {
		return nil, fmt.Errorf("availability: %w", err)
	}
	if err := boot.HTTPURL("api-url", cfg.APIURL); err != nil {
		return nil, fmt.Errorf("availability: %w", err)
	}
	p, err := boot.New(ctx, wire.Service, cfg.Config, deps, boot.Options{
		Sets: Sets(),
	})
	if err != nil {
		return nil, fmt.Errorf("availability: %w", err)
	}
	members := projection.New(projection.Config{
		Service: wire.Service, DB: p.DB, Owner: p.Owner, JS: p.JS, Log: p.Log, Machine: p.Machine,
		Client: directoryv1.NewAccessServiceClient(p.Directory),
	})
	var imports *due.Worker[app.CalendarKey]
	useCases := app.New(store.New(p.DB, p.Owner, p.Outbox, wire.Encoder(p.Config.EventHost)), members, p.Clock, app.Imports{
		Fetcher: fetch.New(networks, jobs.FetchTimeout), Wake: func() { imports.Wake() },
	})
	imports = jobs.ImportCalendars(useCases, p.Clock, p.Log)
	profiles := eventbus.NewRouter(eventbus.RouterConfig{Durable: wire.Service, JS: p.JS, DB: p.Owner, Log: p.Log, Machine: p.Machine})
	wire.React(profiles, useCases)

	p.Group.Add("members", members.Start, members.Stop)
	p.Group.Add("zones of members", func(ctx context.Context) error { return store.LayZones(ctx, p.Owner) }, nil)
	p.Group.Go("who is there", func(ctx context.Context) error { return notePresence(ctx, useCases, p.Log) })
	p.Group.Add("coverage of teams", func(ctx context.Context) error { return store.LayWatches(ctx, p.Owner) }, nil)
	p.Group.Add("rules of time zones", func(ctx context.Context) error { return takeRules(ctx, useCases) }, nil)
	p.Work(jobs.TellRules(useCases, worktime.Version(), p.Clock, p.Log))
	p.Work(jobs.TellShifts(useCases, p.Clock, p.Log))
	p.Work(jobs.TellGaps(useCases, p.Clock, p.Log))
	p.Consume([]*eventbus.Router{profiles}, members.Router())
	p.Work(imports)
	rpc.Register(p.Server, useCases, strings.TrimSuffix(cfg.APIURL, "/"))
	return &Service{Platform: p}, nil
}

// notePresence tries until who is there is noted. No start waits for it, however many they are.
func notePresence(ctx context.Context, useCases *app.App, log *slog.Logger) error {
	for {
		err := useCases.NotePresence(ctx)
		if err == nil {
			return nil
		}
		log.WarnContext(ctx, "who is there is not noted yet", slog.Any("error", err))
		if err := clock.Sleep(ctx, notePause); err != nil {
			return err
		}
	}
}

// takeRules has members told of the rules that the service carries, where they are newer than those before.
func takeRules(ctx context.Context, useCases *app.App) error {
	files, err := domain.CarriedFiles()
	if err != nil {
		return fmt.Errorf("availability: %w", err)
	}
	return useCases.TakeRules(ctx, worktime.Version(), files)
}

// prefixes reads networks of a setting.
func prefixes(setting string, texts []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %q must be a network such as 10.0.0.0/8", setting, text)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}
