package wire

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func TestEveryEventIsEncoded(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	ws, member, id := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	schedule := domain.Schedule{Workspace: ws, Member: member, ID: id, Zone: "UTC", Start: at, CreateTime: at}
	off := domain.TimeOff{Workspace: ws, Member: member, ID: id, Kind: domain.Sick, State: domain.Approved, AllDay: true, Revision: 1, CreateTime: at, UpdateTime: at}
	layer := func(kind domain.LayerKind) domain.Layer {
		return domain.Layer{Workspace: ws, Member: member, ID: id, Kind: kind, Dated: true, CreateTime: at}
	}
	rotation := domain.Rotation{Workspace: ws, Team: id, ID: id, Turns: []domain.Turns{{Members: []uuid.UUID{member}, Unit: domain.Day, Start: at}}}
	encode := Encoder("meridian.test")
	for kind, event := range map[string]domain.Event{
		"schedule.changed":         domain.ScheduleChanged{Schedule: schedule, Version: 3},
		"default_schedule.changed": domain.DefaultScheduleChanged{Schedule: domain.DefaultSchedule{Workspace: ws, ID: id, CreateTime: at}, Version: 3},
		"working_time.changed":     domain.WorkingTimeChanged{Workspace: ws, Member: member, Start: at, Version: 3},
		"time_off.approved":        domain.TimeOffApproved{TimeOff: off, Version: 3},
		"time_off.cancelled":       domain.TimeOffCancelled{TimeOff: off, Version: 3},
		"time_off.requested":       domain.TimeOffRequested{TimeOff: off, Start: at, Version: 3},
		"time_off.declined":        domain.TimeOffDeclined{TimeOff: off, Version: 3},
		"travel.created":           domain.LayerCreated{Layer: layer(domain.Travel), Version: 3},
		"travel.deleted":           domain.LayerDeleted{Layer: layer(domain.Travel), Version: 3},
		"date_override.created":    domain.LayerCreated{Layer: layer(domain.DateOverride), Version: 3},
		"date_override.deleted":    domain.LayerDeleted{Layer: layer(domain.DateOverride), Version: 3},
		"focus_block.created":      domain.LayerCreated{Layer: layer(domain.FocusBlock), Version: 3},
		"focus_block.deleted":      domain.LayerDeleted{Layer: layer(domain.FocusBlock), Version: 3},
		"rotation.changed":         domain.RotationChanged{Rotation: rotation, Start: at, Version: 3},
		"shift.started":            domain.ShiftStarted{Rotation: rotation, Shift: domain.Shift{Start: at, Members: []uuid.UUID{member}}, Version: 3},
		"shift.ended":              domain.ShiftEnded{Rotation: rotation, Shift: domain.Shift{Start: at, End: at.Add(time.Hour)}, Version: 3},
		"shift.swapped":            domain.ShiftSwapped{Rotation: rotation, Swap: domain.Swap{ID: id, Member: member, Taker: member}, Version: 3},
		"rotation_swap.changed":    domain.SwapChanged{Rotation: rotation, Swap: domain.Swap{ID: id, Member: member}, Version: 3},
		"core_hours.changed":       domain.CoreHoursChanged{CoreHours: domain.CoreHours{Workspace: ws, Team: id}, Version: 3},
	} {
		message, err := encode(t.Context(), at, domain.MemberName(ws, member), event)
		require.NoError(t, err, kind)
		root, aggregate := "evt.", domain.MemberName(ws, member)
		if strings.HasPrefix(kind, "time_off.") || strings.HasPrefix(kind, "focus_block.") {
			root = "own."
		}
		if strings.HasPrefix(kind, "default_schedule.") {
			aggregate = domain.WorkspaceName(ws)
		}
		switch strings.SplitN(kind, ".", 2)[0] {
		case "rotation", "rotation_swap", "shift":
			aggregate = domain.RotationName(ws, id, id)
		case "core_hours":
			aggregate = domain.CoreHoursName(ws, id)
		}
		require.Equal(t, root+ws.String()+".availability."+kind, message.Subject)
		require.Equal(t, aggregate, message.Aggregate, kind)
		require.EqualValues(t, 3, message.Version, kind)
	}
	_, err := encode(t.Context(), at, "", nil)
	require.Error(t, err, "an event without a message is a mistake that shows")
}
