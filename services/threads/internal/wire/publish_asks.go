package wire

import (
	"fmt"
	"slices"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
	"github.com/meridianhq/meridian/services/threads/internal/resource"
)

// What an event tells of an ask is bounded, so that the outbox takes it whatever was asked of how many: at most
// outbox.MaxSize, of which the body of a message alone may take a third.
const (
	// shownRecipients is up to how many recipients an ask's event shows all.
	shownRecipients = 200
	// shownComments is up to how many bytes of comments an ask's event shows all.
	shownComments = 32 << 10
	// shownInMessage is up to how many recipients the event of a message that changed shows those of its asks, and
	// commentsInMessage up to how many bytes their comments.
	shownInMessage    = 100
	commentsInMessage = 8 << 10
)

func askPayloadOf(event domain.Event) (proto.Message, error) {
	switch e := event.(type) {
	case domain.AskOpened:
		return &threadsv1.AskOpened{
			Ask: resource.Ask(e.Ask), Space: askSpace(e.Ask), ThreadTitle: e.Ask.Title, Excerpt: e.Excerpt,
			UrgentReason: e.UrgentReason,
		}, nil
	case domain.AskAnswered:
		return &threadsv1.AskAnswered{
			Ask: shown(e.Ask, e.Settled), Space: askSpace(e.Ask), ThreadTitle: e.Ask.Title,
			Member: domain.MemberName(e.Ask.Workspace, e.Member), SettledMembers: members(e.Ask, e.Settled),
		}, nil
	case domain.AskDeclined:
		return &threadsv1.AskDeclined{
			Ask: shown(e.Ask, []uuid.UUID{e.Member}), Space: askSpace(e.Ask), ThreadTitle: e.Ask.Title,
			Member: domain.MemberName(e.Ask.Workspace, e.Member), Reason: e.Reason,
		}, nil
	case domain.AskReassigned:
		return &threadsv1.AskReassigned{
			Ask: shown(e.Ask, []uuid.UUID{e.Member, e.To}), Space: askSpace(e.Ask), ThreadTitle: e.Ask.Title,
			Member: domain.MemberName(e.Ask.Workspace, e.Member), To: domain.MemberName(e.Ask.Workspace, e.To),
			Comment: e.Comment, Excerpt: e.Excerpt,
		}, nil
	default:
		return timedPayloadOf(event)
	}
}

func timedPayloadOf(event domain.Event) (proto.Message, error) {
	switch e := event.(type) {
	case domain.AskDueChanged:
		return &threadsv1.AskDueChanged{
			Ask: shown(e.Ask, e.Members), Space: askSpace(e.Ask), ThreadTitle: e.Ask.Title, Members: members(e.Ask, e.Members),
		}, nil
	case domain.AskOverdue:
		return &threadsv1.AskOverdue{
			Ask: shown(e.Ask, e.Members), Space: askSpace(e.Ask), ThreadTitle: e.Ask.Title, Members: members(e.Ask, e.Members),
		}, nil
	case domain.AskWithdrawn:
		return &threadsv1.AskWithdrawn{
			Ask: shown(e.Ask, e.Members), Space: askSpace(e.Ask), ThreadTitle: e.Ask.Title, Members: members(e.Ask, e.Members),
		}, nil
	case domain.UrgentUsed:
		m := e.Message
		return &threadsv1.UrgentUsed{
			Message: domain.MessageName(m.Workspace, m.Thread, m.Sequence), Member: domain.MemberName(m.Workspace, m.Author),
			Reason: m.UrgentReason, Version: 1,
		}, nil
	default:
		return nil, fmt.Errorf("wire: the event %T has no message", event)
	}
}

// shown is an ask as its event tells it: of very many recipients those alone whom the event is about, and of very long
// comments theirs. For whom another answered then, the reply stands at the one who did.
func shown(a domain.Ask, about []uuid.UUID) *threadsv1.Ask {
	due := a.Due()
	a.Recipients = slices.Clone(a.Recipients)
	concerned := func(r domain.Recipient) bool { return slices.Contains(about, r.Member) }
	if commentsOf(a) > shownComments {
		for i, r := range a.Recipients {
			if !concerned(r) {
				a.Recipients[i].Comment = ""
			}
		}
	}
	if len(a.Recipients) > shownRecipients {
		a.Recipients = slices.DeleteFunc(a.Recipients, func(r domain.Recipient) bool { return !concerned(r) })
		for i, r := range a.Recipients {
			if r.AnsweredBy != r.Member {
				a.Recipients[i].Answer = 0
			}
		}
	}
	out := resource.Ask(a)
	out.DueTime = resource.Time(due) // of all whom it waits for, not of those shown
	return out
}

// bounded leaves out of a message that changed what its asks hold beyond what its event has room for.
func bounded(m *threadsv1.Message) *threadsv1.Message {
	var recipients, comments int
	for _, a := range m.GetAsks() {
		recipients += len(a.GetRecipients())
		for _, r := range a.GetRecipients() {
			comments += len(r.GetComment())
		}
	}
	for _, a := range m.GetAsks() {
		if recipients > shownInMessage {
			a.Recipients = nil
		}
		for _, r := range a.GetRecipients() {
			if comments > commentsInMessage {
				r.Comment = ""
			}
		}
	}
	return m
}

func commentsOf(a domain.Ask) int {
	n := 0
	for _, r := range a.Recipients {
		n += len(r.Comment)
	}
	return n
}

func askSpace(a domain.Ask) string { return domain.SpaceName(a.Workspace, a.Space) }

func members(a domain.Ask, ids []uuid.UUID) []string {
	names := make([]string, len(ids))
	for i, id := range ids {
		names[i] = domain.MemberName(a.Workspace, id)
	}
	return names
}
