package part

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/clock"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/bench/internal/figure"
	"github.com/meridianhq/meridian/services/bench/internal/load"
	"github.com/meridianhq/meridian/services/bench/internal/world"
)

const (
	// revocations is how many rights of each kind are taken away in a round.
	revocations = 40
	// refusedWithin bounds the wait for a refusal.
	refusedWithin = 20 * time.Second
)

// errStill is for a right that was not refused in time.
var errStill = errors.New("a right that was taken away is still in force")

// private is a space with things in it that only its members see.
type private struct{ space, thread, project string }

// door is a service and a read there.
type door struct {
	service string
	knock   func(ctx context.Context, at private) error
}

// Revocation measures how long after the answer that took a right away it is still in force, at every service, while it is
// made use of all the time: a token that is revoked, a member who is deactivated, a place in a private space that is taken
// back. The message load of the latency part goes on beside it.
func (b *Bench) Revocation(ctx context.Context) (figure.Part, error) {
	part := figure.Part{Name: "revocation", About: fmt.Sprintf(
		"from the answer that takes a right away to the first refusal, while it is used and %d messages a second are posted", b.cfg.Rate)}
	doors, err := b.doors()
	if err != nil {
		return part, err
	}
	at, err := b.furnish(ctx)
	if err != nil {
		return part, err
	}
	for _, kind := range []struct {
		name  string
		doors []door
		take  func(ctx context.Context, at private, who world.Member) error
	}{
		{"a token is revoked", doors, b.revokeToken},
		{"a member is deactivated", doors, b.deactivate},
		{"a place in a space is taken back", ofSpaces(doors), b.takeBack},
	} {
		side := map[string]*figure.Side{}
		var all []float64
		for range b.cfg.Rounds {
			began := clock.Machine().Now()
			took, err := b.underLoad(ctx, func(ctx context.Context) (map[string][]time.Duration, error) {
				return b.takeAll(ctx, at, kind.doors, kind.take)
			})
			if err != nil {
				return part, fmt.Errorf("%s: %w", kind.name, err)
			}
			var whole []time.Duration
			elapsed := clock.Machine().Now().Sub(began)
			for service, each := range took {
				if side[service] == nil {
					side[service] = &figure.Side{Name: kind.name + ": " + service}
				}
				side[service].Rounds = append(side[service].Rounds, delayed(each, float64(len(each))/elapsed.Seconds()))
				whole = append(whole, each...)
			}
			all = append(all, figure.Milliseconds(figure.Percentile(whole, 99)))
		}
		for _, d := range kind.doors {
			part.Sides = append(part.Sides, *side[d.service])
		}
		part.Rows = append(part.Rows, figure.Absolute(kind.name+", in force, p99", "ms", figure.SpreadOf(all), figure.Under, 1000, 100))
	}
	return part, nil
}

// doors are reads at every service, by an access token, and through the gateway.
func (b *Bench) doors() ([]door, error) {
	conns := map[string]*grpc.ClientConn{}
	for service, addr := range b.world.At.Services {
		opened, err := b.world.Connect(addr, 1)
		if err != nil {
			return nil, err
		}
		conns[service] = opened[0]
	}
	thread := func(conn *grpc.ClientConn) func(context.Context, private) error {
		return func(ctx context.Context, at private) error {
			_, err := threadsv1.NewThreadServiceClient(conn).GetThread(ctx, &threadsv1.GetThreadRequest{Name: at.thread})
			return err
		}
	}
	return []door{
		{"gateway", thread(conns["gateway"])},
		{"threads", thread(conns["threads"])},
		{"directory", func(ctx context.Context, at private) error {
			_, err := directoryv1.NewSpaceServiceClient(conns["directory"]).GetSpace(ctx, &directoryv1.GetSpaceRequest{Name: at.space})
			return err
		}},
		{"tasks", func(ctx context.Context, at private) error {
			_, err := tasksv1.NewProjectServiceClient(conns["tasks"]).GetProject(ctx, &tasksv1.GetProjectRequest{Name: at.project})
			return err
		}},
		{"availability", func(ctx context.Context, _ private) error {
			_, err := availabilityv1.NewScheduleServiceClient(conns["availability"]).GetEffectiveSchedule(ctx,
				&availabilityv1.GetEffectiveScheduleRequest{Name: b.people.Workspace + "/members/me/effectiveSchedule"})
			return err
		}},
		{"notifications", func(ctx context.Context, _ private) error {
			_, err := notificationsv1.NewInboxServiceClient(conns["notifications"]).GetInboxCounts(ctx,
				&notificationsv1.GetInboxCountsRequest{Name: b.people.Workspace + "/inboxCounts"})
			return err
		}},
	}, nil
}

// ofSpaces are those whose read is of something in a space.
func ofSpaces(doors []door) []door { return doors[:4] }

// furnish makes the private space.
func (b *Bench) furnish(ctx context.Context) (at private, err error) {
	if at.space, err = b.people.NewSpace(ctx, directoryv1.Space_PRIVATE); err != nil {
		return at, err
	}
	owner := world.As(ctx, b.people.Owner.APIToken)
	thread, err := threadsv1.NewThreadServiceClient(b.people.Gateway()).CreateThread(owner, &threadsv1.CreateThreadRequest{
		Parent: b.people.Workspace, Thread: &threadsv1.Thread{Space: at.space, Title: "Private"}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return at, fmt.Errorf("make a thread: %w", err)
	}
	project, err := tasksv1.NewProjectServiceClient(b.people.Gateway()).CreateProject(owner, &tasksv1.CreateProjectRequest{
		Parent: b.people.Workspace, Project: &tasksv1.Project{Space: at.space, Key: "PRIV", DisplayName: "Private"}, RequestId: uuid.NewString(),
	})
	at.thread, at.project = thread.GetName(), project.GetName()
	return at, err
}

// underLoad posts at the steady rate while something is measured.
func (b *Bench) underLoad(
	ctx context.Context, measure func(context.Context) (map[string][]time.Duration, error),
) (took map[string][]time.Duration, err error) {
	posting, enough := context.WithCancel(ctx)
	defer enough()
	signed, err := b.people.SignIn(ctx)
	if err != nil {
		return nil, err
	}
	var beside sync.WaitGroup
	var failed error
	beside.Go(func() {
		for posting.Err() == nil && failed == nil {
			_, failed = load.Open(posting, len(signed), b.cfg.Rate, time.Second, func(_ context.Context, client int, random *rand.Rand) error {
				return b.post(signed[client], b.ours[client%len(b.ours)], b.threads[random.IntN(len(b.threads))], random)
			})
		}
		if posting.Err() != nil {
			failed = nil // it was told to end
		}
	})
	took, err = measure(ctx)
	enough()
	beside.Wait()
	return took, errors.Join(err, failed)
}

// takeAll takes rights away, one after the other, each of somebody new.
func (b *Bench) takeAll(
	ctx context.Context, at private, doors []door, take func(ctx context.Context, at private, who world.Member) error,
) (map[string][]time.Duration, error) {
	took := map[string][]time.Duration{}
	for n := range revocations {
		who, err := b.people.Join(ctx, n)
		if err != nil {
			return nil, err
		}
		if err := b.place(ctx, at, who, directoryv1.SpaceAccess_READER); err != nil {
			return nil, err
		}
		token, err := b.people.Exchange(ctx, who)
		if err != nil {
			return nil, err
		}
		signed := world.As(ctx, token)
		for _, d := range doors {
			if err := d.knock(signed, at); err != nil {
				return nil, fmt.Errorf("%s, before it was taken away: %w", d.service, err)
			}
		}
		if err := b.untilRefused(signed, at, doors, took, func() error { return take(ctx, at, who) }); err != nil {
			return nil, err
		}
	}
	return took, nil
}

// untilRefused knocks at all doors all the time, takes the right away, and notes for each door how long after the answer the
// last call was begun that it let in; not at all when that was before.
func (b *Bench) untilRefused(signed context.Context, at private, doors []door, took map[string][]time.Duration, take func() error) error {
	machine := clock.Machine()
	open, errs := make([]time.Time, len(doors)), make([]error, len(doors))
	ctx, cancel := context.WithTimeout(signed, refusedWithin)
	defer cancel()
	var all sync.WaitGroup
	for i, d := range doors {
		all.Go(func() {
			for ctx.Err() == nil {
				begun := machine.Now()
				err := d.knock(ctx, at)
				if code := status.Code(err); code == codes.Unauthenticated || code == codes.NotFound {
					return
				} else if err != nil {
					errs[i] = fmt.Errorf("%s: %w", d.service, err)
					return
				}
				open[i] = begun
			}
			errs[i] = fmt.Errorf("%s: %w", d.service, errStill)
		})
	}
	err := take()
	answered := machine.Now()
	all.Wait()
	if err := errors.Join(errors.Join(errs...), err); err != nil {
		return err
	}
	for i, d := range doors {
		took[d.service] = append(took[d.service], max(0, open[i].Sub(answered)))
	}
	return nil
}

func (b *Bench) revokeToken(ctx context.Context, _ private, who world.Member) error {
	tokens := directoryv1.NewTokenServiceClient(b.people.Gateway())
	listed, err := tokens.ListApiTokens(world.As(ctx, b.people.Owner.APIToken), &directoryv1.ListApiTokensRequest{Parent: who.Name})
	if err != nil {
		return fmt.Errorf("list tokens: %w", err)
	}
	for _, token := range listed.GetApiTokens() {
		if _, err := tokens.RevokeApiToken(world.As(ctx, b.people.Owner.APIToken), &directoryv1.RevokeApiTokenRequest{Name: token.GetName()}); err != nil {
			return fmt.Errorf("revoke a token: %w", err)
		}
	}
	return nil
}

func (b *Bench) deactivate(ctx context.Context, _ private, who world.Member) error {
	_, err := directoryv1.NewMemberServiceClient(b.people.Gateway()).DeactivateMember(world.As(ctx, b.people.Owner.APIToken),
		&directoryv1.DeactivateMemberRequest{Name: who.Name, RequestId: uuid.NewString()})
	return err
}

func (b *Bench) takeBack(ctx context.Context, at private, who world.Member) error {
	return b.place(ctx, at, who, directoryv1.SpaceAccess_NONE)
}

// place gives somebody a role in the private space.
func (b *Bench) place(ctx context.Context, at private, who world.Member, role directoryv1.SpaceAccess_Role) error {
	_, err := directoryv1.NewSpaceServiceClient(b.people.Gateway()).SetSpaceAccess(world.As(ctx, b.people.Owner.APIToken), &directoryv1.SetSpaceAccessRequest{
		Name: at.space, Changes: []*directoryv1.SpaceAccess{{Principal: who.Name, Role: role}}, RequestId: uuid.NewString(),
	})
	return err
}
