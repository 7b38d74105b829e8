package availability

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// offer offers time on; a person without a name is the whole rotation.
func (r *rota) offer(by person, rotation, start, end string, to person) *availabilityv1.RotationSwap {
	r.t.Helper()
	s := &availabilityv1.RotationSwap{StartTime: stamp(start), EndTime: stamp(end)}
	if to.ctx != nil {
		s.ToMember = to.name()
	}
	made, err := r.rotations.CreateRotationSwap(by.ctx, &availabilityv1.CreateRotationSwapRequest{Parent: rotation, RotationSwap: s})
	require.NoError(r.t, err)
	return made
}

func (r *rota) take(by person, s *availabilityv1.RotationSwap) (*availabilityv1.RotationSwap, error) {
	return r.rotations.TakeRotationSwap(by.ctx, &availabilityv1.TakeRotationSwapRequest{Name: s.GetName()})
}

func TestASwapIsTaken(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben, r.cleo))
	s := r.offer(r.ben, made.GetName(), "2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z", person{})
	require.Equal(t, availabilityv1.RotationSwap_OFFERED, s.GetState())
	require.Equal(t, r.ben.name(), s.GetMember())
	for _, who := range []person{r.oda, r.lead, r.ben, r.boss} {
		_, err := r.take(who, s)
		rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	}
	_, err := r.rotations.TakeRotationSwap(r.cleo.ctx, &availabilityv1.TakeRotationSwapRequest{Name: s.GetName(), Etag: `"9"`})
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	req := &availabilityv1.TakeRotationSwapRequest{Name: s.GetName(), Etag: s.GetEtag(), RequestId: uuid.NewString()}
	taken, err := r.rotations.TakeRotationSwap(r.cleo.ctx, req)
	require.NoError(t, err)
	require.Equal(t, availabilityv1.RotationSwap_TAKEN, taken.GetState())
	require.Equal(t, r.cleo.name(), taken.GetTaker())
	again, err := r.rotations.TakeRotationSwap(r.cleo.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(taken, again))
	o, err := r.rotations.GetRotationOverride(r.oda.ctx, &availabilityv1.GetRotationOverrideRequest{Name: taken.GetOverride()})
	require.NoError(t, err)
	require.Equal(t, s.GetName(), o.GetSwap())
	require.Equal(t, []string{"02 09:00 02 12:00 ben", "02 12:00 03 09:00 cleo", "03 09:00 04 09:00 cleo"},
		r.listed(made.GetName(), "2026-12-02T09:00:00Z", "2026-12-04T09:00:00Z"))
	require.Equal(t, []string{"swapped ben cleo"}, r.tales())
	_, err = r.take(r.amy, s)
	require.Contains(t, rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonSwapNotOpen).Message(), "TAKEN")
	_, err = r.rotations.WithdrawRotationSwap(r.ben.ctx, &availabilityv1.WithdrawRotationSwapRequest{Name: s.GetName()})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonSwapNotOpen)
}

// Of many who take at once one wins, and the others are told why not.
func TestTwoWhoTakeASwapAtOnce(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben, r.cleo, r.oda))
	for range 5 {
		s := r.offer(r.amy, made.GetName(), "2026-12-05T09:00:00Z", "2026-12-06T09:00:00Z", person{})
		var (
			asking sync.WaitGroup
			mu     sync.Mutex
			won    []string
		)
		for _, who := range []person{r.ben, r.cleo, r.oda} {
			asking.Go(func() {
				taken, err := r.take(who, s)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, taken.GetTaker())
					return
				}
				rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonSwapNotOpen)
			})
		}
		asking.Wait()
		require.Len(t, won, 1)
		require.Equal(t, won, r.on(made.GetName(), at("2026-12-05T12:00:00Z")).GetMembers())
		got, err := r.rotations.GetRotationSwap(r.oda.ctx, &availabilityv1.GetRotationSwapRequest{Name: s.GetName()})
		require.NoError(t, err)
		require.Equal(t, won[0], got.GetTaker())
		_, err = r.rotations.DeleteRotationOverride(r.lead.ctx, &availabilityv1.DeleteRotationOverrideRequest{Name: got.GetOverride()})
		require.NoError(t, err)
	}
}

func TestSwapsThatNobodyTakes(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben, r.cleo))
	get := func(s *availabilityv1.RotationSwap) availabilityv1.RotationSwap_State {
		got, err := r.rotations.GetRotationSwap(r.oda.ctx, &availabilityv1.GetRotationSwapRequest{Name: s.GetName()})
		require.NoError(t, err)
		return got.GetState()
	}
	declined := r.offer(r.ben, made.GetName(), "2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z", r.oda)
	decline := func(who person) error {
		_, err := r.rotations.DeclineRotationSwap(who.ctx, &availabilityv1.DeclineRotationSwapRequest{Name: declined.GetName()})
		return err
	}
	rpctest.Failed(t, decline(r.cleo), codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err := r.take(r.cleo, declined)
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	require.NoError(t, decline(r.oda))
	require.Equal(t, availabilityv1.RotationSwap_DECLINED, get(declined))
	_, err = r.take(r.oda, declined)
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonSwapNotOpen)

	withdrawn := r.offer(r.ben, made.GetName(), "2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z", person{})
	withdraw := func(who person) error {
		_, err := r.rotations.WithdrawRotationSwap(who.ctx, &availabilityv1.WithdrawRotationSwapRequest{Name: withdrawn.GetName()})
		return err
	}
	rpctest.Failed(t, withdraw(r.cleo), codes.PermissionDenied, fault.ReasonPermissionDenied)
	require.NoError(t, withdraw(r.ben))
	require.Equal(t, availabilityv1.RotationSwap_WITHDRAWN, get(withdrawn))

	// An offer whose time has begun is over, without anybody doing anything.
	expired := r.offer(r.ben, made.GetName(), "2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z", person{})
	r.clock.Advance(27*time.Hour - time.Microsecond)
	require.Equal(t, availabilityv1.RotationSwap_OFFERED, get(expired))
	r.clock.Advance(time.Microsecond)
	require.Equal(t, availabilityv1.RotationSwap_EXPIRED, get(expired))
	_, err = r.take(r.cleo, expired)
	require.Contains(t, rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonSwapNotOpen).Message(), "EXPIRED")
	found, err := r.rotations.ListRotationSwaps(r.oda.ctx, &availabilityv1.ListRotationSwapsRequest{Parent: made.GetName(), PageSize: 2})
	require.NoError(t, err)
	require.Len(t, found.GetRotationSwaps(), 2)
	require.Equal(t, availabilityv1.RotationSwap_EXPIRED, found.GetRotationSwaps()[0].GetState())
	require.NotEmpty(t, found.GetNextPageToken())
}

func TestASwapNeedsItsMemberOn(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	made := r.rotation(r.daily(r.amy, r.ben, r.cleo))
	bad := func(by person, s *availabilityv1.RotationSwap) error {
		_, err := r.rotations.CreateRotationSwap(by.ctx, &availabilityv1.CreateRotationSwapRequest{Parent: made.GetName(), RotationSwap: s})
		return err
	}
	span := func(start, end string) *availabilityv1.RotationSwap {
		return &availabilityv1.RotationSwap{StartTime: stamp(start), EndTime: stamp(end)}
	}
	rpctest.Failed(t, bad(r.ben, span("2026-12-02T12:00:00Z", "2026-12-03T09:00:01Z")), codes.FailedPrecondition, domain.ReasonSwapNotOn)
	rpctest.Failed(t, bad(r.oda, span("2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z")), codes.FailedPrecondition, domain.ReasonSwapNotOn)
	rpctest.FailedField(t, bad(r.amy, span("2026-12-01T09:00:00Z", "2026-12-02T09:00:00Z")), fault.ReasonFieldInvalid, "rotation_swap.start_time")
	rpctest.FailedField(t, bad(r.amy, span("2026-12-01T11:00:00Z", "2026-12-01T11:00:00Z")), fault.ReasonFieldInvalid, "rotation_swap.end_time")
	self := span("2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z")
	self.ToMember = r.ben.name()
	rpctest.FailedField(t, bad(r.ben, self), fault.ReasonFieldInvalid, "rotation_swap.to_member")
	other := span("2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z")
	other.Member = r.ben.name()
	rpctest.Failed(t, bad(r.cleo, other), codes.PermissionDenied, fault.ReasonPermissionDenied)
	require.NoError(t, bad(r.lead, other))

	// Between the offer and the taking the world may change.
	s := r.offer(r.ben, made.GetName(), "2026-12-02T12:00:00Z", "2026-12-03T09:00:00Z", person{})
	o := r.override(made.GetName(), "2026-12-03T08:00:00Z", "2026-12-03T09:00:00Z", r.ben, r.oda)
	_, err := r.take(r.cleo, s)
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonSwapNotOn)
	_, err = r.rotations.DeleteRotationOverride(r.lead.ctx, &availabilityv1.DeleteRotationOverrideRequest{Name: o.GetName()})
	require.NoError(t, err)
	r.override(made.GetName(), "2026-12-02T15:00:00Z", "2026-12-02T16:00:00Z", person{}, r.cleo)
	_, err = r.take(r.cleo, s)
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonSwapAlreadyOn)
	_, err = r.take(r.amy, s)
	require.NoError(t, err)
	tried, err := r.rotations.CreateRotationSwap(r.cleo.ctx, &availabilityv1.CreateRotationSwapRequest{Parent: made.GetName(), RotationSwap: span("2026-12-03T12:00:00Z", "2026-12-04T09:00:00Z"), ValidateOnly: true})
	require.NoError(t, err)
	require.Empty(t, tried.GetName()+tried.GetUid(), "it would get another name")
}

// What was asked before is answered as then, though one who was put on has left.
func TestTheSameRequestIsAnsweredThoughSomebodyLeft(t *testing.T) {
	t.Parallel()
	r := newRota(t)
	first, second := &availabilityv1.CreateRotationRequest{
		Parent: r.teamName(), Rotation: &availabilityv1.Rotation{DisplayName: "On call", Turns: r.daily(r.amy, r.ben)}, RequestId: uuid.NewString(),
	}, &availabilityv1.UpdateRotationRequest{RequestId: uuid.NewString()}
	rotation := func() string {
		t.Helper()
		made, err := r.rotations.CreateRotation(r.lead.ctx, first)
		require.NoError(t, err)
		return made.GetName()
	}
	name := rotation()
	second.Rotation = &availabilityv1.Rotation{Name: name, Turns: r.daily(r.ben, r.cleo)}
	override := &availabilityv1.CreateRotationOverrideRequest{Parent: name, RequestId: uuid.NewString(), RotationOverride: &availabilityv1.RotationOverride{
		InMember: r.cleo.name(), StartTime: stamp("2026-12-20T00:00:00Z"), EndTime: stamp("2026-12-21T00:00:00Z"),
	}}
	swap := &availabilityv1.CreateRotationSwapRequest{Parent: name, RequestId: uuid.NewString(), RotationSwap: &availabilityv1.RotationSwap{
		ToMember: r.cleo.name(), StartTime: stamp("2026-12-03T10:00:00Z"), EndTime: stamp("2026-12-03T12:00:00Z"),
	}}
	all := func() []string {
		t.Helper()
		updated, err := r.rotations.UpdateRotation(r.lead.ctx, second)
		require.NoError(t, err)
		in, err := r.rotations.CreateRotationOverride(r.lead.ctx, override)
		require.NoError(t, err)
		offered, err := r.rotations.CreateRotationSwap(r.ben.ctx, swap)
		require.NoError(t, err)
		return []string{rotation(), updated.GetName(), in.GetName(), offered.GetName()}
	}
	before := all()
	r.exec(`UPDATE members SET state = 3 WHERE member_id = ANY ($1)`, []uuid.UUID{r.amy.Member, r.cleo.Member})
	require.Equal(t, before, all())
}
