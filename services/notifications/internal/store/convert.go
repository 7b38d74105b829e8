package store

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/worktime"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
	"github.com/meridianhq/meridian/services/notifications/internal/store/db"
)

// zones are time zones that were looked up, by name.
type zones map[string]*time.Location

// find is the zone of a name; nil, which is UTC, for none and for one that is not known here.
func (z zones) find(name string) *time.Location {
	if name == "" {
		return nil
	}
	found, known := z[name]
	if !known {
		if zone, err := worktime.LoadZone(name); err == nil {
			found = zone.Location()
		}
		z[name] = found
	}
	return found
}

// zoneOf is the name of a zone as it is kept.
func zoneOf(local *time.Location) string {
	if local == nil {
		return ""
	}
	return local.String()
}

func notificationOf(row db.Notification, z zones) domain.Notification {
	return domain.Notification{
		Workspace: row.WorkspaceID, ID: row.NotificationID, Recipient: row.RecipientID, Source: row.Source, Context: row.Context,
		Message: row.Message, Space: row.SpaceID, Subject: row.SubjectID, ActsFor: row.ActsForID,
		Reason: domain.Reason(row.Reason), Occasion: row.Occasion, Urgency: domain.Urgency(row.Urgency), Title: row.Title, Excerpt: row.Excerpt, Summary: row.Summary,
		UrgentReason: row.UrgentReason, Actor: value(row.ActorID), DueTime: value(row.DueTime).UTC(), State: domain.State(row.State),
		SnoozeTime: value(row.SnoozeTime).UTC(), Waiting: row.Waiting, SettledReason: row.SettledReason, Local: z.find(row.TimeZone),
		Version: row.Version, CreateTime: row.CreateTime.UTC(), UpdateTime: row.UpdateTime.UTC(),
	}
}

func deliveryOf(row db.Delivery) domain.Delivery {
	return domain.Delivery{
		Channel: domain.Channel(row.Channel), Decision: domain.Decision(row.Decision), Explanation: row.Explanation,
		State: domain.DeliveryState(row.State), DeliverTime: value(row.DeliverTime).UTC(), DecideTime: row.DecideTime.UTC(),
		SendTime: value(row.SendTime).UTC(), WorkingTimeVersion: row.WorkingTimeVersion, Attempts: int(row.Attempts),
		LastError: row.LastError, DecideAt: value(row.DecideAt).UTC(), Woken: row.Woken, Digest: value(row.DigestID),
	}
}

// withDeliveries puts deliveries, which are in the order of channels, to their notifications.
func withDeliveries(all []domain.Notification, rows []db.Delivery) []domain.Notification {
	index := make(map[uuid.UUID]int, len(all))
	for i, n := range all {
		index[n.ID] = i
	}
	for _, row := range rows {
		if i, there := index[row.NotificationID]; there {
			all[i].Deliveries = append(all[i].Deliveries, deliveryOf(row))
		}
	}
	return all
}

func idsOf(all []domain.Notification) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(all))
	for _, n := range all {
		ids = append(ids, n.ID)
	}
	return ids
}

func digestOf(row db.Digest) domain.Digest {
	return domain.Digest{
		Workspace: row.WorkspaceID, ID: row.DigestID, Recipient: row.RecipientID, Date: row.LocalDate, DayStart: row.DayStart.UTC(),
		DeliverTime: row.DeliverTime.UTC(), SendTime: value(row.SendTime).UTC(), FillTime: value(row.FillTime).UTC(), State: domain.DigestState(row.State),
		Notifications: row.Notifications, Omitted: int(row.OmittedCount), Text: row.Text, Attempts: int(row.Attempts),
		LastError: row.LastError, Version: row.Version, CreateTime: row.CreateTime.UTC(), UpdateTime: row.UpdateTime.UTC(),
	}
}

func waitOf(row db.Wait) domain.Wait {
	return domain.Wait{
		Member: row.MemberID, Waiting: row.Waiting, Settled: row.SettledReason, Due: value(row.DueTime).UTC(),
		Remind: value(row.RemindTime).UTC(),
	}
}

// recipientOf reads a member with their preferences, the defaults where they have set none.
func recipientOf(ws uuid.UUID, row db.PeopleRow) (domain.Recipient, error) {
	const invited = 1
	to := domain.Recipient{
		ID: row.MemberID, Name: row.DisplayName, Email: row.Email, Active: row.Active, Person: row.Person,
		Joining: row.State == invited, Preferences: domain.DefaultPreferences(ws, row.MemberID),
	}
	if row.Version == nil || *row.Version == 0 {
		return to, nil
	}
	var err error
	to.Preferences, err = preferencesOf(db.Preference{
		WorkspaceID: ws, MemberID: row.MemberID, Channels: row.Channels, DigestDisabled: value(row.DigestDisabled), Muted: row.Muted,
		Collapse: value(row.Collapse), Version: *row.Version, UpdateTime: value(row.UpdateTime),
	})
	return to, err
}

func preferencesOf(row db.Preference) (domain.Preferences, error) {
	p := domain.Preferences{
		Workspace: row.WorkspaceID, Member: row.MemberID, DigestDisabled: row.DigestDisabled, Muted: row.Muted,
		Collapse: time.Duration(row.Collapse), Version: row.Version, Channels: map[domain.Urgency][]domain.Channel{},
	}
	if p.Version > 0 {
		p.UpdateTime = row.UpdateTime.UTC()
	}
	var words map[string][]domain.Channel
	if err := json.Unmarshal(row.Channels, &words); err != nil {
		return p, fmt.Errorf("read preferred channels: %w", err)
	}
	for _, u := range domain.Urgencies() {
		if chosen, changed := words[u.String()]; changed {
			p.Channels[u] = chosen
		}
	}
	return p, nil
}

func channelsOf(p domain.Preferences) ([]byte, error) {
	words := map[string][]domain.Channel{}
	for u, chosen := range p.Channels {
		words[u.String()] = append([]domain.Channel{}, chosen...)
	}
	return json.Marshal(words)
}

// value is what a nullable column holds, or its zero.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// nullable is the value for a nullable column: NULL for the zero.
func nullable[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// each converts all of a slice.
func each[A, B any](all []A, convert func(A) B) []B {
	out := make([]B, 0, len(all))
	for _, one := range all {
		out = append(out, convert(one))
	}
	return out
}
