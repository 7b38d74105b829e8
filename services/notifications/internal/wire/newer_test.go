package wire

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// An event that says what this version does not know is left to a newer one, and read as nothing else.
func TestWhatIsNotKnownIsLeftToANewerVersion(t *testing.T) {
	t.Parallel()
	const unknown = 99
	space := "workspaces/" + uuid.NewString() + "/spaces/" + uuid.NewString()
	member := "workspaces/" + uuid.NewString() + "/members/" + uuid.NewString()
	ask := func(change func(*threadsv1.Ask)) error {
		a := &threadsv1.Ask{Asker: member, Recipients: []*threadsv1.AskRecipient{{Member: member}}}
		change(a)
		_, err := asking(eventbus.Meta{}, &threadsv1.AskOpened{Ask: a, Space: space}, "")
		return err
	}
	handoff := func(change func(*tasksv1.Handoff)) error {
		h := &tasksv1.Handoff{Giver: member}
		change(h)
		_, err := offering(eventbus.Meta{}, &tasksv1.HandoffUpdated{Handoff: h, Space: space})
		return err
	}
	swap := func(state availabilityv1.RotationSwap_State) error {
		_, err := swapping(eventbus.Meta{}, &availabilityv1.RotationSwapChanged{Swap: &availabilityv1.RotationSwap{Member: member, State: state}})
		return err
	}
	timeOff := func(state availabilityv1.TimeOff_State) error {
		_, err := leave(eventbus.Meta{}, &availabilityv1.TimeOffRequested{TimeOff: &availabilityv1.TimeOff{State: state}, Member: member})
		return err
	}
	message := func(urgency notificationsv1.Notification_Urgency) error {
		_, err := mentioning(eventbus.Meta{}, &threadsv1.MessagePosted{Space: space, Message: &threadsv1.Message{Author: member, Urgency: urgency}}, nil)
		return err
	}
	for _, err := range []error{
		ask(func(*threadsv1.Ask) {}), handoff(func(*tasksv1.Handoff) {}), swap(availabilityv1.RotationSwap_TAKEN),
		timeOff(availabilityv1.TimeOff_APPROVED), message(notificationsv1.Notification_URGENCY_UNSPECIFIED),
	} {
		require.NoError(t, err)
	}
	for _, err := range []error{
		ask(func(a *threadsv1.Ask) { a.Kind = unknown }),
		ask(func(a *threadsv1.Ask) { a.Urgency = unknown }),
		ask(func(a *threadsv1.Ask) { a.Recipients[0].State = unknown }),
		handoff(func(h *tasksv1.Handoff) { h.State = unknown }),
		handoff(func(h *tasksv1.Handoff) { h.Route = unknown }),
		swap(unknown), timeOff(unknown), message(unknown),
	} {
		require.Equal(t, eventbus.ReasonEventNewer, fault.From(err).Reason, "%v", err)
	}
}
