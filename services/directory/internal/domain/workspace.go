package domain

import (
	"time"

	"github.com/google/uuid"
)

// DefaultZone is the zone of a workspace that names none.
const DefaultZone = "UTC"

// Workspace is the tenant.
type Workspace struct {
	// ID is the workspace's id.
	ID uuid.UUID
	// DisplayName is what people call it.
	DisplayName string
	// TimeZone is the IANA zone given to members who name none.
	TimeZone string
	// Version counts its changes, from 1.
	Version int64
	// CreateTime and UpdateTime are when it was made and last changed.
	CreateTime, UpdateTime time.Time
}

// WorkspaceChange says what to change of a workspace; nil leaves a field as it is.
type WorkspaceChange struct {
	DisplayName, TimeZone *string
}

// NewWorkspace makes a workspace, or refuses what it is called or its zone: Invalid.
func NewWorkspace(id uuid.UUID, displayName, zone string, now time.Time) (Workspace, error) {
	name, err := CheckDisplayName("workspace.display_name", displayName)
	if err != nil {
		return Workspace{}, err
	}
	if zone, err = CheckZone("workspace.time_zone", zone, DefaultZone); err != nil {
		return Workspace{}, err
	}
	return Workspace{ID: id, DisplayName: name, TimeZone: zone, Version: 1, CreateTime: now, UpdateTime: now}, nil
}

// Change applies a change and returns which fields it changed; the version counts up when any did.
func (w *Workspace) Change(c WorkspaceChange, now time.Time) ([]string, error) {
	var changed changes
	if c.DisplayName != nil {
		name, err := CheckDisplayName("workspace.display_name", *c.DisplayName)
		if err != nil {
			return nil, err
		}
		set(&changed, "display_name", &w.DisplayName, name)
	}
	if c.TimeZone != nil {
		zone, err := CheckZone("workspace.time_zone", *c.TimeZone, DefaultZone)
		if err != nil {
			return nil, err
		}
		set(&changed, "time_zone", &w.TimeZone, zone)
	}
	if len(changed) > 0 {
		w.Version, w.UpdateTime = w.Version+1, now
	}
	return changed, nil
}

// changes are the names of the fields that were changed, in the order of their setting.
type changes []string

// set gives a field its new value and notes its name when that differs.
func set[T comparable](c *changes, name string, field *T, value T) {
	if *field != value {
		*field = value
		*c = append(*c, name)
	}
}
