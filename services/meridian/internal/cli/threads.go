package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// ThreadsCmd groups the commands about threads.
type ThreadsCmd struct {
	List    ThreadsListCmd    `cmd:"" default:"withargs" help:"List threads."`
	Show    ThreadsShowCmd    `cmd:"" help:"Show a thread and its messages."`
	New     ThreadsNewCmd     `cmd:"" help:"Start a thread, with its first message if one is given."`
	Post    ThreadsPostCmd    `cmd:"" help:"Post a message to a thread."`
	Resolve ThreadsResolveCmd `cmd:"" help:"Resolve a thread."`
}

// ThreadsListCmd lists threads.
type ThreadsListCmd struct {
	Space string `short:"s" help:"Only those of this space (name, id or display name)."`
	State string `help:"Only those in this state: OPEN, RESOLVED or ARCHIVED." enum:"OPEN,RESOLVED,ARCHIVED," default:""`
	Limit int    `help:"How many at most; 0 for all." default:"50"`
}

// Run lists threads.
func (c *ThreadsListCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	var filters []string
	if c.Space != "" {
		space, err := s.space(ctx, c.Space)
		if err != nil {
			return err
		}
		filters = append(filters, "space = "+quoted(space))
	}
	if c.State != "" {
		filters = append(filters, "state = "+c.State)
	}
	threads, err := pages(c.Limit, func(token string, size int32) ([]*threadsv1.Thread, string, error) {
		page, err := s.threads.ListThreads(ctx, &threadsv1.ListThreadsRequest{Parent: s.workspace, Filter: strings.Join(filters, " AND "), PageSize: size, PageToken: token})
		return page.GetThreads(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	spaces, err := s.spaceNames(ctx)
	if err != nil {
		return err
	}
	return s.print(&threadsv1.ListThreadsResponse{Threads: threads}, func(w io.Writer) {
		row(w, "THREAD", "STATE", "MESSAGES", "ACTIVE", "SPACE", "TITLE")
		for _, t := range threads {
			row(w, id(t.GetName()), t.GetState().String(), fmt.Sprint(t.GetLastSequence()), when(t.GetActivityTime()), short(nameOf(spaces, t.GetSpace()), 24), short(t.GetTitle(), 72))
		}
	})
}

// ThreadsShowCmd shows a thread.
type ThreadsShowCmd struct {
	Thread string `arg:"" help:"The thread's name or id."`
	Limit  int    `help:"How many messages at most; 0 for all." default:"0"`
}

// Run shows a thread with its messages.
func (c *ThreadsShowCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.thread(c.Thread)
	if err != nil {
		return err
	}
	thread, err := s.threads.GetThread(ctx, &threadsv1.GetThreadRequest{Name: name})
	if err != nil {
		return err
	}
	messages, err := pages(c.Limit, func(token string, size int32) ([]*threadsv1.Message, string, error) {
		page, err := s.messages.ListMessages(ctx, &threadsv1.ListMessagesRequest{Parent: name, PageSize: size, PageToken: token})
		return page.GetMessages(), page.GetNextPageToken(), err
	})
	if err != nil {
		return err
	}
	if s.json {
		return s.print(&threadsv1.ListMessagesResponse{Messages: messages}, nil)
	}
	names, err := s.memberNames(ctx)
	if err != nil {
		return err
	}
	return showThread(s.streams.Out, thread, messages, names)
}

func showThread(w io.Writer, thread *threadsv1.Thread, messages []*threadsv1.Message, names map[string]string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s, %d messages\n", cell1(thread.GetTitle()), thread.GetState(), thread.GetLastSequence())
	if outcome := thread.GetOutcome(); outcome != "" {
		fmt.Fprintf(&b, "Outcome: %s\n", safe(outcome))
	}
	for _, m := range messages {
		body := safe(m.GetBody())
		if m.GetState() == threadsv1.Message_DELETED {
			body = "(deleted)"
		}
		answers := ""
		if m.GetReplyTo() != "" {
			answers = ", to " + id(m.GetReplyTo())
		}
		fmt.Fprintf(&b, "\n%d. %s, %s%s\n%s\n", m.GetSequence(), cell1(nameOf(names, m.GetAuthor())), clockOf(m.GetCreateTime(), m.GetUtcOffset().AsDuration()), answers, body)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// ThreadsNewCmd starts a thread.
type ThreadsNewCmd struct {
	Space string `short:"s" required:"" help:"The space (name, id or display name)."`
	Title string `short:"t" required:"" help:"The title."`
	Type  string `help:"DISCUSSION, QUESTION, ANNOUNCEMENT or REVIEW." enum:"DISCUSSION,QUESTION,ANNOUNCEMENT,REVIEW" default:"DISCUSSION"`
	Body  string `arg:"" optional:"" help:"The first message, in Markdown; - reads it from standard input."`
}

// Run starts a thread.
func (c *ThreadsNewCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	body, err := textOf(c.Body, streams.In)
	if err != nil {
		return err
	}
	space, err := s.space(ctx, c.Space)
	if err != nil {
		return err
	}
	thread, err := s.threads.CreateThread(ctx, &threadsv1.CreateThreadRequest{
		Parent:    s.workspace,
		Thread:    &threadsv1.Thread{Space: space, Title: c.Title, Type: threadsv1.Thread_Type(threadsv1.Thread_Type_value[c.Type])},
		RequestId: uuid.NewString(),
	})
	if err != nil {
		return err
	}
	if body != "" {
		if _, err := s.post(ctx, thread.GetName(), body, ""); err != nil {
			return fmt.Errorf("thread %s was made, but not its first message: %w", id(thread.GetName()), err)
		}
		if thread, err = s.threads.GetThread(ctx, &threadsv1.GetThreadRequest{Name: thread.GetName()}); err != nil {
			return err
		}
	}
	return s.print(thread, func(w io.Writer) { row(w, thread.GetName()) })
}

// ThreadsPostCmd posts a message.
type ThreadsPostCmd struct {
	Thread  string `arg:"" help:"The thread's name or id."`
	Body    string `arg:"" help:"The message, in Markdown; - reads it from standard input."`
	ReplyTo int64  `help:"The number of the message it answers."`

	Ask     []string      `help:"Whom it asks (names, ids, addresses or handles)."`
	AskTeam string        `help:"The team it asks (name, id or handle)."`
	Kind    string        `help:"What it asks for: REPLY, REVIEW, APPROVE or ACKNOWLEDGE." enum:"REPLY,REVIEW,APPROVE,ACKNOWLEDGE" default:"REPLY"`
	Window  time.Duration `help:"How long they have, in their working time. The workspace's window when not given."`
	Urgency string        `help:"LOW, NORMAL, HIGH or URGENT." enum:"LOW,NORMAL,HIGH,URGENT" default:"NORMAL"`
	Reason  string        `help:"Why it is URGENT: it goes on record."`
}

// Run posts a message.
func (c *ThreadsPostCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.thread(c.Thread)
	if err != nil {
		return err
	}
	body, err := textOf(c.Body, streams.In)
	if err != nil {
		return err
	}
	answers := ""
	if c.ReplyTo != 0 {
		answers = fmt.Sprintf("%s/messages/%d", name, c.ReplyTo)
	}
	draft := &threadsv1.Message{Body: body, ReplyTo: answers, Urgency: urgencyOf(c.Urgency), UrgentReason: c.Reason}
	if draft.Asks, err = c.asks(ctx, s); err != nil {
		return err
	}
	message, err := s.postMessage(ctx, name, draft)
	if err != nil {
		return err
	}
	return s.print(message, func(w io.Writer) { row(w, message.GetName()) })
}

// asks are what the message asks of whom.
func (c *ThreadsPostCmd) asks(ctx context.Context, s *session) ([]*threadsv1.Ask, error) {
	if len(c.Ask) == 0 && c.AskTeam == "" {
		return nil, nil
	}
	ask := &threadsv1.Ask{Kind: threadsv1.Ask_Kind(threadsv1.Ask_Kind_value[c.Kind])}
	for _, given := range c.Ask {
		member, err := s.member(ctx, given)
		if err != nil {
			return nil, err
		}
		ask.Members = append(ask.Members, member)
	}
	if c.AskTeam != "" {
		var err error
		if ask.Team, err = s.team(ctx, c.AskTeam); err != nil {
			return nil, err
		}
	}
	if c.Window > 0 {
		ask.Window = workingWindow(c.Window)
	}
	return []*threadsv1.Ask{ask}, nil
}

func (s *session) post(ctx context.Context, thread, body, replyTo string) (*threadsv1.Message, error) {
	return s.postMessage(ctx, thread, &threadsv1.Message{Body: body, ReplyTo: replyTo})
}

func (s *session) postMessage(ctx context.Context, thread string, draft *threadsv1.Message) (*threadsv1.Message, error) {
	return s.messages.CreateMessage(ctx, &threadsv1.CreateMessageRequest{Parent: thread, Message: draft, RequestId: uuid.NewString()})
}

// ThreadsResolveCmd resolves a thread.
type ThreadsResolveCmd struct {
	Thread  string `arg:"" help:"The thread's name or id."`
	Outcome string `short:"o" help:"What came of it."`
}

// Run resolves a thread.
func (c *ThreadsResolveCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.thread(c.Thread)
	if err != nil {
		return err
	}
	thread, err := s.threads.ResolveThread(ctx, &threadsv1.ResolveThreadRequest{Name: name, Outcome: c.Outcome, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.print(thread, func(w io.Writer) {
		row(w, id(thread.GetName()), thread.GetState().String(), short(thread.GetOutcome(), 100))
	})
}

// textOf is a text given on the command line, or standard input for "-".
func textOf(given string, in io.Reader) (string, error) {
	if given != "-" {
		return given, nil
	}
	data, err := io.ReadAll(io.LimitReader(in, 1<<20))
	if err != nil {
		return "", err
	}
	if len(data) == 1<<20 {
		return "", errors.New("standard input is too long for a message")
	}
	return string(data), nil
}
