// Package channel lists the ways out of the house. Each has a folder of its own and one line here.
//
// It promises one channel for each kind that the domain decides about.
package channel

import (
	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/channel/email"
	"github.com/meridianhq/meridian/services/notifications/internal/channel/inapp"
)

// All makes every channel. mail is made before, for it also writes digests.
func All(mail *email.Email) []app.Channel {
	return []app.Channel{
		inapp.New(),
		mail,
	}
}
