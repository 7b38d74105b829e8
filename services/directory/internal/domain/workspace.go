package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

const (
	// DefaultZone is the zone of a workspace that names none.
	DefaultZone = "UTC"
	// DefaultUrgentRole is the least role that may send something URGENT in a workspace that names none.
	DefaultUrgentRole = Ordinary
)

// Workspace is the tenant.
type Workspace struct {
	// ID is the workspace's id.
	ID uuid.UUID
	// DisplayName is what people call it.
	DisplayName string
	// TimeZone is the IANA zone given to members who name none.
	TimeZone string
	// UrgentRole is the least role that may send something URGENT.
	UrgentRole Role
	// Windows are how long people have to answer.
	Windows Windows
	// Version counts its changes, from 1.
	Version int64
	// CreateTime and UpdateTime are when it was made and last changed.
	CreateTime, UpdateTime time.Time
}

// WorkspaceChange says what to change of a workspace; nil leaves a field as it is.
type WorkspaceChange struct {
	DisplayName, TimeZone *string
	// UrgentRole may be zero for the default.
	UrgentRole *Role
	Windows    WindowsChange
}

// NewWorkspace makes a workspace of what is given, with defaults for the rest, or refuses it: Invalid. A workspace must be
// called something.
func NewWorkspace(id uuid.UUID, given WorkspaceChange, now time.Time) (Workspace, error) {
	w := Workspace{
		ID: id, TimeZone: DefaultZone, UrgentRole: DefaultUrgentRole, Windows: DefaultWindows(), CreateTime: now,
	}
	if given.DisplayName == nil {
		given.DisplayName = new(string)
	}
	if _, err := w.Change(given, now); err != nil {
		return Workspace{}, err
	}
	return w, nil
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
	if c.UrgentRole != nil {
		role, err := checkUrgentRole(*c.UrgentRole)
		if err != nil {
			return nil, err
		}
		set(&changed, "urgent_role", &w.UrgentRole, role)
	}
	windows, err := w.Windows.Change(c.Windows)
	if err != nil {
		return nil, err
	}
	set(&changed, "response_windows", &w.Windows, windows)
	if len(changed) > 0 {
		w.Version, w.UpdateTime = w.Version+1, now
	}
	return changed, nil
}

// checkUrgentRole returns the role, or Invalid. Zero becomes the default.
func checkUrgentRole(role Role) (Role, error) {
	if role == 0 {
		return DefaultUrgentRole, nil
	}
	if role < Guest || role > Owner {
		return 0, fault.InvalidField("workspace.urgent_role", "must be GUEST, MEMBER, ADMIN or OWNER")
	}
	return role, nil
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
