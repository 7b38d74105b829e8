package wire

import (
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/services/threads/internal/app"
)

// React has the router hand events to the use cases that follow them: our own, and those of working time.
func React(r *eventbus.Router, a *app.App) {
	eventbus.OnMany(r, onMessagePosted(a))
	eventbus.On(r, onMessageEdited(a))
	eventbus.On(r, onMessageDeleted(a))
	eventbus.On(r, onThreadCreated(a))
	eventbus.On(r, onThreadUpdated(a))
	eventbus.On(r, onWorkingTimeChanged(a))
	eventbus.On(r, onDefaultScheduleChanged(a))
}
