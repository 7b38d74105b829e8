package wire

import (
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
)

// React has the router hand availability's events to the use cases that follow them.
func React(r *eventbus.Router, a *app.App) {
	eventbus.On(r, onWorkingTimeChanged(a))
	eventbus.On(r, onDefaultScheduleChanged(a))
}
