package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
)

// HandoffCmd groups the commands about passing batons on.
type HandoffCmd struct {
	List     HandoffListCmd     `cmd:"" default:"withargs" help:"List the offers to you."`
	Offer    HandoffOfferCmd    `cmd:"" help:"Offer a task's baton to a member, a team, or the best of a team."`
	Draft    HandoffDraftCmd    `cmd:"" help:"Draft the note from what happened on the task."`
	Accept   HandoffAcceptCmd   `cmd:"" help:"Take a baton."`
	Decline  HandoffDeclineCmd  `cmd:"" help:"Refuse a baton, with a reason."`
	Withdraw HandoffWithdrawCmd `cmd:"" help:"Take an offer back."`
}

// HandoffListCmd lists handoffs.
type HandoffListCmd struct {
	Task  string `help:"Those of this task (key, name or id) instead, whoever they are to."`
	Given bool   `help:"Those that you offer instead."`
	State string `help:"OFFERED, ACCEPTED, DECLINED, WITHDRAWN or EXPIRED." enum:"OFFERED,ACCEPTED,DECLINED,WITHDRAWN,EXPIRED," default:""`
	Limit int    `help:"How many at most; 0 for all." default:"50"`
}

// Run lists handoffs.
func (c *HandoffListCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	var filters []string
	switch {
	case c.Task != "":
		t, err := s.task(ctx, c.Task)
		if err != nil {
			return err
		}
		filters = append(filters, "task = "+quoted(t.GetName()))
	case c.Given:
		filters = append(filters, `giver = "me"`)
	default:
		filters = append(filters, `recipient = "me"`)
	}
	if c.State != "" {
		filters = append(filters, "state = "+c.State)
	}
	found, err := pages(c.Limit, func(token string, size int32) ([]*tasksv1.Handoff, string, error) {
		page, err := s.handoffs.ListHandoffs(ctx, &tasksv1.ListHandoffsRequest{Parent: s.workspace, Filter: strings.Join(filters, " AND "), PageSize: size, PageToken: token})
		return page.GetHandoffs(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	names, err := s.memberNames(ctx)
	if err != nil {
		return err
	}
	return s.print(&tasksv1.ListHandoffsResponse{Handoffs: found}, func(w io.Writer) {
		row(w, "HANDOFF", "TASK", "STATE", "FROM", "TO", "EXPIRES", "NEXT STEPS")
		for _, h := range found {
			row(w, id(h.GetName()), h.GetTaskKey(), h.GetState().String(), nameOf(names, h.GetGiver()), receiverOf(h, names), when(h.GetExpireTime()), short(h.GetNote().GetNextSteps(), 72))
		}
	})
}

func receiverOf(h *tasksv1.Handoff, names map[string]string) string {
	switch {
	case h.GetRecipient() != "":
		return nameOf(names, h.GetRecipient())
	case h.GetRoute() == tasksv1.Handoff_AUTO:
		return "being routed"
	}
	return "team " + id(h.GetTeam())
}

// HandoffOfferCmd offers a baton.
type HandoffOfferCmd struct {
	Task     string        `arg:"" help:"The task's key, name or id."`
	To       string        `help:"The member (name, id, address or handle)." xor:"to"`
	Team     string        `help:"The team (name, id or handle): the first to accept holds it." xor:"to"`
	Auto     string        `help:"The team (name, id or handle) whose best candidate is found." xor:"to"`
	Next     string        `help:"What is next, in Markdown. Without it, the drafted note is offered."`
	Done     string        `help:"What is done, in Markdown."`
	Blockers string        `help:"What blocks it."`
	Question []string      `help:"Open questions."`
	Link     []string      `help:"Where things are."`
	Window   time.Duration `help:"How long the receiver has, in their working time. 4h when not given."`
}

// Run offers a baton.
func (c *HandoffOfferCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	t, err := s.task(ctx, c.Task)
	if err != nil {
		return err
	}
	req := &tasksv1.HandOffRequest{Name: t.GetName(), RequestId: uuid.NewString(), Note: &tasksv1.HandoffNote{
		Done: c.Done, NextSteps: c.Next, Blockers: c.Blockers, Questions: c.Question, Links: c.Link,
	}}
	if c.Next == "" {
		draft, err := s.handoffs.GetHandoffDraft(ctx, &tasksv1.GetHandoffDraftRequest{Name: t.GetName() + "/handoffDraft"})
		if err != nil {
			return err
		}
		req.Note = draft.GetNote()
	}
	if c.Window > 0 {
		req.Window = workingWindow(c.Window)
	}
	if err := c.receiver(ctx, s, req); err != nil {
		return err
	}
	made, err := s.handoffs.HandOff(ctx, req)
	if err != nil {
		return err
	}
	return s.printHandoff(made)
}

func (c *HandoffOfferCmd) receiver(ctx context.Context, s *session, req *tasksv1.HandOffRequest) (err error) {
	switch {
	case c.To != "":
		req.Recipient, err = s.member(ctx, c.To)
	case c.Team != "":
		req.Team, err = s.team(ctx, c.Team)
	case c.Auto != "":
		req.AutoTeam, err = s.team(ctx, c.Auto)
	default:
		err = errors.New("say to whom: --to, --team or --auto")
	}
	return err
}

func (s *session) printHandoff(h *tasksv1.Handoff) error {
	return s.print(h, func(w io.Writer) {
		row(w, id(h.GetName()), h.GetTaskKey(), h.GetState().String(), "expires "+when(h.GetExpireTime()), short(h.GetTaskTitle(), 60))
	})
}

// HandoffDraftCmd drafts a note.
type HandoffDraftCmd struct {
	Task string `arg:"" help:"The task's key, name or id."`
}

// Run drafts a note.
func (c *HandoffDraftCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	t, err := s.task(ctx, c.Task)
	if err != nil {
		return err
	}
	draft, err := s.handoffs.GetHandoffDraft(ctx, &tasksv1.GetHandoffDraftRequest{Name: t.GetName() + "/handoffDraft"})
	if err != nil {
		return err
	}
	return s.print(draft, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Done:\n%s\n\nNext:\n%s\n", safe(draft.GetNote().GetDone()), safe(draft.GetNote().GetNextSteps()))
	})
}

// handoff finds a handoff by name or id, or as the open offer of a task given by its key.
func (s *session) handoff(ctx context.Context, given string) (string, error) {
	if name, ok := s.named("handoffs", given); ok {
		return name, nil
	}
	t, err := s.task(ctx, given)
	if err != nil {
		return "", err
	}
	if t.GetOpenHandoff() == "" {
		return "", status.Errorf(codes.NotFound, "%s has no open offer", t.GetKey())
	}
	return t.GetOpenHandoff(), nil
}

func onHandoff(ctx context.Context, client *Client, streams Streams, given string, do func(s *session, name string) (*tasksv1.Handoff, error)) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.handoff(ctx, given)
	if err != nil {
		return err
	}
	h, err := do(s, name)
	if err != nil {
		return err
	}
	return s.printHandoff(h)
}

// HandoffAcceptCmd accepts an offer.
type HandoffAcceptCmd struct {
	Handoff string `arg:"" help:"The handoff's name or id, or the task's key."`
}

// Run accepts an offer.
func (c *HandoffAcceptCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	return onHandoff(ctx, client, streams, c.Handoff, func(s *session, name string) (*tasksv1.Handoff, error) {
		return s.handoffs.AcceptHandoff(ctx, &tasksv1.AcceptHandoffRequest{Name: name, RequestId: uuid.NewString()})
	})
}

// HandoffDeclineCmd declines an offer.
type HandoffDeclineCmd struct {
	Handoff string `arg:"" help:"The handoff's name or id, or the task's key."`
	Reason  string `arg:"" help:"Why."`
}

// Run declines an offer.
func (c *HandoffDeclineCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	return onHandoff(ctx, client, streams, c.Handoff, func(s *session, name string) (*tasksv1.Handoff, error) {
		return s.handoffs.DeclineHandoff(ctx, &tasksv1.DeclineHandoffRequest{Name: name, Reason: c.Reason, RequestId: uuid.NewString()})
	})
}

// HandoffWithdrawCmd withdraws an offer.
type HandoffWithdrawCmd struct {
	Handoff string `arg:"" help:"The handoff's name or id, or the task's key."`
	Reason  string `help:"Why."`
}

// Run withdraws an offer.
func (c *HandoffWithdrawCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	return onHandoff(ctx, client, streams, c.Handoff, func(s *session, name string) (*tasksv1.Handoff, error) {
		return s.handoffs.WithdrawHandoff(ctx, &tasksv1.WithdrawHandoffRequest{Name: name, Reason: c.Reason, RequestId: uuid.NewString()})
	})
}
