package wire

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/markdown"
)

func onMessagePosted(a *app.App) func(context.Context, eventbus.Event[*threadsv1.MessagePosted]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.MessagePosted]) error {
		p := e.Payload
		if p.GetImported() || len(p.GetMessage().GetMentions()) == 0 {
			return nil
		}
		m, err := mentioning(e.Meta, p, p.GetMessage().GetMentions())
		if err != nil {
			return err
		}
		return a.OnMentioned(ctx, m)
	}
}

func onMessageEdited(a *app.App) func(context.Context, eventbus.Event[*threadsv1.MessageEdited]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.MessageEdited]) error {
		p := e.Payload
		if p.GetMessage().GetImported() || len(p.GetAddedMentions()) == 0 {
			return nil
		}
		m, err := mentioning(e.Meta, p, p.GetAddedMentions())
		if err != nil {
			return err
		}
		// The glass is broken by posting, which asks who may and is audited. An edit does neither.
		if m.Urgency == domain.Urgent {
			m.Urgency, m.UrgentReason = domain.High, ""
		}
		return a.OnMentioned(ctx, m)
	}
}

func onMessageDeleted(a *app.App) func(context.Context, eventbus.Event[*threadsv1.MessageDeleted]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.MessageDeleted]) error {
		return a.OnMessageDeleted(ctx, e.Workspace, e.Payload.GetMessage().GetName())
	}
}

// about is what events that mention people have in common.
type about interface {
	GetMessage() *threadsv1.Message
	GetThread() string
	GetSpace() string
	GetThreadTitle() string
}

func mentioning(meta eventbus.Meta, e about, mentions []string) (domain.Mentioning, error) {
	h, err := happening(meta, e.GetSpace())
	if err != nil {
		return domain.Mentioning{}, err
	}
	message := e.GetMessage()
	if err := eventbus.Known("message.urgency", message.GetUrgency()); err != nil {
		return domain.Mentioning{}, err
	}
	h.Source, h.Message, h.Context = message.GetName(), message.GetName(), e.GetThread()
	h.Title, h.Excerpt = e.GetThreadTitle(), markdown.Excerpt(message.GetBody())
	m := domain.Mentioning{Happening: h, Urgency: domain.Given(int32(message.GetUrgency())), UrgentReason: message.GetUrgentReason()}
	if m.Author, err = idOf("message.author", message.GetAuthor()); err != nil {
		return m, err
	}
	if m.Members, m.Teams, err = parted("mentions", mentions); err != nil {
		return m, err
	}
	for _, ask := range message.GetAsks() {
		names := ask.GetMembers()
		for _, r := range ask.GetRecipients() {
			names = append(names, r.GetMember())
		}
		if ask.GetTeam() != "" {
			names = append(names, ask.GetTeam())
		}
		members, teams, err := parted("asks", names)
		if err != nil {
			return m, err
		}
		m.AskedMembers, m.AskedTeams = append(m.AskedMembers, members...), append(m.AskedTeams, teams...)
	}
	return m, nil
}

// parted parts names into members and teams.
func parted(field string, names []string) (members, teams []uuid.UUID, err error) {
	for _, name := range names {
		id, err := idOf(field, name)
		if err != nil {
			return nil, nil, err
		}
		if strings.Contains(name, "/teams/") {
			teams = append(teams, id)
			continue
		}
		members = append(members, id)
	}
	return members, teams, nil
}
