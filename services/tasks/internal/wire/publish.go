package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/outbox"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	"github.com/meridianhq/meridian/services/tasks/internal/domain"
	"github.com/meridianhq/meridian/services/tasks/internal/resource"
)

// Service is the service's name in events.
const Service = "tasks"

// maxPeople is how many people an event lists.
const maxPeople = 500

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
	case domain.ProjectCreated:
		return &tasksv1.ProjectCreated{Project: resource.Project(e.Project)}, nil
	case domain.ProjectUpdated:
		return &tasksv1.ProjectUpdated{Project: resource.Project(e.Project), Changed: mask(e.Changed)}, nil
	case domain.WorkflowChanged:
		return &tasksv1.ProjectWorkflowChanged{Project: resource.Project(e.Project), Moves: resource.Moves(e.Moves)}, nil
	case domain.TaskCreated:
		return &tasksv1.TaskCreated{Task: resource.Task(e.Task)}, nil
	case domain.TaskUpdated:
		return &tasksv1.TaskUpdated{Task: resource.Task(e.Task), Changed: mask(e.Changed)}, nil
	case domain.TaskStateChanged:
		return &tasksv1.TaskStateChanged{
			Task: resource.Task(e.Task), PreviousState: e.PreviousState, PreviousCategory: resource.Category(e.PreviousCategory),
		}, nil
	case domain.TaskAssigned:
		return &tasksv1.TaskAssigned{
			Task: resource.Task(e.Task), PreviousHolder: domain.MemberName(e.Task.Workspace, e.PreviousHolder),
		}, nil
	case domain.TaskClaimed:
		return &tasksv1.TaskClaimed{Task: resource.Task(e.Task)}, nil
	case domain.TaskCompleted:
		return &tasksv1.TaskCompleted{Task: resource.Task(e.Task)}, nil
	case domain.TaskReopened:
		return &tasksv1.TaskReopened{Task: resource.Task(e.Task)}, nil
	default:
		return relayPayloadOf(event)
	}
}

func relayPayloadOf(event domain.Event) (proto.Message, error) {
	switch e := event.(type) {
	case domain.LegStarted:
		return &tasksv1.RelayLegStarted{
			Leg: resource.Leg(e.Task.Workspace, e.Task.ID, e.Leg), Task: task(e.Task), Space: space(e.Task),
			TaskVersion: e.Task.Version, TaskKey: e.Task.Key, TaskTitle: e.Task.Title,
		}, nil
	case domain.LegEnded:
		return &tasksv1.RelayLegEnded{
			Leg: resource.Leg(e.Task.Workspace, e.Task.ID, e.Leg), Task: task(e.Task), Space: space(e.Task),
			TaskVersion: e.Task.Version, TaskKey: e.Task.Key, TaskTitle: e.Task.Title,
		}, nil
	case domain.HandoffOffered:
		return &tasksv1.HandoffOffered{
			Handoff: resource.Handoff(e.Handoff), Space: space(e.Task), Recipients: people(e.Task.Workspace, e.Recipients),
		}, nil
	case domain.HandoffUpdated:
		return &tasksv1.HandoffUpdated{
			Handoff: resource.Handoff(e.Handoff), Space: space(e.Task), Recipients: people(e.Task.Workspace, e.Recipients),
			Routed: e.Routed,
		}, nil
	case domain.HandoffAccepted:
		return &tasksv1.HandoffAccepted{Handoff: resource.Handoff(e.Handoff), Space: space(e.Task)}, nil
	case domain.HandoffDeclined:
		return &tasksv1.HandoffDeclined{Handoff: resource.Handoff(e.Handoff), Space: space(e.Task)}, nil
	case domain.HandoffWithdrawn:
		return &tasksv1.HandoffWithdrawn{Handoff: resource.Handoff(e.Handoff), Space: space(e.Task)}, nil
	case domain.HandoffExpired:
		return &tasksv1.HandoffExpired{Handoff: resource.Handoff(e.Handoff), Space: space(e.Task)}, nil
	case domain.HandoffRerouted:
		return &tasksv1.HandoffRerouted{Handoff: resource.Handoff(e.Handoff), Space: space(e.Task)}, nil
	default:
		return nil, fmt.Errorf("wire: the event %T has no message", event)
	}
}

// people are the names of at most so many as an event lists.
func people(ws uuid.UUID, members []uuid.UUID) []string {
	return resource.Members(ws, members[:min(len(members), maxPeople)])
}

func mask(paths []string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

func task(t domain.Task) string { return domain.TaskName(t.Workspace, t.ID) }

func space(t domain.Task) string { return domain.SpaceName(t.Workspace, t.Space) }
