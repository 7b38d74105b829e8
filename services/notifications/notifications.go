// Package notifications is what reaches a person, at the time that is right for that person, once: inboxes, deliveries over
// channels, reminders and digests.
//
// It owns the schema `notifications` and publishes the events of meridian.notifications.v1. It follows the events of threads,
// tasks, availability and the directory, and asks the first three at the moment of sending.
package notifications

import (
	"context"
	"fmt"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/postgres"
	"github.com/meridianhq/meridian/pkg/projection"
	"github.com/meridianhq/meridian/pkg/workingtime"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/channel"
	"github.com/meridianhq/meridian/services/notifications/internal/channel/email"
	"github.com/meridianhq/meridian/services/notifications/internal/jobs"
	"github.com/meridianhq/meridian/services/notifications/internal/peers"
	"github.com/meridianhq/meridian/services/notifications/internal/rpc"
	"github.com/meridianhq/meridian/services/notifications/internal/store"
	"github.com/meridianhq/meridian/services/notifications/internal/wire"
)

// Config is the service's settings.
type Config struct {
	boot.Config

	AvailabilityAddr string `name:"availability-addr" env:"MERIDIAN_AVAILABILITY_ADDR" help:"gRPC target of availability, such as dns:///availability:9090."`
	ThreadsAddr      string `name:"threads-addr" env:"MERIDIAN_THREADS_ADDR" help:"gRPC target of threads."`
	TasksAddr        string `name:"tasks-addr" env:"MERIDIAN_TASKS_ADDR" help:"gRPC target of tasks."`

	MailURL   string `name:"mail-url" env:"MERIDIAN_MAIL_URL" secret:"reread" help:"Where mail goes: smtp://user:password@host:port (STARTTLS where it is offered), smtps://, or file:///folder for development. Empty: no mail."`
	MailFrom  string `name:"mail-from" env:"MERIDIAN_MAIL_FROM" default:"Meridian <meridian@localhost>" help:"The sender of mail."`
	PublicURL string `name:"public-url" env:"MERIDIAN_PUBLIC_URL" help:"What links in mail begin with; a resource's name follows. Empty: no links."`
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
	mail, err := email.New(email.Config{URL: cfg.MailURL, From: cfg.MailFrom, PublicURL: cfg.PublicURL})
	if err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	if cfg.PublicURL != "" {
		if err := boot.HTTPURL("public-url", cfg.PublicURL); err != nil {
			return nil, fmt.Errorf("notifications: %w", err)
		}
	}
	p, err := boot.New(ctx, wire.Service, cfg.Config, deps, boot.Options{
		Sets: Sets(),
	})
	if err != nil {
		return nil, fmt.Errorf("notifications: %w", err)
	}
	if err := wired(p, cfg, mail); err != nil {
		p.Close()
		return nil, fmt.Errorf("notifications: %w", err)
	}
	return &Service{Platform: p}, nil
}

// wired puts the service's parts on its platform.
func wired(p *boot.Platform, cfg Config, mail *email.Email) error {
	availability, err := p.Dial("availability-addr", cfg.AvailabilityAddr)
	if err != nil {
		return err
	}
	threads, err := p.Dial("threads-addr", cfg.ThreadsAddr)
	if err != nil {
		return err
	}
	tasks, err := p.Dial("tasks-addr", cfg.TasksAddr)
	if err != nil {
		return err
	}
	rights := projection.New(projection.Config{
		Service: wire.Service, DB: p.DB, Owner: p.Owner, JS: p.JS, Log: p.Log, Machine: p.Machine,
		Client: directoryv1.NewAccessServiceClient(p.Directory),
	})
	useCases := app.New(app.Deps{
		Store: store.New(p.DB, p.Owner, p.Outbox, wire.Encoder(p.Config.EventHost)), Access: rights, Clock: p.Clock, Machine: p.Machine,
		WorkingTime: peers.NewWorkingTime(workingtime.New(availability)), Sources: peers.NewSources(threads, tasks, availability),
		Channels: channel.Counted(channel.All(mail), p.Meters), Digests: mail,
	})
	events := eventbus.NewRouter(eventbus.RouterConfig{Durable: wire.Service, JS: p.JS, DB: p.Owner, Log: p.Log, Machine: p.Machine})
	wire.React(events, useCases)
	urgent := jobs.Urgent(useCases, p.Clock, p.Log)
	deliver, decide := jobs.Deliver(useCases, p.Clock, p.Log), jobs.Decide(useCases, p.Clock, p.Log)
	remind, wake := jobs.Remind(useCases, p.Clock, p.Log), jobs.Wake(useCases, p.Clock, p.Log)
	digest, plan := jobs.Digest(useCases, p.Clock, p.Log), jobs.Plan(useCases, p.Clock, p.Log)
	useCases.OnDue(func() {
		for _, wakeUp := range []func(){urgent.Wake, deliver.Wake, decide.Wake, remind.Wake, wake.Wake, digest.Wake, plan.Wake} {
			wakeUp()
		}
	})

	p.Group.Add("rights", rights.Start, rights.Stop)
	p.Consume([]*eventbus.Router{events}, rights.Router())
	p.Work(plan, decide, wake, remind, digest, deliver, urgent)
	rpc.Register(p.Server, useCases)
	return nil
}
