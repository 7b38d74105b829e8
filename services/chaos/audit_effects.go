//go:build unix

package main

import (
	"context"
	"fmt"
	"strings"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	notificationsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/notifications/v1"
	tasksv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/tasks/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// effects checks that every event that was followed has had its effect in every consumer, and had it once.
func (a *audit) effects(ctx context.Context) error {
	for _, check := range []func(context.Context) error{a.searchable, a.notified, a.urgent, a.delivered, a.projected} {
		if err := check(ctx); err != nil {
			return err
		}
	}
	return nil
}

// followed says whether the event was published before the moment at which every consumer had followed everything.
func (a *audit) followed(e *event) bool { return e.stored.Before(a.idle) }

// counts are how often each key stands in a table.
func (a *audit) counts(ctx context.Context, query string) (map[string]int64, error) {
	type counted struct {
		Key   string
		Times int64
	}
	found := map[string]int64{}
	err := each(ctx, a, query, func(row counted) { found[row.Key] = row.Times })
	return found, err
}

// searchable: each message can be found, and has moved its thread.
func (a *audit) searchable(ctx context.Context) error {
	found, err := a.counts(ctx, `SELECT 'workspaces/' || workspace_id || '/threads/' || thread_id || '/messages/' || sequence, count(*)
		FROM threads.search_rows GROUP BY workspace_id, thread_id, sequence`)
	if err != nil {
		return err
	}
	for _, e := range a.events {
		if _, ok := e.payload.(*threadsv1.MessagePosted); ok && a.followed(e) && found[e.Subject] != 1 {
			a.findf("a message has %d rows for the search: %s", found[e.Subject], e)
		}
	}
	return a.none(ctx, "the activity of a thread is not that of its newest message", `
		SELECT t.thread_id || ' at ' || t.activity_time || ', the message at ' || max(m.create_time)
		FROM threads.thread_activity t JOIN threads.messages m USING (workspace_id, thread_id)
		WHERE m.create_time < $1
		GROUP BY t.workspace_id, t.thread_id, t.activity_time HAVING t.activity_time < max(m.create_time)`, a.idle.Add(-grace))
}

// notified: each whom an ask or an offer waits for has one notification of it.
func (a *audit) notified(ctx context.Context) error {
	found, err := a.counts(ctx, `SELECT source || ' ' || reason || ' ' || recipient_id, count(*)
		FROM notifications.notifications GROUP BY source, reason, recipient_id`)
	if err != nil {
		return err
	}
	for _, e := range a.events {
		if !a.followed(e) {
			continue
		}
		var recipients []string
		reason := "ASKED"
		switch told := e.payload.(type) {
		case *threadsv1.AskOpened:
			for _, r := range told.GetAsk().GetRecipients() {
				recipients = append(recipients, r.GetMember())
			}
		case *tasksv1.HandoffOffered:
			recipients, reason = told.GetRecipients(), "OFFERED"
		}
		for _, recipient := range recipients {
			key := fmt.Sprintf("%s %s %s", e.Subject, reason, id(recipient))
			if recipient != e.Actor && found[key] != 1 {
				a.findf("%s has %d notifications %s of %s", recipient, found[key], reason, e)
			}
		}
	}
	return nil
}

// urgent: each urgent message stands once in the audit record.
func (a *audit) urgent(ctx context.Context) error {
	found, err := a.counts(ctx, `SELECT resource || ' ' || actor, count(*) FROM directory.audit_events
		WHERE action = 'urgent.used' GROUP BY resource, actor`)
	if err != nil {
		return err
	}
	for _, e := range a.events {
		told, ok := e.payload.(*threadsv1.UrgentUsed)
		if !ok || !a.followed(e) {
			continue
		}
		if times := found[told.GetMessage()+" "+told.GetMember()]; times != 1 {
			a.findf("an effect was had %d times: the audit record of %s (in the stream %d times)", times, e, e.times)
		}
	}
	return nil
}

// delivered: each notification was created once, and each of its deliveries that was made was told of once at most.
func (a *audit) delivered(ctx context.Context) error {
	sent, err := a.counts(ctx, `SELECT 'workspaces/' || workspace_id || '/notifications/' || notification_id || ' ' || channel, count(*)
		FROM notifications.deliveries WHERE state = 'SENT' GROUP BY workspace_id, notification_id, channel`)
	if err != nil {
		return err
	}
	created, told := map[string]int64{}, map[string]int64{}
	for _, e := range a.events {
		switch payload := e.payload.(type) {
		case *notificationsv1.NotificationCreated:
			created[e.Subject]++
		case *notificationsv1.NotificationDelivered:
			key := e.Subject + " " + payload.GetChannel().String()
			if told[key]++; told[key] > 1 {
				a.findf("a delivery was made %d times: %s", told[key], e)
			}
			if a.followed(e) && sent[key] != 1 {
				a.findf("a delivery was told of that its table does not know as sent: %s", e)
			}
		}
	}
	return each(ctx, a, `SELECT 'workspaces/' || workspace_id || '/notifications/' || notification_id FROM notifications.notifications`,
		func(row one) {
			if created[row.Text] != 1 {
				a.findf("%s was created by %d events", row.Text, created[row.Text])
			}
		})
}

// projected: what the services know of members, teams and spaces is what the directory says.
func (a *audit) projected(ctx context.Context) error {
	newest := map[string]int64{}
	for _, e := range a.events {
		switch e.payload.(type) {
		case *directoryv1.MemberActivated, *directoryv1.MemberUpdated, *directoryv1.MemberInvited,
			*directoryv1.SpaceCreated, *directoryv1.TeamCreated, *directoryv1.TeamMembersChanged:
			newest[id(e.Subject).String()] = max(newest[id(e.Subject).String()], e.Version)
		}
	}
	for _, service := range owners() {
		if service == "directory" {
			continue
		}
		for _, table := range []string{"member", "space", "team"} {
			have, err := a.counts(ctx, strings.NewReplacer("{s}", service, "{t}", table).Replace(
				`SELECT {t}_id::text, version FROM {s}.{t}s`))
			if err != nil {
				return err
			}
			for _, e := range a.events {
				key := id(e.Subject).String()
				if e.service() == "directory" && strings.Contains(e.Subject, "/"+table+"s/") && a.followed(e) && newest[key] > 0 &&
					have[key] < newest[key] {
					a.findf("%s knows version %d of %s, which is at %d", service, have[key], e.Subject, newest[key])
				}
			}
		}
	}
	return nil
}
