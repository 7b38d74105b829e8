package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// AvailabilityOncallCmd shows who of a team is on.
type AvailabilityOncallCmd struct {
	Team string `arg:"" help:"The team (name, id or handle)."`
	At   string `help:"An instant such as 2026-12-01T09:00:00Z; now when not given." placeholder:"TIME"`
}

// Run shows who is on.
func (c *AvailabilityOncallCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	req := &availabilityv1.TeamWhoIsOnRequest{}
	if req.Name, err = s.team(ctx, c.Team); err != nil {
		return err
	}
	if c.At != "" {
		at, err := time.Parse(time.RFC3339, c.At)
		if err != nil {
			return fmt.Errorf("--at must be an instant such as 2026-12-01T09:00:00Z")
		}
		req.AtTime = timestamppb.New(at)
	}
	found, err := s.rotations.TeamWhoIsOn(ctx, req)
	if err != nil {
		return err
	}
	names, err := s.memberNames(ctx)
	if err != nil {
		return err
	}
	return s.print(found, func(w io.Writer) {
		row(w, "ROTATION", "ON", "FROM", "UNTIL")
		for _, on := range found.GetShifts() {
			acting := map[string]string{}
			for _, r := range on.GetDelegates() {
				acting[r.GetMember()] = r.GetDelegate() // empty for one whose chain leads to nobody
			}
			var who []string
			for _, member := range on.GetShift().GetMembers() {
				name := nameOf(names, member)
				if delegate := acting[member]; delegate != "" {
					name += " (" + nameOf(names, delegate) + " acts)"
				}
				who = append(who, name)
			}
			row(w, on.GetDisplayName(), strings.Join(who, ", "), when(on.GetShift().GetStartTime()), when(on.GetShift().GetEndTime()))
		}
	})
}
