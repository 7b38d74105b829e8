package wire

import (
	"context"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/app"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

func onMessagePosted(a *app.App) func(context.Context, []eventbus.Event[*threadsv1.MessagePosted]) error {
	return func(ctx context.Context, events []eventbus.Event[*threadsv1.MessagePosted]) error {
		posts := make([]app.Posted, len(events))
		for i, e := range events {
			var err error
			if posts[i], err = postedFrom(e.Workspace, e.Payload); err != nil {
				return err
			}
			posts[i].Because = e.Because
		}
		return a.OnPosted(ctx, posts...)
	}
}

// messageFrom reads the message that an event carries, as far as reactions need it: reactions to it are left out.
func messageFrom(ws uuid.UUID, thread string, m *threadsv1.Message) (domain.Message, error) {
	out := domain.Message{
		Workspace: ws, Sequence: m.GetSequence(), Body: m.GetBody(), Version: m.GetVersion(),
		CreateTime: m.GetCreateTime().AsTime(), Imported: m.GetImported(), ExternalID: m.GetExternalId(),
	}
	if m.GetDeleteTime() != nil {
		out.DeleteTime = m.GetDeleteTime().AsTime()
	}
	var err error
	if out.Thread, err = idOf("thread", thread); err != nil {
		return out, err
	}
	if out.Author, err = idOf("message.author", m.GetAuthor()); err != nil {
		return out, err
	}
	out.Mentions, err = mentionsFrom("message.mentions", m.GetMentions())
	return out, err
}

func mentionsFrom(field string, names []string) ([]domain.Mention, error) {
	mentions := make([]domain.Mention, 0, len(names))
	for i, name := range names {
		id, err := idOf(field+"["+strconv.Itoa(i)+"]", name)
		if err != nil {
			return nil, err
		}
		mentions = append(mentions, domain.Mention{ID: id, Team: isTeam(name)})
	}
	return mentions, nil
}

// idOf is the UUID at the end of a name in an event.
func idOf(field, name string) (uuid.UUID, error) {
	id, err := uuid.Parse(domain.LastID(name))
	if err != nil {
		return uuid.Nil, fault.InvalidField(field, "must end with a UUID")
	}
	return id, nil
}

func isTeam(name string) bool { return strings.Contains(name, "/teams/") }
