// Command availabilityd serves who works when.
package main

import (
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/availability"
)

func main() {
	boot.Main("availability", "Who works when, and when things are due.", availability.New, availability.Sets()...)
}
