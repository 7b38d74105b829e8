//go:build unix

package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
)

// freshFor is how soon after it was decided an attempt to send must begin.
const freshFor = 5 * time.Second

// attempt is a row of the attempts to send.
type attempt struct {
	ID           uuid.UUID
	Notification *uuid.UUID
	Digest       *uuid.UUID
	Recipient    uuid.UUID
	Channel      string
	Urgent       bool
	Decided      time.Time
	Begun        time.Time
	Working      bool
	Version      int64
	Outcome      string
}

// parcel is the file name of what an attempt sends.
func (t attempt) parcel() string {
	if t.Digest != nil {
		return "digest-" + t.Digest.String()
	}
	return "notification-" + t.Notification.String()
}

// times checks that nothing was sent at a forbidden hour, and nothing twice.
func (a *audit) times(ctx context.Context) error {
	schedules := a.schedules()
	sent, begun := map[string]int{}, map[string]int{}
	mails := map[string]bool{}
	err := each(ctx, a, `SELECT attempt_id, notification_id, digest_id, recipient_id, channel, urgency = 4, decide_time, begin_time,
		working, working_time_version, outcome FROM notifications.attempts ORDER BY attempt_id`, func(t attempt) {
		if t.Outcome == "SKIPPED" {
			return
		}
		key := t.parcel() + " over " + t.Channel
		switch t.Outcome {
		case "SENT":
			sent[key]++
		case "BEGUN":
			begun[key]++
		}
		if t.Channel == "EMAIL" {
			mails[t.parcel()] = true
		}
		a.judge(t, schedules[t.Recipient])
	})
	if err != nil {
		return err
	}
	for key, times := range sent {
		if times > 1 {
			a.findf("sent %d times: %s", times, key)
		}
	}
	for _, file := range a.mails {
		if name, _, _ := strings.Cut(file, "."); !mails[name] {
			a.findf("a mail was sent without an attempt on record: %s", file)
		}
	}
	return nil
}

// mailsSent are the names of the files of the mails that were sent so far.
func (r *rig) mailsSent() ([]string, error) {
	files, err := os.ReadDir(filepath.Join(r.folder, "mail"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, file := range files {
		names = append(names, file.Name())
	}
	return names, nil
}

// hoursSince are a member's hours from a version of their working time on.
type hoursSince struct {
	version int64
	windows []*availabilityv1.WeeklyWindow
	event   *event
}

// schedules are the hours that each member had, as their events tell them.
func (a *audit) schedules() map[uuid.UUID][]hoursSince {
	all := map[uuid.UUID][]hoursSince{}
	for _, e := range a.events {
		if told, ok := e.payload.(*availabilityv1.ScheduleChanged); ok {
			member := id(told.GetMember())
			all[member] = append(all[member], hoursSince{e.Version, told.GetWorkingSchedule().GetWindows(), e})
		}
	}
	return all
}

// judge judges an attempt by the hours that it was decided by: of those that were known, the ones that were in force at that
// instant. Newer ones that were published before must have been known: they were committed, and whoever sends asks.
func (a *audit) judge(t attempt, had []hoursSince) {
	if t.Begun.Sub(t.Decided) > freshFor {
		a.findf("an attempt began %s after it was decided: %+v", t.Begun.Sub(t.Decided), t)
	}
	if t.Urgent {
		return
	}
	var by, newer *hoursSince
	for i, h := range had {
		switch {
		case h.version <= t.Version && h.event.Time.After(t.Decided): // set while it was decided, from then on
		case h.version <= t.Version:
			by = &had[i]
		case newer == nil:
			newer = &had[i]
		}
	}
	switch {
	case !t.Working:
		a.findf("sent outside working time: %s over %s to %s, decided at %s", t.parcel(), t.Channel, t.Recipient, t.Decided.Format(clockTime))
	case by == nil:
		a.findf("sent by hours that nobody set: %s to %s, version %d", t.parcel(), t.Recipient, t.Version)
	case !within(by.windows, t.Decided):
		a.findf("sent at a forbidden hour: %s over %s to %s, decided at %s by version %d (%s)", t.parcel(), t.Channel, t.Recipient,
			t.Decided.Format(clockTime), t.Version, by.event)
	case newer != nil && newer.event.stored.Before(t.Decided):
		a.findf("sent by hours that were out of date: %s to %s, decided at %s by version %d, but %s", t.parcel(), t.Recipient,
			t.Decided.Format(clockTime), t.Version, newer.event)
	}
}
