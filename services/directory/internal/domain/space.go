package domain

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Visibility is to whom a space is there. The numbers are stored.
type Visibility int16

// The visibilities.
const (
	Open Visibility = iota + 1
	Private
)

func visibilityWords() []string { return []string{"OPEN", "PRIVATE"} }

// String returns the visibility's word.
func (v Visibility) String() string { return word(visibilityWords(), int(v)) }

// VisibilityOf returns the visibility that a word means; 0 for an unknown one.
func VisibilityOf(s string) Visibility {
	return Visibility(slices.Index(visibilityWords(), s) + 1)
}

// Right is what may be done in a space. The numbers are stored.
type Right int16

// The rights, in rising order.
const (
	NoRight Right = iota
	Reader
	Writer
	Manager
)

func rightWords() []string { return []string{"READER", "WRITER", "MANAGER"} }

// String returns the right's word: NONE, READER, WRITER or MANAGER.
func (r Right) String() string {
	if r == NoRight {
		return "NONE"
	}
	return word(rightWords(), int(r))
}

// Space is where content lives.
type Space struct {
	// Workspace and ID name the space.
	Workspace, ID uuid.UUID
	// DisplayName and Description are what people call it and what it is for.
	DisplayName, Description string
	// Visibility is to whom it is there.
	Visibility Visibility
	// Version counts the changes of the space and of the rights on it, from 1.
	Version int64
	// CreateTime and UpdateTime are when it was made and last changed.
	CreateTime, UpdateTime time.Time
}

// Name is the space's resource name.
func (s *Space) Name() string { return SpaceName(s.Workspace, s.ID) }

// SpaceAccess is the right of a member or a team on a space.
type SpaceAccess struct {
	// Workspace and Space say where.
	Workspace, Space uuid.UUID
	// Principal is a member's id, or a team's.
	Principal uuid.UUID
	// Team is whether the principal is a team.
	Team bool
	// Right is what it may do; NoRight once that was taken away.
	Right Right
	// Version is the space's version of the last change.
	Version int64
}

// PrincipalName is the member's or the team's resource name.
func (a SpaceAccess) PrincipalName() string {
	if a.Team {
		return TeamName(a.Workspace, a.Principal)
	}
	return MemberName(a.Workspace, a.Principal)
}

// SpaceChange says what to change of a space; nil leaves a field as it is.
type SpaceChange struct {
	DisplayName, Description *string
	Visibility               *Visibility
}

// NewSpace makes a space, OPEN unless said otherwise, or refuses its texts: Invalid.
func NewSpace(ws, id uuid.UUID, displayName, description string, v Visibility, now time.Time) (Space, error) {
	name, err := CheckDisplayName("space.display_name", displayName)
	if err != nil {
		return Space{}, err
	}
	if description, err = CheckDescription("space.description", description); err != nil {
		return Space{}, err
	}
	if v == 0 {
		v = Open
	}
	return Space{
		Workspace: ws, ID: id, DisplayName: name, Description: description, Visibility: v,
		Version: 1, CreateTime: now, UpdateTime: now,
	}, nil
}

// Change applies a change and returns which fields it changed; the version counts up when any did.
func (s *Space) Change(c SpaceChange, now time.Time) ([]string, error) {
	var changed changes
	if c.DisplayName != nil {
		name, err := CheckDisplayName("space.display_name", *c.DisplayName)
		if err != nil {
			return nil, err
		}
		set(&changed, "display_name", &s.DisplayName, name)
	}
	if c.Description != nil {
		text, err := CheckDescription("space.description", *c.Description)
		if err != nil {
			return nil, err
		}
		set(&changed, "description", &s.Description, text)
	}
	if c.Visibility != nil {
		if *c.Visibility != Open && *c.Visibility != Private {
			return nil, fault.InvalidField("space.visibility", "must be OPEN or PRIVATE")
		}
		set(&changed, "visibility", &s.Visibility, *c.Visibility)
	}
	if len(changed) > 0 {
		s.Version, s.UpdateTime = s.Version+1, now
	}
	return changed, nil
}

// SetAccess decides what becomes of the rights on the space: those of wanted that differ from what is there, with
// the version that the space then has. It leaves the space as it is when none does.
func (s *Space) SetAccess(there, wanted []SpaceAccess, now time.Time) []SpaceAccess {
	before := make(map[uuid.UUID]Right, len(there))
	for _, a := range there {
		before[a.Principal] = a.Right
	}
	var changed []SpaceAccess
	for _, a := range wanted {
		if before[a.Principal] == a.Right {
			continue
		}
		a.Workspace, a.Space, a.Version = s.Workspace, s.ID, s.Version+1
		changed = append(changed, a)
	}
	if len(changed) > 0 {
		s.Version, s.UpdateTime = s.Version+1, now
	}
	return changed
}
