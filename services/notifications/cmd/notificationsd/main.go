// Command notificationsd serves Meridian's notifications.
package main

import (
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/notifications"
)

func main() {
	boot.Main("notifications", "Meridian's notifications.", notifications.New, notifications.Sets()...)
}
