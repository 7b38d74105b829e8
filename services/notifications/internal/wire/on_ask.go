package wire

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/eventbus"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/markdown"
)

func onAskOpened(a *app.App) func(context.Context, eventbus.Event[*threadsv1.AskOpened]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.AskOpened]) error {
		ask, err := asking(e.Meta, e.Payload, e.Payload.GetExcerpt())
		if err != nil {
			return err
		}
		ask.UrgentReason = e.Payload.GetUrgentReason()
		return a.OnAskOpened(ctx, ask)
	}
}

func onAskReassigned(a *app.App) func(context.Context, eventbus.Event[*threadsv1.AskReassigned]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.AskReassigned]) error {
		ask, err := asking(e.Meta, e.Payload, e.Payload.GetExcerpt())
		if err != nil {
			return err
		}
		ask.UrgentReason = e.Payload.GetUrgentReason()
		to, err := idOf("to", e.Payload.GetTo())
		if err != nil {
			return err
		}
		return a.OnAskReassigned(ctx, ask, to, markdown.Excerpt(e.Payload.GetComment()))
	}
}

func onAskAnswered(a *app.App) func(context.Context, eventbus.Event[*threadsv1.AskAnswered]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.AskAnswered]) error {
		ask, err := asking(e.Meta, e.Payload, "")
		if err != nil {
			return err
		}
		by, err := idOf("member", e.Payload.GetMember())
		if err != nil {
			return err
		}
		answer, comment := answerOf(e.Payload)
		return a.OnAskAnswered(ctx, ask, by, answer, comment)
	}
}

// answerOf is the message that answered, and what was said: by the one who answered where they were asked themselves, else
// as those for whom they did were answered.
func answerOf(e *threadsv1.AskAnswered) (message, comment string) {
	settled := map[string]bool{e.GetMember(): true}
	for _, name := range e.GetSettledMembers() {
		settled[name] = true
	}
	for _, r := range e.GetAsk().GetRecipients() {
		if !settled[r.GetMember()] || r.GetState() != threadsv1.AskRecipient_ANSWERED {
			continue
		}
		if message == "" || r.GetMember() == e.GetMember() {
			message, comment = r.GetAnswerMessage(), markdown.Excerpt(r.GetComment())
		}
	}
	return message, comment
}

func onAskDeclined(a *app.App) func(context.Context, eventbus.Event[*threadsv1.AskDeclined]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.AskDeclined]) error {
		ask, err := asking(e.Meta, e.Payload, "")
		if err != nil {
			return err
		}
		by, err := idOf("member", e.Payload.GetMember())
		if err != nil {
			return err
		}
		return a.OnAskDeclined(ctx, ask, by, markdown.Excerpt(e.Payload.GetReason()))
	}
}

func onAskOverdue(a *app.App) func(context.Context, eventbus.Event[*threadsv1.AskOverdue]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.AskOverdue]) error {
		ask, err := asking(e.Meta, e.Payload, "")
		if err != nil {
			return err
		}
		ask.UrgentReason = e.Payload.GetUrgentReason()
		members, err := idsOf("members", e.Payload.GetMembers())
		if err != nil {
			return err
		}
		return a.OnAskOverdue(ctx, ask, members)
	}
}

func onAskDueChanged(a *app.App) func(context.Context, eventbus.Event[*threadsv1.AskDueChanged]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.AskDueChanged]) error {
		ask, err := asking(e.Meta, e.Payload, "")
		if err != nil {
			return err
		}
		members, err := idsOf("members", e.Payload.GetMembers())
		if err != nil {
			return err
		}
		return a.OnAskDueChanged(ctx, ask, members)
	}
}

func onAskWithdrawn(a *app.App) func(context.Context, eventbus.Event[*threadsv1.AskWithdrawn]) error {
	return func(ctx context.Context, e eventbus.Event[*threadsv1.AskWithdrawn]) error {
		ask, err := asking(e.Meta, e.Payload, "")
		if err != nil {
			return err
		}
		return a.OnAskChanged(ctx, ask)
	}
}

// askEvent is what events of an ask have in common.
type askEvent interface {
	GetAsk() *threadsv1.Ask
	GetSpace() string
	GetThreadTitle() string
}

func asking(meta eventbus.Meta, e askEvent, text string) (domain.Asking, error) {
	h, err := happening(meta, e.GetSpace())
	if err != nil {
		return domain.Asking{}, err
	}
	ask := e.GetAsk()
	if err := errors.Join(eventbus.Known("ask.kind", ask.GetKind()), eventbus.Known("ask.urgency", ask.GetUrgency())); err != nil {
		return domain.Asking{}, err
	}
	h.Source, h.Context, h.Message = ask.GetName(), ask.GetThread(), ask.GetMessage()
	h.Title, h.Excerpt = e.GetThreadTitle(), markdown.Excerpt(text)
	out := domain.Asking{Happening: h, Kind: ask.GetKind().String(), Urgency: domain.Given(int32(ask.GetUrgency()))}
	if out.Asker, err = idOf("ask.asker", ask.GetAsker()); err != nil {
		return out, err
	}
	asked := map[uuid.UUID]bool{}
	for _, r := range ask.GetRecipients() {
		w, err := waitOf(r)
		if err != nil {
			return out, err
		}
		asked[w.Member] = true
		out.Waits = append(out.Waits, w)
		if r.GetOfTeam() {
			out.OfTeam = append(out.OfTeam, w.Member)
		}
	}
	return acted(out, ask.GetRecipients(), asked)
}

// acted adds those who act for who was asked: the ask waits for them too, unless they are asked themselves, as long as it
// waits for one for whom they act.
func acted(out domain.Asking, recipients []*threadsv1.AskRecipient, asked map[uuid.UUID]bool) (domain.Asking, error) {
	out.Acting = map[uuid.UUID]uuid.UUID{}
	at := map[uuid.UUID]int{}
	for i, r := range recipients {
		delegate, err := optionalID("ask.recipients.delegate", r.GetDelegate())
		if err != nil {
			return out, err
		}
		if delegate == uuid.Nil || asked[delegate] {
			continue
		}
		w := out.Waits[i]
		if w.Waiting {
			out.Acting[w.Member] = delegate
		}
		w.Member = delegate
		known, met := at[delegate]
		switch {
		case !met:
			at[delegate] = len(out.Waits)
			out.Waits = append(out.Waits, w)
		case w.Waiting && !out.Waits[known].Waiting:
			out.Waits[known] = w
		}
	}
	return out, nil
}

func waitOf(r *threadsv1.AskRecipient) (domain.Wait, error) {
	member, err := idOf("ask.recipients.member", r.GetMember())
	if err != nil {
		return domain.Wait{}, err
	}
	if err := eventbus.Known("ask.recipients.state", r.GetState()); err != nil {
		return domain.Wait{}, err
	}
	w := domain.Wait{Member: member, Due: instant(r.GetDueTime()), Remind: instant(r.GetRemindTime())}
	switch r.GetState() {
	case threadsv1.AskRecipient_ANSWERED:
		w.Settled = "answered"
		if by, err := optionalID("answered_by", r.GetAnsweredBy()); err == nil && by != uuid.Nil && by != member {
			w.Settled = "answered by another"
		}
	case threadsv1.AskRecipient_DECLINED:
		w.Settled = "declined"
	case threadsv1.AskRecipient_REASSIGNED:
		w.Settled = "reassigned"
	case threadsv1.AskRecipient_WITHDRAWN:
		w.Settled = "withdrawn"
	case threadsv1.AskRecipient_OPEN, threadsv1.AskRecipient_OVERDUE, threadsv1.AskRecipient_STATE_UNSPECIFIED:
		w.Waiting = true
	}
	return w, nil
}
