package cli

import (
	"context"
	"fmt"
	"io"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/worktime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/outlook"
)

// AvailabilityWeekCmd draws a team's next days.
type AvailabilityWeekCmd struct {
	Team string `arg:"" help:"The team (name, id or handle)."`
	Days int32  `help:"How many days, at most 31." default:"14"`
	Zone string `help:"The IANA zone whose days they are, such as Europe/Lisbon. Yours when not given."`
	From string `help:"The first day, such as 2026-12-01. Today when not given." placeholder:"DATE"`
}

// Run draws them.
func (c *AvailabilityWeekCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	team, err := s.team(ctx, c.Team)
	if err != nil {
		return err
	}
	req := &availabilityv1.GetTeamOutlookRequest{Name: team + "/outlook", TimeZone: c.Zone, Days: c.Days}
	if c.From != "" {
		if err := s.beginOn(ctx, req, c.From); err != nil {
			return err
		}
	}
	found, err := s.teamTimes.GetTeamOutlook(ctx, req)
	if err != nil {
		return err
	}
	names := map[string]string{}
	for _, r := range found.GetRows() {
		if r.GetDelegate() != "" { // who need not be of the team
			if names, err = s.memberNames(ctx); err != nil {
				return err
			}
			break
		}
	}
	return s.print(found, func(w io.Writer) { _, _ = io.WriteString(w, safe(outlook.Draw(found, names))) })
}

// beginOn has an outlook begin on a date of its zone, the reader's where it has none.
func (s *session) beginOn(ctx context.Context, req *availabilityv1.GetTeamOutlookRequest, text string) error {
	date, err := worktime.ParseDate(text)
	if err != nil {
		return fmt.Errorf("--from must be a date such as 2026-12-01")
	}
	if req.GetTimeZone() == "" {
		me, err := s.member(ctx, "me")
		if err != nil {
			return err
		}
		told, err := s.availability.ResolveExpectation(ctx, &availabilityv1.ResolveExpectationRequest{Parent: s.workspace, Members: []string{me}})
		if err != nil {
			return err
		}
		req.TimeZone = told.GetExpectations()[0].GetTimeZone()
	}
	zone, err := worktime.LoadZone(req.GetTimeZone())
	if err != nil {
		return fmt.Errorf("--zone must be an IANA time zone such as Europe/Lisbon")
	}
	req.StartTime = timestamppb.New(zone.StartOf(date))
	return nil
}
