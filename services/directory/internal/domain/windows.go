package domain

import (
	"fmt"
	"time"

	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/window"
)

// maxWindow is the longest that a workspace may give people to answer.
const maxWindow = 2000 * time.Hour

// Windows are how long people have to answer where an ask does not say it, in their working time, by urgency.
type Windows struct{ Low, Normal, High, Urgent time.Duration }

// WindowsChange says what to change of the windows; nil leaves one as it is, zero gives it its default.
type WindowsChange struct{ Low, Normal, High, Urgent *time.Duration }

// DefaultWindows are those of a workspace that never set any.
func DefaultWindows() Windows {
	return Windows{
		Low: window.DefaultLow, Normal: window.DefaultNormal, High: window.DefaultHigh, Urgent: window.DefaultUrgent,
	}
}

// Change returns the windows after a change, or refuses one that is out of its bounds: Invalid.
func (w Windows) Change(c WindowsChange) (Windows, error) {
	usual := DefaultWindows()
	for _, one := range []struct {
		name         string
		field        *time.Duration
		wanted       *time.Duration
		whenNotGiven time.Duration
	}{
		{"low", &w.Low, c.Low, usual.Low},
		{"normal", &w.Normal, c.Normal, usual.Normal},
		{"high", &w.High, c.High, usual.High},
		{"urgent", &w.Urgent, c.Urgent, usual.Urgent},
	} {
		switch {
		case one.wanted == nil:
		case *one.wanted == 0:
			*one.field = one.whenNotGiven
		case *one.wanted < 0, *one.wanted > maxWindow, *one.wanted%time.Second != 0:
			return Windows{}, fault.InvalidField("workspace.response_windows."+one.name,
				"must be whole seconds, at most 2000 hours")
		default:
			*one.field = *one.wanted
		}
	}
	return w, nil
}

// String says them in words, for the audit record.
func (w Windows) String() string {
	return fmt.Sprintf("low %s, normal %s, high %s, urgent %s", w.Low, w.Normal, w.High, w.Urgent)
}
