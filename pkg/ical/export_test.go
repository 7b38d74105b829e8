package ical

import (
	"maps"
	"slices"
)

// WindowsZones are the names of zones in Windows that are known.
func WindowsZones() []string { return slices.Sorted(maps.Keys(windows())) }
