package domain

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// However delegations are made one after the other, no chain leads in a circle, at no instant; and a chain is what a walk
// from one to the next says, no longer than five.
func TestDelegationsMadeInOrderCloseNoCircle(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		start := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
		all := People{}
		ids := make([]uuid.UUID, 6)
		for i := range ids {
			ids[i] = uuid.UUID{15: byte(i + 1)}
			p, err := Record{Member: ids[i], Active: true, Zone: "UTC"}.Lay()
			require.NoError(t, err)
			all[ids[i]] = p
		}
		kinds := []DelegationKind{Asks, Duty}
		hour := rapid.IntRange(0, 20)
		for n := range rapid.IntRange(0, 25).Draw(t, "delegations") {
			member, now := rapid.SampledFrom(ids).Draw(t, "member"), start.Add(time.Duration(n)*time.Minute)
			d := Delegation{
				Member: member, Delegate: rapid.SampledFrom(ids).Draw(t, "delegate"), ID: uuid.New(),
				Kinds: rapid.SampledFrom([][]DelegationKind{{Asks}, {Duty}, {Asks, Duty}}).Draw(t, "kinds"),
				Start: start.Add(time.Duration(hour.Draw(t, "from")) * time.Hour),
			}
			if rapid.Bool().Draw(t, "ends") {
				d.End = d.Start.Add(time.Duration(1+hour.Draw(t, "for")) * time.Hour)
			}
			made, _, err := NewDelegation(d, all, &MemberTime{Member: member}, now)
			if err == nil {
				p := all[member]
				p.Delegations = append(p.Delegations, made)
				all[member] = p
			}
		}
		at := start.Add(time.Duration(rapid.IntRange(0, 45*60).Draw(t, "at")) * time.Minute)
		for _, member := range ids {
			for _, kind := range kinds {
				r := all.Resolve(member, kind, at)
				require.NotEqual(t, Circle, r.Outcome)
				require.LessOrEqual(t, len(r.Chain), MaxChain)
				on := member
				for _, next := range r.Chain {
					require.True(t, slices.ContainsFunc(all[on].Delegations, func(d Delegation) bool {
						return d.Delegate == next && slices.Contains(d.Kinds, kind) && !at.Before(d.Start) && (d.End.IsZero() || at.Before(d.End))
					}))
					on = next
				}
			}
		}
	})
}

// Many delegations, each from a member to the next: the ways through them are more than could be walked.
func TestManyDelegationsAreLookedThroughForACircle(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	ids, all := make([]uuid.UUID, MaxChain+2), People{}
	for i := range ids {
		ids[i] = uuid.UUID{15: byte(i + 1)}
	}
	for i, id := range ids {
		p, err := Record{Member: id, Active: true, Zone: "UTC"}.Lay()
		require.NoError(t, err)
		for n := range 200 {
			if i > 0 && i < len(ids)-1 {
				start := now.Add(-time.Duration(n) * time.Minute)
				p.Delegations = append(p.Delegations, Delegation{
					Member: id, Delegate: ids[i+1], Kinds: []DelegationKind{Asks}, Start: start, CreateTime: start,
				})
			}
		}
		all[id] = p
	}
	add := func(from, to int) error {
		d := Delegation{Member: ids[from], Delegate: ids[to], Kinds: []DelegationKind{Asks, Duty}, Start: now}
		_, _, err := NewDelegation(d, all, &MemberTime{Member: ids[from]}, now)
		return err
	}
	require.NoError(t, add(0, 1))
	require.NoError(t, add(len(ids)-1, 0))
	require.Error(t, add(len(ids)-1, 1))
}
