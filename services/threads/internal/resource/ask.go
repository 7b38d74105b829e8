package resource

import (
	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/workingtime"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/threads/internal/domain"
)

// Ask is the resource of an ask, as it stands At an instant.
func Ask(a domain.Ask) *threadsv1.Ask {
	out := &threadsv1.Ask{
		Name: a.Name(), Uid: a.ID.String(), Message: domain.MessageName(a.Workspace, a.Thread, a.Sequence),
		Thread: domain.ThreadName(a.Workspace, a.Thread), Asker: domain.MemberName(a.Workspace, a.Asker),
		Kind: threadsv1.Ask_Kind(threadsv1.Ask_Kind_value[string(a.Kind)]), Team: domain.TeamName(a.Workspace, a.Team),
		Everyone: a.Everyone, Window: workingtime.Proto(a.Window), Urgency: Urgency(a.Urgency),
		State: threadsv1.Ask_State(threadsv1.Ask_State_value[string(a.State)]), DueTime: Time(a.Due()),
		Etag: etag.Of(a.Version), Version: a.Version, CreateTime: Time(a.CreateTime),
		UpdateTime: Time(a.UpdateTime), WithdrawReason: a.WithdrawReason,
	}
	for _, id := range a.Members {
		out.Members = append(out.Members, domain.MemberName(a.Workspace, id))
	}
	for _, r := range a.Recipients {
		out.Recipients = append(out.Recipients, recipient(a, r))
	}
	return out
}

func recipient(a domain.Ask, r domain.Recipient) *threadsv1.AskRecipient {
	return &threadsv1.AskRecipient{
		Member:  domain.MemberName(a.Workspace, r.Member),
		State:   threadsv1.AskRecipient_State(threadsv1.AskRecipient_State_value[string(r.State)]),
		DueTime: Time(r.Due), RemindTime: Time(r.Remind), DueReason: availabilityv1.Deadline_Reason(r.Reason),
		AnswerMessage: domain.MessageName(a.Workspace, a.Thread, r.Answer), Comment: r.Comment,
		AnsweredBy:     domain.MemberName(a.Workspace, r.AnsweredBy),
		Delegate:       domain.MemberName(a.Workspace, r.Delegate),
		ReassignedTo:   domain.MemberName(a.Workspace, r.To),
		ReassignedFrom: domain.MemberName(a.Workspace, r.From), OfTeam: r.OfTeam, UpdateTime: Time(r.UpdateTime),
	}
}

// Asks are the resources of asks.
func Asks(all []domain.Ask) []*threadsv1.Ask {
	var out []*threadsv1.Ask
	for _, a := range all {
		out = append(out, Ask(a))
	}
	return out
}

// Urgency is the API's word of an urgency.
func Urgency(u domain.Urgency) notificationsv1.Notification_Urgency {
	return notificationsv1.Notification_Urgency(u)
}
