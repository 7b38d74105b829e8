//go:build unix

package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Names of what replicas need that is no service.
const (
	postgres = "postgres"
	broker   = "nats"
)

// needs is what a service calls, beside Postgres and the broker.
func needs() map[string][]string {
	return map[string][]string{
		"directory":     {},
		"availability":  {"directory"},
		"threads":       {"directory", "availability"},
		"tasks":         {"directory", "availability"},
		"notifications": {"directory", "availability", "threads", "tasks"},
		"gateway":       {"directory", "availability", "threads", "tasks", "notifications"},
	}
}

// prepareReplicas says how the replicas of all services are run.
func (r *rig) prepareReplicas(ctx context.Context) error {
	for _, service := range allServices() {
		for range replicas {
			addr, err := r.ports.next(ctx)
			if err != nil {
				return err
			}
			r.grpcAddrs[service] = append(r.grpcAddrs[service], addr)
		}
	}
	for _, service := range allServices() {
		for i := range replicas {
			if err := r.prepareReplica(ctx, service, i); err != nil {
				return fmt.Errorf("%s: %w", service, err)
			}
		}
	}
	return nil
}

func (r *rig) prepareReplica(ctx context.Context, service string, i int) error {
	name := fmt.Sprintf("%s-%d", service, i+1)
	ways, err := r.layWays(ctx, service)
	if err != nil {
		return err
	}
	r.ways[name] = ways
	admin, err := r.ports.next(ctx)
	if err != nil {
		return err
	}
	env := map[string]string{
		"MERIDIAN_GRPC_ADDR":     r.grpcAddrs[service][i],
		"MERIDIAN_ADMIN_ADDR":    admin,
		"MERIDIAN_NATS_URL":      "nats://" + ways[broker].addr(),
		"MERIDIAN_NATS_USER":     r.credentials.User,
		"MERIDIAN_NATS_PASSWORD": r.credentials.Password,
		"MERIDIAN_NATS_REPLICAS": strconv.Itoa(nodes),
		"MERIDIAN_IDENTITY_KEY":  r.secrets.seeds[service],
		"MERIDIAN_SERVICE_KEYS":  r.secrets.public(),
		"MERIDIAN_EVENT_HOST":    "chaos.example.com",
		sabotageVariable:         r.sabotage,
	}
	for _, need := range needs()[service] {
		env["MERIDIAN_"+strings.ToUpper(need)+"_ADDR"] = ways[need].addr()
	}
	if err := r.own(service, env, ways); err != nil {
		return err
	}
	if service == "gateway" {
		addr, err := r.ports.next(ctx)
		if err != nil {
			return err
		}
		r.httpAddrs = append(r.httpAddrs, addr)
		env["MERIDIAN_HTTP_ADDR"] = addr
	}
	r.replicas[name] = &process{
		name: name, path: filepath.Join(r.bin, service+"d"), log: r.logOf(name), env: pairs(env),
		readyURL: "http://" + admin + "/readyz",
	}
	return nil
}

// layWays makes a replica's ways to all that it needs.
func (r *rig) layWays(ctx context.Context, service string) (map[string]*proxy, error) {
	targets := map[string]func() []string{broker: func() []string { return slices.Clone(r.nodeAddrs) }}
	if service != "gateway" {
		targets[postgres] = r.database.targets
	}
	for _, need := range needs()[service] {
		targets[need] = func() []string { return slices.Clone(r.grpcAddrs[need]) }
	}
	ways := map[string]*proxy{}
	for need, target := range targets {
		way, err := newProxy(ctx, target)
		if err != nil {
			return ways, err
		}
		ways[need] = way
	}
	return ways, nil
}

// own is what one service alone is told.
func (r *rig) own(service string, env map[string]string, ways map[string]*proxy) error {
	switch service {
	case "gateway":
		for _, who := range []string{"PRINCIPAL", "WORKSPACE", "ADDRESS"} {
			env["MERIDIAN_"+who+"_RATE"] = "0"
		}
		env["MERIDIAN_RESUME_KEY"] = r.secrets.resume
		return nil
	case "directory":
		env["MERIDIAN_NATS_CALLOUT_USER"], env["MERIDIAN_NATS_CALLOUT_PASSWORD"] = r.credentials.CalloutUser, r.credentials.CalloutPassword
		env["MERIDIAN_NATS_SYSTEM_USER"], env["MERIDIAN_NATS_SYSTEM_PASSWORD"] = r.credentials.SystemUser, r.credentials.SystemPassword
		env["MERIDIAN_NATS_ISSUER_SEED"], env["MERIDIAN_NATS_XKEY_SEED"] = r.credentials.IssuerSeed, r.credentials.XKeySeed
	case "notifications":
		env["MERIDIAN_MAIL_URL"] = (&url.URL{Scheme: "file", Path: filepath.Join(r.folder, "mail")}).String()
	}
	password := r.secrets.passwords[service]
	for variable, role := range map[string]string{"_ADMIN": "", "_OWNER": service + "_owner", "": service + "_app"} {
		whole, err := at(r.database.url(), ways[postgres].addr(), role, password)
		if err != nil {
			return err
		}
		env["MERIDIAN_DATABASE"+variable+"_URL"] = whole
	}
	env["MERIDIAN_DATABASE_CONNS"] = "8"
	return nil
}

func pairs(env map[string]string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if env[name] != "" {
			all = append(all, name+"="+env[name])
		}
	}
	return all
}

// sabotageVariable tells binaries that were built to be broken what to break.
const sabotageVariable = "MERIDIAN_TEST_SABOTAGE"
