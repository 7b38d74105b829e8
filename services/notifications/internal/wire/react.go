package wire

import (
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// React has the router hand the events of other services to the use cases that follow them.
func React(r *eventbus.Router, a *app.App) {
	eventbus.On(r, onMessagePosted(a))
	eventbus.On(r, onMessageEdited(a))
	eventbus.On(r, onMessageDeleted(a))

	eventbus.On(r, onAskOpened(a))
	eventbus.On(r, onAskReassigned(a))
	eventbus.On(r, onAskAnswered(a))
	eventbus.On(r, onAskDeclined(a))
	eventbus.On(r, onAskDueChanged(a))
	eventbus.On(r, onAskOverdue(a))
	eventbus.On(r, onAskWithdrawn(a))

	eventbus.On(r, onHandoffOffered(a))
	eventbus.On(r, onHandoffUpdated(a))
	eventbus.On(r, onHandoffAccepted(a))
	eventbus.On(r, onHandoffDeclined(a))
	eventbus.On(r, onHandoffWithdrawn(a))
	eventbus.On(r, onHandoffExpired(a))
	eventbus.On(r, onHandoffRerouted(a))

	eventbus.On(r, onTaskCreated(a))
	eventbus.On(r, onTaskAssigned(a))

	eventbus.On(r, onTimeOffRequested(a))
	eventbus.On(r, onTimeOffApproved(a))
	eventbus.On(r, onTimeOffDeclined(a))
	eventbus.On(r, onTimeOffCancelled(a))
	eventbus.On(r, onSwapChanged(a))
	eventbus.On(r, onShiftSwapped(a))

	eventbus.On(r, onWorkingTimeChanged(a))
	eventbus.On(r, onDefaultScheduleChanged(a))
	eventbus.On(r, onMemberActivated(a))
}

// idOf is the UUID at the end of a name in an event.
func idOf(field, name string) (uuid.UUID, error) {
	id, err := uuid.Parse(domain.LastID(name))
	if err != nil {
		return uuid.Nil, fault.InvalidField(field, "must end with a UUID")
	}
	return id, nil
}

// optionalID is idOf for a name that may be empty.
func optionalID(field, name string) (uuid.UUID, error) {
	if name == "" {
		return uuid.Nil, nil
	}
	return idOf(field, name)
}

// idsOf are the UUIDs at the ends of names.
func idsOf(field string, names []string) ([]uuid.UUID, error) {
	ids := make([]uuid.UUID, 0, len(names))
	for _, name := range names {
		id, err := idOf(field, name)
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// actorOf is the member who did it; nil where a service did.
func actorOf(meta eventbus.Meta) uuid.UUID {
	if !strings.Contains(meta.Actor, "/members/") {
		return uuid.Nil
	}
	id, err := idOf("actor", meta.Actor)
	if err != nil {
		return uuid.Nil // who cannot be named is nobody's self
	}
	return id
}

// happening is what every event says of something in a space.
func happening(meta eventbus.Meta, spaceName string) (domain.Happening, error) {
	h := withoutSpace(meta)
	var err error
	h.Space, err = idOf("space", spaceName)
	return h, err
}

// withoutSpace is what every event says of something that is in no space.
func withoutSpace(meta eventbus.Meta) domain.Happening {
	return domain.Happening{
		Workspace: meta.Workspace, Actor: actorOf(meta), Time: meta.Time.UTC().Truncate(time.Microsecond), Version: meta.Version,
	}
}

// instant is zero for none.
func instant(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime().Truncate(time.Microsecond)
}
