// Package inapp reaches people in their clients, which interrupt on `notification.delivered`.
//
// It promises that the event is the delivery: it is committed with the record that it was sent, so nothing can come between.
package inapp

import (
	"context"

	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// InApp implements app.Channel.
type InApp struct{}

// New makes the channel.
func New() InApp { return InApp{} }

// Kind implements app.Channel.
func (InApp) Kind() domain.Channel { return domain.InApp }

// Unable implements app.Channel: everybody has an inbox.
func (InApp) Unable(domain.Recipient) string { return "" }

// Leaves implements app.Channel.
func (InApp) Leaves() bool { return false }

// Send implements app.Channel: the event that is committed is all there is to it.
func (InApp) Send(context.Context, app.Parcel) error { return nil }
