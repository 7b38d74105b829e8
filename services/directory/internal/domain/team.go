package domain

import (
	"time"

	"github.com/google/uuid"
)

// Team is a named group of members.
type Team struct {
	// Workspace and ID name the team.
	Workspace, ID uuid.UUID
	// Handle is unique in the workspace.
	Handle string
	// DisplayName and Description are what people call it and what it is for.
	DisplayName, Description string
	// Version counts the changes of the team and of its members, from 1.
	Version int64
	// CreateTime and UpdateTime are when it was made and last changed.
	CreateTime, UpdateTime time.Time
	// DeleteTime is when it was deleted; zero while it was not.
	DeleteTime time.Time
}

// Name is the team's resource name.
func (t *Team) Name() string { return TeamName(t.Workspace, t.ID) }

// TeamMember is a member's belonging to a team.
type TeamMember struct {
	// Workspace, Team and Member say who belongs where.
	Workspace, Team, Member uuid.UUID
	// Lead is whether the member leads the team.
	Lead bool
	// Removed is whether the member has left.
	Removed bool
	// Version is the team's version of the last change.
	Version int64
}

// TeamChange says what to change of a team; nil leaves a field as it is.
type TeamChange struct {
	Handle, DisplayName, Description *string
}

// NewTeam makes a team, or refuses its texts: Invalid. The handle is claimed by the caller.
func NewTeam(ws, id uuid.UUID, handle, displayName, description string, now time.Time) (Team, error) {
	name, err := CheckDisplayName("team.display_name", displayName)
	if err != nil {
		return Team{}, err
	}
	if description, err = CheckDescription("team.description", description); err != nil {
		return Team{}, err
	}
	return Team{
		Workspace: ws, ID: id, Handle: handle, DisplayName: name, Description: description,
		Version: 1, CreateTime: now, UpdateTime: now,
	}, nil
}

// Change applies a change and returns which fields it changed; the version counts up when any did.
func (t *Team) Change(c TeamChange, now time.Time) ([]string, error) {
	var changed changes
	if c.Handle != nil {
		if err := CheckHandle("team.handle", *c.Handle); err != nil {
			return nil, err
		}
		set(&changed, "handle", &t.Handle, *c.Handle)
	}
	if c.DisplayName != nil {
		name, err := CheckDisplayName("team.display_name", *c.DisplayName)
		if err != nil {
			return nil, err
		}
		set(&changed, "display_name", &t.DisplayName, name)
	}
	if c.Description != nil {
		text, err := CheckDescription("team.description", *c.Description)
		if err != nil {
			return nil, err
		}
		set(&changed, "description", &t.Description, text)
	}
	if len(changed) > 0 {
		t.touch(now)
	}
	return changed, nil
}

// Delete ends the team. Rights that spaces gave it are void from then on.
func (t *Team) Delete(now time.Time) {
	t.touch(now)
	t.DeleteTime = now
}

// SetMembers decides what becomes of the team's members: those of wanted that differ from what is there, with the
// version that the team then has. It leaves the team as it is when none does.
func (t *Team) SetMembers(there, wanted []TeamMember, now time.Time) []TeamMember {
	before := make(map[uuid.UUID]TeamMember, len(there))
	for _, m := range there {
		before[m.Member] = m
	}
	var changed []TeamMember
	for _, m := range wanted {
		was, known := before[m.Member]
		same := known && !was.Removed && !m.Removed && was.Lead == m.Lead
		gone := m.Removed && (!known || was.Removed)
		if same || gone {
			continue
		}
		m.Workspace, m.Team, m.Version = t.Workspace, t.ID, t.Version+1
		m.Lead = m.Lead && !m.Removed
		changed = append(changed, m)
	}
	if len(changed) > 0 {
		t.touch(now)
	}
	return changed
}

func (t *Team) touch(now time.Time) { t.Version, t.UpdateTime = t.Version+1, now }
