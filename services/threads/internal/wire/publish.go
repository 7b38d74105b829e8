package wire

import (
	"context"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/outbox"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

// Service is the service's name in events.
const Service = "threads"

// Encoder makes the outbox's messages of domain events, under the installation's host name.
func Encoder(host string) func(ctx context.Context, at time.Time, actor string, event domain.Event) (outbox.Message, error) {
	return func(ctx context.Context, at time.Time, actor string, event domain.Event) (outbox.Message, error) {
		payload, err := payloadOf(event)
		if err != nil {
			return outbox.Message{}, err
		}
		return eventbus.Encode(ctx, host, Service, at, actor, payload)
	}
}

func payloadOf(event domain.Event) (proto.Message, error) {
	switch e := event.(type) {
	case domain.ThreadCreated:
		return &threadsv1.ThreadCreated{Thread: resource.Thread(e.Thread)}, nil
	case domain.ThreadUpdated:
		return &threadsv1.ThreadUpdated{Thread: resource.Thread(e.Thread), Changed: &fieldmaskpb.FieldMask{Paths: e.Changed}}, nil
	case domain.ThreadResolved:
		return &threadsv1.ThreadResolved{Thread: resource.Thread(e.Thread)}, nil
	case domain.ThreadReopened:
		return &threadsv1.ThreadReopened{
			Thread: resource.Thread(e.Thread), PreviousState: resource.State(e.PreviousState), PreviousOutcome: e.PreviousOutcome,
			Message: domain.MessageName(e.Thread.Workspace, e.Thread.ID, e.Message),
		}, nil
	case domain.ThreadArchived:
		return &threadsv1.ThreadArchived{Thread: resource.Thread(e.Thread), PreviousState: resource.State(e.PreviousState)}, nil
	default:
		return messagePayloadOf(event)
	}
}

func messagePayloadOf(event domain.Event) (proto.Message, error) {
	switch e := event.(type) {
	case domain.MessagePosted:
		return &threadsv1.MessagePosted{
			Message: impersonal(e.Message), Thread: thread(e.Thread), Space: space(e.Thread),
			ThreadVersion: e.Thread.Version, Imported: e.Message.Imported, ThreadTitle: e.Thread.Title,
		}, nil
	case domain.MessageEdited:
		return &threadsv1.MessageEdited{
			Message: bounded(impersonal(e.Message)), Thread: thread(e.Thread), Space: space(e.Thread),
			ThreadVersion: e.Thread.Version, AddedMentions: resource.Mentions(e.Thread.Workspace, e.Added), ThreadTitle: e.Thread.Title,
		}, nil
	case domain.MessageDeleted:
		return &threadsv1.MessageDeleted{
			Message: impersonal(e.Message), Thread: thread(e.Thread), Space: space(e.Thread),
			ThreadVersion: e.Thread.Version,
		}, nil
	case domain.ReactionAdded:
		return &threadsv1.ReactionAdded{
			Message: domain.MessageName(e.Message.Workspace, e.Message.Thread, e.Message.Sequence),
			Thread:  thread(e.Thread), Space: space(e.Thread), ThreadVersion: e.Thread.Version,
			Member: domain.MemberName(e.Thread.Workspace, e.Member), Emoji: e.Emoji, Count: int32(e.Count),
			Author: domain.MemberName(e.Thread.Workspace, e.Message.Author),
		}, nil
	case domain.ReactionRemoved:
		return &threadsv1.ReactionRemoved{
			Message: domain.MessageName(e.Message.Workspace, e.Message.Thread, e.Message.Sequence),
			Thread:  thread(e.Thread), Space: space(e.Thread), ThreadVersion: e.Thread.Version,
			Member: domain.MemberName(e.Thread.Workspace, e.Member), Emoji: e.Emoji, Count: int32(e.Count),
			Author: domain.MemberName(e.Thread.Workspace, e.Message.Author),
		}, nil
	case domain.ReadStateChanged:
		r := e.ReadState
		return &threadsv1.ReadStateChanged{
			ReadState: resource.ReadState(r), Member: domain.MemberName(r.Workspace, r.Member),
			Aggregate: domain.ThreadName(r.Workspace, r.Thread) + "/readStates/" + r.Member.String(),
		}, nil
	default:
		return askPayloadOf(event)
	}
}

// impersonal is the message as everybody sees it: an event has no caller.
func impersonal(m domain.Message) *threadsv1.Message {
	out := resource.Message(m)
	for _, r := range out.GetReactions() {
		r.ReactedByMe = false
	}
	return out
}

func thread(t domain.Thread) string { return domain.ThreadName(t.Workspace, t.ID) }

func space(t domain.Thread) string { return domain.SpaceName(t.Workspace, t.Space) }
