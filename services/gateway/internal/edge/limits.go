package edge

import (
	"container/list"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
)

// Limits are the rates that callers may use, in requests a second, with the bursts above them. The tags
// have the defaults. A rate of 0 is no limit.
type Limits struct {
	PrincipalRate  float64 `name:"principal-rate" env:"MERIDIAN_PRINCIPAL_RATE" default:"200" help:"Requests a second of one member; 0 for no limit."`
	PrincipalBurst int     `name:"principal-burst" env:"MERIDIAN_PRINCIPAL_BURST" default:"1000" help:"Requests of one member at once."`
	WorkspaceRate  float64 `name:"workspace-rate" env:"MERIDIAN_WORKSPACE_RATE" default:"2000" help:"Requests a second of one workspace; 0 for no limit."`
	WorkspaceBurst int     `name:"workspace-burst" env:"MERIDIAN_WORKSPACE_BURST" default:"5000" help:"Requests of one workspace at once."`
	AddressRate    float64 `name:"address-rate" env:"MERIDIAN_ADDRESS_RATE" default:"50" help:"Requests a second of one address that has not signed in; 0 for no limit."`
	AddressBurst   int     `name:"address-burst" env:"MERIDIAN_ADDRESS_BURST" default:"1000" help:"Requests of one address that has not signed in, at once."`
}

// Check fails for what is no rate or burst, by its flag.
func (l Limits) Check() error {
	for flag, value := range map[string]float64{
		"principal-rate": l.PrincipalRate, "workspace-rate": l.WorkspaceRate, "address-rate": l.AddressRate,
		"principal-burst": float64(l.PrincipalBurst), "workspace-burst": float64(l.WorkspaceBurst), "address-burst": float64(l.AddressBurst),
	} {
		if !(value >= 0) { // nor is it NaN
			return fmt.Errorf("%s: must not be negative", flag)
		}
	}
	return nil
}

// maxBuckets is how many principals, workspaces or addresses are counted at the same time. The one that was quiet
// longest is forgotten first.
const maxBuckets = 64 << 10

// Limiter counts requests. It may be used by many goroutines.
type Limiter struct {
	machine    clock.Clock
	principals *buckets
	workspaces *buckets
	addresses  *buckets
}

// NewLimiter makes a limiter with full buckets.
func NewLimiter(limits Limits, machine clock.Clock) *Limiter {
	return &Limiter{
		machine:    machine,
		principals: newBuckets(limits.PrincipalRate, limits.PrincipalBurst),
		workspaces: newBuckets(limits.WorkspaceRate, limits.WorkspaceBurst),
		addresses:  newBuckets(limits.AddressRate, limits.AddressBurst),
	}
}

// Caller takes one request from the caller's own bucket and the workspace's. It fails Exhausted with RATE_LIMITED
// and the time to wait.
func (l *Limiter) Caller(caller auth.Caller) error {
	now := l.machine.Now()
	wait, putBack := l.principals.take(caller.Principal(), now)
	if wait > 0 {
		return limited("principal", caller.Principal(), wait)
	}
	workspace := "workspaces/" + caller.Workspace.String()
	if wait, _ = l.workspaces.take(workspace, now); wait > 0 {
		putBack()
		return limited("workspace", workspace, wait)
	}
	return nil
}

// Address takes one request from the bucket of an address that has not signed in. Addresses of one IPv6 /64 share
// a bucket, as one host usually has them all.
func (l *Limiter) Address(address netip.Addr) error {
	key := address.Unmap()
	if key.Is6() {
		prefix, err := key.Prefix(64)
		if err == nil {
			key = prefix.Addr()
		}
	}
	if wait, _ := l.addresses.take(key.String(), l.machine.Now()); wait > 0 {
		return limited("address", "", wait)
	}
	return nil
}

func limited(of, subject string, wait time.Duration) error {
	err := fault.New(fault.Exhausted, fault.ReasonRateLimited, "too many requests of this %s; wait %s", of,
		max(wait.Round(time.Millisecond), time.Millisecond)).WithRetryAfter(wait).With("limit", of)
	if subject != "" {
		err = err.With("subject", subject)
	}
	return err
}

// buckets are token buckets by key, the least recently used forgotten beyond a number. A nil *buckets never limits.
type buckets struct {
	rate  rate.Limit
	burst int

	mu    sync.Mutex
	byKey map[string]*bucket
	order list.List // of keys, the most recently used first
}

type bucket struct {
	limiter *rate.Limiter
	place   *list.Element
}

func newBuckets(perSecond float64, burst int) *buckets {
	if perSecond <= 0 {
		return nil
	}
	return &buckets{rate: rate.Limit(perSecond), burst: max(burst, 1), byKey: make(map[string]*bucket)}
}

// take takes one token, or says how long to wait for one and takes none. putBack undoes it.
func (b *buckets) take(key string, now time.Time) (wait time.Duration, putBack func()) {
	if b == nil {
		return 0, func() {}
	}
	reservation := b.limiter(key).ReserveN(now, 1)
	if wait = reservation.DelayFrom(now); wait > 0 {
		reservation.CancelAt(now)
		return wait, func() {}
	}
	return 0, func() { reservation.CancelAt(now) }
}

func (b *buckets) limiter(key string) *rate.Limiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known, ok := b.byKey[key]; ok {
		b.order.MoveToFront(known.place)
		return known.limiter
	}
	if b.order.Len() >= maxBuckets {
		oldest, _ := b.order.Remove(b.order.Back()).(string)
		delete(b.byKey, oldest)
	}
	fresh := &bucket{limiter: rate.NewLimiter(b.rate, b.burst), place: b.order.PushFront(key)}
	b.byKey[key] = fresh
	return fresh.limiter
}
