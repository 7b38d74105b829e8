package domain

import (
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// The reasons of swaps. meridian.availability.v1.ErrorReason lists them.
const (
	// ReasonSwapNotOpen says that the swap is no longer offered.
	ReasonSwapNotOpen = "SWAP_NOT_OPEN"
	// ReasonSwapNotOn says that who offers is not on for all of its time.
	ReasonSwapNotOn = "SWAP_NOT_ON"
	// ReasonSwapAlreadyOn says that who would take it is on already.
	ReasonSwapAlreadyOn = "SWAP_ALREADY_ON"
)

// SwapState is how far a swap has come.
type SwapState string

// The states of a swap. SwapExpired is never kept: it follows from the time.
const (
	SwapOffered   SwapState = "OFFERED"
	SwapTaken     SwapState = "TAKEN"
	SwapDeclined  SwapState = "DECLINED"
	SwapWithdrawn SwapState = "WITHDRAWN"
	SwapExpired   SwapState = "EXPIRED"
)

// Swap offers a member's time on, from Start until End, to another or to the whole rotation.
type Swap struct {
	ID, Member uuid.UUID
	// To is whom it is offered to, uuid.Nil for the whole rotation.
	To         uuid.UUID
	Start, End time.Time
	State      SwapState
	// Taker and Override are who took it and by what they are on.
	Taker, Override uuid.UUID
	// Revision counts its changes, from 1: its etag.
	Revision               int64
	CreateTime, UpdateTime time.Time
}

// At is the swap as it is at an instant: one whose time has begun is no longer offered.
func (s *Swap) At(now time.Time) Swap {
	at := *s
	if at.State == SwapOffered && !at.Start.After(now) {
		at.State = SwapExpired
	}
	return at
}

// WaitsFor says whether the swap, as it is at an instant, waits for a member whom it is offered to by name.
func (s *Swap) WaitsFor(member uuid.UUID) bool { return s.State == SwapOffered && s.To == member }

// SettledReason is why the swap, as it is at an instant, no longer waits for a member; empty where it does or never did.
func (s *Swap) SettledReason(member uuid.UUID) string {
	if s.State == SwapOffered || s.To != member {
		return ""
	}
	return strings.ToLower(string(s.State))
}

// Offer makes a swap. The member is on throughout, by the rotation laid.
func (r *Rotation) Offer(w Watch, s Swap, now time.Time) (Swap, []Event, error) {
	const field = "rotation_swap"
	if err := checkSpan(field, s.Start, s.End); err != nil {
		return Swap{}, nil, err
	}
	switch {
	case !s.Start.After(now):
		return Swap{}, nil, fault.InvalidField(field+".start_time", "must not have come")
	case s.To == s.Member:
		return Swap{}, nil, fault.InvalidField(field+".to_member", "must not be who offers")
	case !w.Holds(s.Member, s.Start, s.End):
		return Swap{}, nil, r.notOn(&s)
	}
	s.State, s.Revision, s.CreateTime, s.UpdateTime = SwapOffered, 1, now, now
	return s, []Event{SwapChanged{Rotation: *r, Swap: s, Version: r.Next()}}, nil
}

func (r *Rotation) notOn(s *Swap) error {
	const rule = "who offers must be on for all of its time"
	return fault.New(fault.Precondition, ReasonSwapNotOn, "the member is not on for all of that time").
		WithPrecondition("SWAP_MEMBER", MemberName(r.Workspace, s.Member), rule)
}

// open refuses a swap that is no longer offered.
func (r *Rotation) open(s *Swap, now time.Time) error {
	if state := s.At(now).State; state != SwapOffered {
		return fault.New(fault.Precondition, ReasonSwapNotOpen, "the swap is no longer offered: it is %s", state).
			With("state", string(state)).
			WithPrecondition("SWAP_STATE", SwapName(r.Workspace, r.Team, r.ID, s.ID), "the swap must be OFFERED")
	}
	return nil
}

// MayTake says whether a swap is offered to a member.
func (r *Rotation) MayTake(s *Swap, member uuid.UUID) bool {
	if s.To != uuid.Nil {
		return s.To == member
	}
	turns, _ := r.In(s.Start)
	return member != s.Member && slices.Contains(turns.Members, member)
}

// Take gives a member the time of a swap: it makes an override.
func (r *Rotation) Take(w Watch, s *Swap, taker, override uuid.UUID, now time.Time) (Override, []Event, error) {
	if err := r.open(s, now); err != nil {
		return Override{}, nil, err
	}
	if !w.Holds(s.Member, s.Start, s.End) {
		return Override{}, nil, r.notOn(s)
	}
	if w.Touches(taker, s.Start, s.End) {
		return Override{}, nil, fault.New(fault.Precondition, ReasonSwapAlreadyOn, "the member is on already within that time").
			WithPrecondition("SWAP_TAKER", MemberName(r.Workspace, taker), "who takes must not be on within its time")
	}
	o, events, err := r.override(
		Override{ID: override, Start: s.Start, End: s.End, Out: s.Member, In: taker, Swap: s.ID}, s.Start, s.End, now)
	if err != nil {
		return Override{}, nil, err
	}
	s.Taker, s.Override = taker, o.ID
	s.close(SwapTaken, now)
	return o, append(events, ShiftSwapped{Rotation: *r, Swap: *s, Version: r.Next()}), nil
}

// Close ends a swap that nobody takes.
func (r *Rotation) Close(s *Swap, state SwapState, now time.Time) ([]Event, error) {
	if err := r.open(s, now); err != nil {
		return nil, err
	}
	s.close(state, now)
	return []Event{SwapChanged{Rotation: *r, Swap: *s, Version: r.Next()}}, nil
}

func (s *Swap) close(state SwapState, now time.Time) {
	s.State, s.UpdateTime = state, now
	s.Revision++
}
