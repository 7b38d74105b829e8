package wire

import (
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
)

// React has the router hand the events of availability and the directory to the use cases that follow them.
func React(r *eventbus.Router, a *app.App) {
	eventbus.On(r, onWorkingTimeChanged(a))
	eventbus.On(r, onDefaultScheduleChanged(a))
	eventbus.On(r, onMemberDeactivated(a))
}
