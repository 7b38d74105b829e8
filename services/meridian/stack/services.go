package stack

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/services/availability"
	"github.com/meridianhq/meridian/services/directory"
	"github.com/meridianhq/meridian/services/gateway"
	"github.com/meridianhq/meridian/services/notifications"
	"github.com/meridianhq/meridian/services/tasks"
	"github.com/meridianhq/meridian/services/threads"
)

// loopback is where services listen that only the gateway and each other call.
const loopback = "127.0.0.1:0"

// ServiceConfig is what the named service is told, and so what another replica of it is to be told.
func (s *Stack) ServiceConfig(name string) (boot.Config, error) {
	keys, err := s.secrets.publicKeys()
	if err != nil {
		return boot.Config{}, err
	}
	cfg := boot.Config{
		GRPCAddr:     loopback,
		NATSURL:      s.NATSURL(),
		NATSUser:     s.credentials.User,
		NATSPassword: s.credentials.Password,
		Stream:       eventbus.StreamConfig{Replicas: 1},
		IdentityKey:  s.secrets.IdentitySeeds[name],
		ServiceKeys:  keys,
		EventHost:    s.config.EventHost,
	}
	cfg.DirectoryAddr = s.addresses["directory"]
	if s.secrets.OwnerPasswords[name] == "" {
		return cfg, nil
	}
	cfg.DatabaseAdminURL = s.adminURL
	if cfg.DatabaseOwnerURL, err = roleURL(s.adminURL, name+"_owner", s.secrets.OwnerPasswords[name]); err != nil {
		return boot.Config{}, err
	}
	cfg.DatabaseURL, err = roleURL(s.adminURL, name+"_app", s.secrets.AppPasswords[name])
	return cfg, err
}

// roleURL is the database's URL as another role.
func roleURL(admin, role, password string) (string, error) {
	u, err := url.Parse(admin)
	if err != nil || u.Host == "" {
		return "", fmt.Errorf("database-url must be a URL such as postgres://user:password@host:5432/database")
	}
	u.User = url.UserPassword(role, password)
	return u.String(), nil
}

func (s *Stack) deps() boot.Deps {
	return boot.Deps{
		Log: s.config.Log, Clock: s.config.Clock,
		// Nobody else is at a private cluster, so a killed process's lease need not be waited for.
		Alone: s.config.DatabaseURL == "",
	}
}

func (s *Stack) makeDirectory(ctx context.Context) (boot.Service, *boot.Platform, error) {
	cfg, err := s.ServiceConfig("directory")
	if err != nil {
		return nil, nil, err
	}
	s.directory, err = directory.New(ctx, directory.Config{Config: cfg, EdgeConfig: directory.EdgeConfig{
		NATSCalloutUser: s.credentials.CalloutUser, NATSCalloutPassword: s.credentials.CalloutPassword,
		NATSSystemUser: s.credentials.SystemUser, NATSSystemPassword: s.credentials.SystemPassword,
		NATSIssuerSeed: s.credentials.IssuerSeed, NATSXKeySeed: s.credentials.XKeySeed,
		NATSPublicURL: s.NATSURL(),
	}}, s.deps())
	if err != nil {
		return nil, nil, err
	}
	return s.directory, s.directory.Platform, nil
}

func (s *Stack) makeAvailability(ctx context.Context) (boot.Service, *boot.Platform, error) {
	cfg, err := s.ServiceConfig("availability")
	if err != nil {
		return nil, nil, err
	}
	made, err := availability.New(ctx, availability.Config{
		Config: cfg, APIURL: cmp.Or(s.config.APIURL, "http://"+s.config.HTTPAddr), CalendarNetworks: s.config.CalendarNetworks,
	}, s.deps())
	if err != nil {
		return nil, nil, err
	}
	return made, made.Platform, nil
}

func (s *Stack) makeThreads(ctx context.Context) (boot.Service, *boot.Platform, error) {
	cfg, err := s.ServiceConfig("threads")
	if err != nil {
		return nil, nil, err
	}
	s.threads, err = threads.New(ctx, threads.Config{Config: cfg, AvailabilityAddr: s.addresses["availability"]}, s.deps())
	if err != nil {
		return nil, nil, err
	}
	return s.threads, s.threads.Platform, nil
}

func (s *Stack) makeTasks(ctx context.Context) (boot.Service, *boot.Platform, error) {
	cfg, err := s.ServiceConfig("tasks")
	if err != nil {
		return nil, nil, err
	}
	made, err := tasks.New(ctx, tasks.Config{Config: cfg, AvailabilityAddr: s.addresses["availability"]}, s.deps())
	if err != nil {
		return nil, nil, err
	}
	return made, made.Platform, nil
}

func (s *Stack) makeNotifications(ctx context.Context) (boot.Service, *boot.Platform, error) {
	cfg, err := s.ServiceConfig("notifications")
	if err != nil {
		return nil, nil, err
	}
	whole := notifications.Config{
		Config: cfg, AvailabilityAddr: s.addresses["availability"], ThreadsAddr: s.addresses["threads"], TasksAddr: s.addresses["tasks"],
		MailURL: s.config.MailURL, MailFrom: s.config.MailFrom, PublicURL: s.config.PublicURL,
	}
	if whole.MailURL == "" {
		whole.MailURL = (&url.URL{Scheme: "file", Path: filepath.Join(s.config.Data, "mail")}).String()
	}
	made, err := notifications.New(ctx, whole, s.deps())
	if err != nil {
		return nil, nil, err
	}
	return made, made.Platform, nil
}

func (s *Stack) makeGateway(ctx context.Context) (boot.Service, *boot.Platform, error) {
	cfg, err := s.ServiceConfig("gateway")
	if err != nil {
		return nil, nil, err
	}
	cfg.GRPCAddr, cfg.Reflection = s.config.GRPCAddr, s.config.Reflection
	key, err := base64.RawURLEncoding.DecodeString(s.secrets.ResumeKey)
	if err != nil {
		return nil, nil, fmt.Errorf("the resume key is not readable")
	}
	var whole gateway.Config
	if err := defaults(&whole); err != nil {
		return nil, nil, err
	}
	if s.config.Unlimited {
		whole.PrincipalRate, whole.WorkspaceRate, whole.AddressRate = 0, 0, 0
	}
	whole.Config, whole.HTTPAddr = cfg, s.config.HTTPAddr
	whole.AvailabilityAddr, whole.ThreadsAddr = s.addresses["availability"], s.addresses["threads"]
	whole.TasksAddr, whole.NotificationsAddr = s.addresses["tasks"], s.addresses["notifications"]
	whole.ResumeKey = base64.StdEncoding.EncodeToString(key)
	s.gateway, err = gateway.New(ctx, whole, s.deps())
	if err != nil {
		return nil, nil, err
	}
	return s.gateway, s.gateway.Platform, nil
}

// defaults fills a service's own settings, such as the gateway's limits, as its own binary would: from variables,
// else their defaults.
func defaults(cfg any) error {
	parser, err := kong.New(cfg)
	if err != nil {
		return err
	}
	_, err = parser.Parse(nil)
	return err
}
