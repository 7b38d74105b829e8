package domain

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// DefaultCollapse is how long further signals are gathered where a member has not said.
const DefaultCollapse = 15 * time.Minute

// Preferences are how a member wants to be reached. Below URGENT they only make Meridian quieter.
type Preferences struct {
	Workspace, Member uuid.UUID
	// Channels are those of the urgencies that were changed.
	Channels map[Urgency][]Channel
	// DigestDisabled says that no digest is wanted.
	DigestDisabled bool
	// Muted are names of threads and spaces whose mentions do not interrupt.
	Muted []string
	// Collapse is how long further signals of one context are gathered.
	Collapse time.Duration
	// Version counts the changes; zero are the defaults, UpdateTime is zero then.
	Version    int64
	UpdateTime time.Time
}

// DefaultPreferences are those of a member who has changed none.
func DefaultPreferences(ws, member uuid.UUID) Preferences {
	return Preferences{Workspace: ws, Member: member, Channels: map[Urgency][]Channel{}, Collapse: DefaultCollapse}
}

// allows says whether an urgency goes over a channel.
func (p *Preferences) allows(u Urgency, c Channel) bool {
	chosen, changed := p.Channels[u]
	if !changed {
		return u != Low || c == Email
	}
	return slices.Contains(chosen, c)
}

// mutes says whether mentions in a context or a space do not interrupt.
func (p *Preferences) mutes(context, space string) bool {
	return slices.Contains(p.Muted, context) || slices.Contains(p.Muted, space)
}

// UrgencyChannels is one entry of a change of channels.
type UrgencyChannels struct {
	Urgency  Urgency
	Channels []Channel
}

// PreferencesChange is what is to change; nil leaves a field as it is.
type PreferencesChange struct {
	Channels       *[]UrgencyChannels
	DigestDisabled *bool
	Muted          *[]string
	Collapse       *time.Duration
}

// Check refuses a change that is wrong in itself.
func (c PreferencesChange) Check() error {
	if c.Channels == nil {
		return nil
	}
	var seen []Urgency
	for i, one := range *c.Channels {
		field := "notification_preferences.channels[" + strconv.Itoa(i) + "]"
		if slices.Contains(seen, one.Urgency) {
			return fault.InvalidField(field+".urgency", one.Urgency.String()+" is listed twice")
		}
		if one.Urgency == Urgent && len(one.Channels) == 0 {
			return fault.InvalidField(field+".channels", "URGENT cannot be left without a channel")
		}
		seen = append(seen, one.Urgency)
	}
	return nil
}

// Change applies a change and returns its event.
func (p *Preferences) Change(c PreferencesChange, now time.Time) ([]Event, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.Channels != nil {
		p.Channels = map[Urgency][]Channel{}
		for _, one := range *c.Channels {
			p.Channels[one.Urgency] = slices.Clone(one.Channels)
		}
	}
	if c.DigestDisabled != nil {
		p.DigestDisabled = *c.DigestDisabled
	}
	if c.Muted != nil {
		p.Muted = slices.Clone(*c.Muted)
	}
	if c.Collapse != nil {
		p.Collapse = *c.Collapse
	}
	p.Version++
	p.UpdateTime = now
	return []Event{PreferencesChanged{Preferences: *p}}, nil
}
