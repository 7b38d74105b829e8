package domain

import (
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// MemberChange says what to change of a member; nil leaves a field as it is.
type MemberChange struct {
	DisplayName, Email, Handle, TimeZone *string
	Manager                              *uuid.UUID
	Role                                 *Role
}

// personal says whether the change stays within what people decide for themselves.
func (c MemberChange) personal() bool { return c.Email == nil && c.Manager == nil && c.Role == nil }

// Allow refuses a change that the actor may not make of the member: Denied. People change their own name, handle and
// zone; the rest takes an ADMIN, and whatever concerns an OWNER an OWNER.
func (c MemberChange) Allow(m Member, actor Role, self bool) error {
	if actor < Admin && (!self || !c.personal()) {
		return fault.DeniedFor("change more than their own display name, handle and zone")
	}
	if self && c.personal() {
		return nil
	}
	if err := m.MayChange(actor); err != nil {
		return err
	}
	if c.Role != nil {
		return MayGive(actor, *c.Role)
	}
	return nil
}

// Change applies a change and returns which fields it changed; the version counts up when any did. The caller
// claims the handle, and sees that the manager is there and that an owner stays.
func (m *Member) Change(c MemberChange, now time.Time) ([]string, error) {
	var changed changes
	for _, apply := range []func(MemberChange, *changes) error{m.changeText, m.changePlace} {
		if err := apply(c, &changed); err != nil {
			return nil, err
		}
	}
	if len(changed) > 0 {
		m.Version, m.UpdateTime = m.Version+1, now
	}
	return changed, nil
}

func (m *Member) changeText(c MemberChange, changed *changes) error {
	if c.DisplayName != nil {
		name, err := CheckDisplayName("member.display_name", *c.DisplayName)
		if err != nil {
			return err
		}
		set(changed, "display_name", &m.DisplayName, name)
	}
	if c.Email != nil {
		if m.Kind == ServiceAccount {
			return kindFault(m, "a service account has no mail address")
		}
		email, err := CheckEmail("member.email", *c.Email)
		if err != nil {
			return err
		}
		set(changed, "email", &m.Email, email)
	}
	if c.Handle != nil {
		if err := CheckHandle("member.handle", *c.Handle); err != nil {
			return err
		}
		set(changed, "handle", &m.Handle, *c.Handle)
	}
	return nil
}

func (m *Member) changePlace(c MemberChange, changed *changes) error {
	if c.TimeZone != nil {
		zone, err := CheckZone("member.time_zone", *c.TimeZone, DefaultZone)
		if err != nil {
			return err
		}
		set(changed, "time_zone", &m.TimeZone, zone)
	}
	if c.Manager != nil {
		if *c.Manager == m.ID {
			return fault.InvalidField("member.manager", "must be somebody else")
		}
		set(changed, "manager", &m.Manager, *c.Manager)
	}
	if c.Role != nil {
		if *c.Role < Guest || *c.Role > Owner {
			return fault.InvalidField("member.role", "must be GUEST, MEMBER, ADMIN or OWNER")
		}
		if m.Kind == ServiceAccount && *c.Role == Owner {
			return kindFault(m, "a service account is never an OWNER")
		}
		set(changed, "role", &m.Role, *c.Role)
	}
	return nil
}
