package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// AvailabilityDelegateCmd has somebody act for a member.
type AvailabilityDelegateCmd struct {
	Member   string   `arg:"" help:"Who is acted for (name, id, address or handle), or me."`
	Delegate string   `arg:"" help:"Who acts for them."`
	For      []string `help:"ASKS, APPROVALS, HANDOFFS or DUTY." enum:"ASKS,APPROVALS,HANDOFFS,DUTY" default:"ASKS"`
	Off      string   `help:"The name of a time off in the place of times: while that counts." placeholder:"NAME"`
	From     string   `help:"The first instant, such as 2026-12-01T09:00:00Z. Now when not given." placeholder:"TIME"`
	Until    string   `help:"The first instant after it. For ever when not given." placeholder:"TIME"`
}

// Run makes the delegation.
func (c *AvailabilityDelegateCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	d := &availabilityv1.Delegation{TimeOff: c.Off}
	for _, kind := range c.For {
		d.Kinds = append(d.Kinds, availabilityv1.Delegation_Kind(availabilityv1.Delegation_Kind_value[kind]))
	}
	if d.StartTime, err = instantFrom("--from", c.From); err != nil {
		return err
	}
	if d.EndTime, err = instantFrom("--until", c.Until); err != nil {
		return err
	}
	member, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	if d.Delegate, err = s.member(ctx, c.Delegate); err != nil {
		return err
	}
	made, err := s.delegations.CreateDelegation(ctx, &availabilityv1.CreateDelegationRequest{
		Parent: member, Delegation: d, RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) { row(w, made.GetName(), strings.Join(c.For, ",")) })
}

// instantFrom reads an instant; nil for none.
func instantFrom(what, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // no instant is the answer, and no failure
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, fmt.Errorf("%s must be a time such as 2026-12-01T09:00:00Z", what)
	}
	return timestamppb.New(at), nil
}

// AvailabilityRequestsCmd lists the requests for time off that wait for one's approval.
type AvailabilityRequestsCmd struct{}

// Run lists them.
func (c *AvailabilityRequestsCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	names, err := s.memberNames(ctx)
	if err != nil {
		return err
	}
	waiting, err := pages(0, func(token string, size int32) ([]*availabilityv1.TimeOff, string, error) {
		page, err := s.timeOffs.ListTimeOffRequests(ctx, &availabilityv1.ListTimeOffRequestsRequest{Parent: s.workspace, PageSize: size, PageToken: token})
		return page.GetTimeOffs(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	return s.print(&availabilityv1.ListTimeOffRequestsResponse{TimeOffs: waiting}, func(w io.Writer) {
		for _, t := range waiting {
			member, _, _ := strings.Cut(t.GetName(), "/timeOffs/")
			row(w, t.GetName(), safe(names[member]), t.GetKind().String(), offWords(t), safe(t.GetNote()))
		}
	})
}

// offWords says when a time off is.
func offWords(t *availabilityv1.TimeOff) string {
	if first, last := t.GetStartDate(), t.GetEndDate(); first != nil {
		return fmt.Sprintf("%04d-%02d-%02d to %04d-%02d-%02d",
			first.GetYear(), first.GetMonth(), first.GetDay(), last.GetYear(), last.GetMonth(), last.GetDay())
	}
	return inZone(t.GetStartTime(), "UTC") + " to " + inZone(t.GetEndTime(), "UTC")
}

// AvailabilityApproveCmd approves a request for time off.
type AvailabilityApproveCmd struct {
	Name string `arg:"" help:"The name of the request, as 'meridian availability requests' shows it."`
}

// Run approves it.
func (c *AvailabilityApproveCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	return s.decided(s.timeOffs.ApproveTimeOff(ctx, &availabilityv1.ApproveTimeOffRequest{Name: c.Name, RequestId: uuid.NewString()}))
}

// AvailabilityDeclineCmd declines a request for time off.
type AvailabilityDeclineCmd struct {
	Name   string `arg:"" help:"The name of the request, as 'meridian availability requests' shows it."`
	Reason string `arg:"" help:"Why."`
}

// Run declines it.
func (c *AvailabilityDeclineCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	return s.decided(s.timeOffs.DeclineTimeOff(ctx, &availabilityv1.DeclineTimeOffRequest{
		Name: c.Name, Reason: c.Reason, RequestId: uuid.NewString(),
	}))
}

func (s *session) decided(t *availabilityv1.TimeOff, err error) error {
	if err != nil {
		return err
	}
	return s.print(t, func(w io.Writer) { row(w, id(t.GetName()), t.GetState().String(), offWords(t)) })
}
