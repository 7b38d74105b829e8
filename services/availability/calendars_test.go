package availability

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

// file is a calendar of events, each the lines of a VEVENT but for its UID.
func file(events ...string) []byte {
	var all strings.Builder
	all.WriteString("BEGIN:VCALENDAR\r\n")
	for i, e := range events {
		all.WriteString("BEGIN:VEVENT\r\nUID:" + string(rune('a'+i)) + "\r\n" + strings.ReplaceAll(e, "\n", "\r\n") + "\r\nEND:VEVENT\r\n")
	}
	all.WriteString("END:VCALENDAR\r\n")
	return []byte(all.String())
}

// standup is every weekday from 15:30 to 16:00 UTC, half an hour after Ben begins to work.
const standup = "DTSTART:20261201T153000Z\nDURATION:PT30M\nRRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR\nSUMMARY:Stand-up with Ana"

func (w *world) upload(by, of person, content []byte) (*availabilityv1.Calendar, error) {
	return w.calendars.CreateCalendar(by.ctx, &availabilityv1.CreateCalendarRequest{
		Parent: of.name(), Calendar: &availabilityv1.Calendar{DisplayName: "Work", Content: content},
	})
}

// busy are the busy times of a calendar, as lines of start, end and title.
func (w *world) busy(by person, calendar string) []string {
	w.t.Helper()
	var all []string
	req := &availabilityv1.ListBusyTimesRequest{Parent: calendar, PageSize: 200}
	for {
		page, err := w.calendars.ListBusyTimes(by.ctx, req)
		require.NoError(w.t, err)
		for _, b := range page.GetBusyTimes() {
			line := b.GetStartTime().AsTime().Format(time.RFC3339) + " " + b.GetEndTime().AsTime().Format(time.RFC3339) + " " + b.GetTitle()
			all = append(all, strings.TrimSpace(line))
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return all
		}
	}
}

// run does all that is due of calendars, at the world's time.
func (w *world) run() {
	w.t.Helper()
	for {
		claimed, _, err := w.app.ClaimCalendars(w.ctx, w.clock.Now(), time.Minute, 10)
		require.NoError(w.t, err)
		if len(claimed) == 0 {
			return
		}
		for _, key := range claimed {
			require.NoError(w.t, w.app.ImportCalendar(w.ctx, key))
		}
	}
}

// changes are the ranges of working_time.changed in the outbox.
func (w *world) changes() []string {
	w.t.Helper()
	var all []string
	for _, e := range w.unpublished() {
		if c, ok := e.payload.(*availabilityv1.WorkingTimeChanged); ok {
			all = append(all, c.GetStartTime().AsTime().Format(time.RFC3339)+" "+c.GetEndTime().AsTime().Format(time.RFC3339))
		}
	}
	return all
}

func TestAnUploadedCalendarMakesWorkUninterruptible(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	made, err := w.upload(ben, ben, file(standup, "DTSTART;VALUE=DATE:20261205\nSUMMARY:Saturday"))
	require.NoError(t, err)
	require.Empty(t, made.GetContent())
	require.Zero(t, made.GetRefusedEventCount())
	require.Equal(t, stamp("2028-01-05T00:00:00Z").AsTime(), made.GetHorizonTime().AsTime(), "400 days ahead")
	all := w.busy(ben, made.GetName())
	require.Len(t, all, 286+1)
	require.Equal(t, []string{
		"2026-12-01T15:30:00Z 2026-12-01T16:00:00Z", "2026-12-02T15:30:00Z 2026-12-02T16:00:00Z", "2026-12-03T15:30:00Z 2026-12-03T16:00:00Z",
		"2026-12-04T15:30:00Z 2026-12-04T16:00:00Z", "2026-12-05T06:00:00Z 2026-12-06T06:00:00Z", // in Chicago's days
	}, all[:5])
	require.Equal(t, []string{"2026-12-01T15:30:00Z 2028-01-04T16:00:00Z"}, w.changes())
	require.Equal(t, []string{
		"2026-12-01T15:00:00Z 2026-12-01T15:30:00Z WORKING", "2026-12-01T15:30:00Z 2026-12-01T16:00:00Z UNINTERRUPTIBLE",
		"2026-12-01T16:00:00Z 2026-12-01T23:00:00Z WORKING",
	}, w.timeline(ana, ben.name(), "2026-12-01T15:00:00Z", "2026-12-01T23:00:00Z"))

	// The same file again changes nothing; another takes its place, from now on.
	w.clock.Advance(6*time.Hour + 45*time.Minute) // 15:45, within the stand-up
	again, err := w.calendars.UpdateCalendar(ben.ctx, &availabilityv1.UpdateCalendarRequest{
		Calendar: &availabilityv1.Calendar{Name: made.GetName(), Content: file(standup, "DTSTART;VALUE=DATE:20261205\nSUMMARY:Saturday"), Etag: made.GetEtag()},
	})
	require.NoError(t, err)
	require.True(t, proto.Equal(made, again))
	require.Len(t, w.changes(), 1)
	other, err := w.calendars.UpdateCalendar(ben.ctx, &availabilityv1.UpdateCalendarRequest{
		Calendar:   &availabilityv1.Calendar{Name: made.GetName(), Content: file("DTSTART:20261202T153000Z\nDURATION:PT30M"), Etag: made.GetEtag()},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"content"}},
	})
	require.NoError(t, err)
	require.NotEqual(t, made.GetEtag(), other.GetEtag())
	require.Equal(t, []string{"2026-12-02T15:30:00Z 2026-12-02T16:00:00Z"}, w.busy(ben, made.GetName()))
	require.Equal(t, "2026-12-01T15:45:00Z 2028-01-04T16:00:00Z", w.changes()[1])
	past := []string{
		"2026-12-01T15:00:00Z 2026-12-01T15:30:00Z WORKING", "2026-12-01T15:30:00Z 2026-12-01T15:45:00Z UNINTERRUPTIBLE",
		"2026-12-01T15:45:00Z 2026-12-01T23:00:00Z WORKING",
	}
	require.Equal(t, past, w.timeline(ana, ben.name(), "2026-12-01T15:00:00Z", "2026-12-01T23:00:00Z"))

	// Deleted, it leaves what has been, and is not found.
	gone, err := w.calendars.DeleteCalendar(ben.ctx, &availabilityv1.DeleteCalendarRequest{Name: made.GetName()})
	require.NoError(t, err)
	require.Equal(t, made.GetName(), gone.GetName())
	require.Equal(t, "2026-12-02T15:30:00Z 2026-12-02T16:00:00Z", w.changes()[2])
	require.Equal(t, past, w.timeline(ana, ben.name(), "2026-12-01T15:00:00Z", "2026-12-01T23:00:00Z"))
	_, err = w.calendars.GetCalendar(ben.ctx, &availabilityv1.GetCalendarRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	w.run()
}

// What is due moves the horizon on, day by day, also where floating times are in another zone by then.
func TestTheHorizonMovesOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	made, err := w.upload(ben, ben, file("DTSTART:20261201T090000\nDURATION:PT1H\nRRULE:FREQ=DAILY"))
	require.NoError(t, err)
	all := w.busy(ben, made.GetName())
	require.Equal(t, "2026-12-01T15:00:00Z 2026-12-01T16:00:00Z", all[0])
	w.run()
	require.Equal(t, all, w.busy(ben, made.GetName()), "not before it is due")
	w.clock.Advance(24 * time.Hour)
	w.run()
	got, err := w.calendars.GetCalendar(ben.ctx, &availabilityv1.GetCalendarRequest{Name: made.GetName()})
	require.NoError(t, err)
	require.Equal(t, made.GetHorizonTime().AsTime().Add(24*time.Hour), got.GetHorizonTime().AsTime())
	moved := w.busy(ben, made.GetName())
	require.Equal(t, all[1:], moved[:len(moved)-1])
	require.Len(t, w.changes(), 2)
	require.Equal(t, "2028-01-05T15:00:00Z 2028-01-05T16:00:00Z", w.changes()[1], "the day that came, and no more")

	w.set(ben, ben.name(), "Asia/Tokyo", "", hours("09:00", "17:00"))
	w.clock.Advance(24 * time.Hour)
	w.run()
	require.Equal(t, "2026-12-04T00:00:00Z 2026-12-04T01:00:00Z", w.busy(ben, made.GetName())[0])
}

func TestTitlesAreKeptWhereAskedForAndToldToTheMemberAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	content := file("DTSTART:20261202T150000Z\nDURATION:PT1H\nSUMMARY:Dentist\nDESCRIPTION:root canal", "DTSTART:20261202T153000Z\nDURATION:PT1H\nSUMMARY:Call")
	plain, err := w.upload(ben, ben, content)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-12-02T15:00:00Z 2026-12-02T16:30:00Z"}, w.busy(ben, plain.GetName()))
	titled, err := w.calendars.CreateCalendar(ben.ctx, &availabilityv1.CreateCalendarRequest{
		Parent: ben.name(), Calendar: &availabilityv1.Calendar{DisplayName: "Home", Content: content, KeepTitles: true, TimeZone: "Europe/Paris"},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"2026-12-02T15:00:00Z 2026-12-02T16:00:00Z Dentist", "2026-12-02T15:30:00Z 2026-12-02T16:30:00Z Call"}, w.busy(ben, titled.GetName()))
	require.Equal(t, []string{"2026-12-02T15:00:00Z 2026-12-02T16:00:00Z", "2026-12-02T15:30:00Z 2026-12-02T16:30:00Z"}, w.busy(ana, titled.GetName()))

	// Nothing but what decides when it is busy is in the database, and no title that was not asked for.
	kept := func(text string) (n int) {
		for _, table := range []string{"imported_sources", "imported_busy_times", "imported_calendars", "outbox"} {
			var found int
			require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT count(*) FROM `+table+` x WHERE encode(convert_to(x::text, 'UTF8'), 'escape') LIKE '%' || $1 || '%'
				OR x::text LIKE '%' || encode(convert_to($1, 'UTF8'), 'hex') || '%'`, text).Scan(&found))
			n += found
		}
		return n
	}
	require.Zero(t, kept("root canal"))
	require.Equal(t, 2, kept("Dentist"), "the file and the busy time of the one that keeps titles")
	_, err = w.calendars.DeleteCalendar(ben.ctx, &availabilityv1.DeleteCalendarRequest{Name: titled.GetName()})
	require.NoError(t, err)
	require.Zero(t, kept("Dentist"))
}

func TestWhoMayHaveCalendars(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo := w.member(ws, auth.Member, "Cleo", "UTC")
	made, err := w.upload(ana, ben, file(standup))
	require.NoError(t, err)
	for name, call := range map[string]func(ctx context.Context) error{
		"get": func(ctx context.Context) error {
			_, err := w.calendars.GetCalendar(ctx, &availabilityv1.GetCalendarRequest{Name: made.GetName()})
			return err
		},
		"list": func(ctx context.Context) error {
			_, err := w.calendars.ListCalendars(ctx, &availabilityv1.ListCalendarsRequest{Parent: ben.name()})
			return err
		},
		"busy": func(ctx context.Context) error {
			_, err := w.calendars.ListBusyTimes(ctx, &availabilityv1.ListBusyTimesRequest{Parent: made.GetName()})
			return err
		},
		"update": func(ctx context.Context) error {
			_, err := w.calendars.UpdateCalendar(ctx, &availabilityv1.UpdateCalendarRequest{Calendar: &availabilityv1.Calendar{Name: made.GetName(), DisplayName: "Mine"}})
			return err
		},
		"refresh": func(ctx context.Context) error {
			_, err := w.calendars.RefreshCalendar(ctx, &availabilityv1.RefreshCalendarRequest{Name: made.GetName()})
			if status.Code(err) == codes.FailedPrecondition {
				rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonCalendarNotFetched)
				return nil
			}
			return err
		},
	} {
		rpctest.Failed(t, call(cleo.ctx), codes.PermissionDenied, fault.ReasonPermissionDenied)
		require.NoError(t, call(ana.ctx), name)
		require.NoError(t, call(ben.ctx), name)
	}
	_, err = w.upload(cleo, ben, file(standup))
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	_, err = w.calendars.DeleteCalendar(cleo.ctx, &availabilityv1.DeleteCalendarRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	other := w.member(uuid.Must(uuid.NewV7()), auth.Admin, "Zoe", "UTC")
	_, err = w.calendars.GetCalendar(other.ctx, &availabilityv1.GetCalendarRequest{Name: made.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.calendars.CreateCalendar(ana.ctx, &availabilityv1.CreateCalendarRequest{
		Parent: domain.MemberName(ws, uuid.New()), Calendar: &availabilityv1.Calendar{DisplayName: "Work", Content: file(standup)},
	})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

func TestTheSameRequestTwice(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	req := &availabilityv1.CreateCalendarRequest{
		Parent: ben.name(), Calendar: &availabilityv1.Calendar{DisplayName: "Work", Content: file(standup)}, RequestId: uuid.NewString(),
	}
	made, err := w.calendars.CreateCalendar(ben.ctx, req)
	require.NoError(t, err)
	again, err := w.calendars.CreateCalendar(ben.ctx, req)
	require.NoError(t, err)
	require.True(t, proto.Equal(made, again))
	drop := &availabilityv1.DeleteCalendarRequest{Name: made.GetName(), RequestId: uuid.NewString(), Etag: `"9"`}
	_, err = w.calendars.DeleteCalendar(ben.ctx, drop)
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	drop.Etag = made.GetEtag()
	gone, err := w.calendars.DeleteCalendar(ben.ctx, drop)
	require.NoError(t, err)
	again, err = w.calendars.DeleteCalendar(ben.ctx, drop)
	require.NoError(t, err)
	require.True(t, proto.Equal(gone, again))
	require.Len(t, w.changes(), 2)
}

func TestAMemberHasAtMostTwentyCalendars(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	var last *availabilityv1.Calendar
	for range 20 {
		var err error
		last, err = w.upload(ben, ben, file("DTSTART:20261202T153000Z\nDURATION:PT30M"))
		require.NoError(t, err)
	}
	require.Len(t, w.changes(), 1, "they were busy then already")
	_, err := w.upload(ben, ben, file(standup))
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTooManyCalendars)
	page, err := w.calendars.ListCalendars(ben.ctx, &availabilityv1.ListCalendarsRequest{Parent: domain.WorkspaceName(ben.Workspace) + "/members/me", PageSize: 12})
	require.NoError(t, err)
	require.Equal(t, last.GetName(), page.GetCalendars()[0].GetName(), "the newest first")
	page, err = w.calendars.ListCalendars(ben.ctx, &availabilityv1.ListCalendarsRequest{
		Parent: domain.WorkspaceName(ben.Workspace) + "/members/me", PageSize: 12, PageToken: page.GetNextPageToken(),
	})
	require.NoError(t, err)
	require.Len(t, page.GetCalendars(), 8)
	_, err = w.calendars.DeleteCalendar(ben.ctx, &availabilityv1.DeleteCalendarRequest{Name: last.GetName()})
	require.NoError(t, err)
	_, err = w.upload(ben, ben, file(standup))
	require.NoError(t, err)
}

func TestCalendarsThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	for name, c := range map[string]struct {
		calendar *availabilityv1.Calendar
		field    string
	}{
		"nothing":     {&availabilityv1.Calendar{DisplayName: "W"}, "calendar"},
		"both":        {&availabilityv1.Calendar{DisplayName: "W", Content: file(standup), SourceUrl: "https://x.test/a.ics"}, "calendar"},
		"no name":     {&availabilityv1.Calendar{Content: file(standup)}, "calendar.display_name"},
		"a blank one": {&availabilityv1.Calendar{DisplayName: "\t", Content: file(standup)}, "calendar.display_name"},
		"two lines":   {&availabilityv1.Calendar{DisplayName: "a\r\nb", Content: file(standup)}, "calendar.display_name"},
		"a long name": {&availabilityv1.Calendar{DisplayName: strings.Repeat("é", 101), Content: file(standup)}, "calendar.display_name"},
		"no zone":     {&availabilityv1.Calendar{DisplayName: "W", Content: file(standup), TimeZone: "Mars/Base"}, "calendar.time_zone"},
		"webcal":      {&availabilityv1.Calendar{DisplayName: "W", SourceUrl: "webcal://x.test/a.ics"}, "calendar.source_url"},
		"a file URL":  {&availabilityv1.Calendar{DisplayName: "W", SourceUrl: "file:///etc/passwd"}, "calendar.source_url"},
		"no host":     {&availabilityv1.Calendar{DisplayName: "W", SourceUrl: "https:///a.ics"}, "calendar.source_url"},
		"a password":  {&availabilityv1.Calendar{DisplayName: "W", SourceUrl: "https://u:p@x.test/a.ics"}, "calendar.source_url"},
		"no calendar": {&availabilityv1.Calendar{DisplayName: "W", Content: []byte("hello")}, "calendar.content"},
		"cut off":     {&availabilityv1.Calendar{DisplayName: "W", Content: file(standup)[:60]}, "calendar.content"},
		"too much":    {&availabilityv1.Calendar{DisplayName: "W", Content: file("DTSTART:20261201T000000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY;INTERVAL=2")}, "calendar.content"},
		"too large":   {&availabilityv1.Calendar{DisplayName: "W", Content: make([]byte, 4_000_001)}, "calendar.content"},
	} {
		_, err := w.calendars.CreateCalendar(ben.ctx, &availabilityv1.CreateCalendarRequest{Parent: ben.name(), Calendar: c.calendar})
		require.Error(t, err, name)
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, c.field)
	}
	_, err := w.upload(ben, ben, file("DTSTART:20261201T000000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY;INTERVAL=2"))
	require.ErrorContains(t, err, "line 2")
	require.ErrorContains(t, err, "20000")

	made, err := w.upload(ben, ben, file(standup))
	require.NoError(t, err)
	for path, c := range map[string]*availabilityv1.Calendar{
		"calendar.source_url": {SourceUrl: "https://x.test/a.ics"}, "calendar.content": {Content: []byte("hello")}, "update_mask": {TimeZone: "UTC"},
	} {
		c.Name = made.GetName()
		field := strings.TrimPrefix(path, "calendar.")
		if field == "update_mask" {
			field = "time_zone"
		}
		_, err := w.calendars.UpdateCalendar(ben.ctx, &availabilityv1.UpdateCalendarRequest{Calendar: c, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{field}}})
		rpctest.FailedField(t, err, fault.ReasonFieldInvalid, path)
	}
	require.Len(t, w.changes(), 1)
}

// What is validated alone says what it would do, and does nothing.
func TestCalendarsAreForeseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	seen, err := w.calendars.CreateCalendar(ben.ctx, &availabilityv1.CreateCalendarRequest{
		Parent: ben.name(), Calendar: &availabilityv1.Calendar{DisplayName: "Work", Content: file("DTSTART:20261201T153000Z\nDURATION:PT30M")}, ValidateOnly: true,
	})
	require.NoError(t, err)
	require.Empty(t, seen.GetName())
	require.Len(t, seen.GetPreview().GetChanges(), 1)
	change := seen.GetPreview().GetChanges()[0]
	require.Equal(t, at("2026-12-01T15:30:00Z"), change.GetStartTime().AsTime())
	require.Equal(t, at("2026-12-01T16:00:00Z"), change.GetEndTime().AsTime())
	require.Equal(t, availabilityv1.AvailabilityInterval_WORKING, change.GetBefore())
	require.Equal(t, availabilityv1.AvailabilityInterval_UNINTERRUPTIBLE, change.GetAfter())
	page, err := w.calendars.ListCalendars(ben.ctx, &availabilityv1.ListCalendarsRequest{Parent: ben.name()})
	require.NoError(t, err)
	require.Empty(t, page.GetCalendars())
	made, err := w.upload(ben, ben, file("DTSTART:20261201T153000Z\nDURATION:PT30M"))
	require.NoError(t, err)
	require.Nil(t, made.GetPreview())
	same, err := w.calendars.UpdateCalendar(ben.ctx, &availabilityv1.UpdateCalendarRequest{
		Calendar: &availabilityv1.Calendar{Name: made.GetName(), Content: file("DTSTART:20261201T153000Z\nDURATION:PT30M")}, ValidateOnly: true,
	})
	require.NoError(t, err)
	require.NotNil(t, same.GetPreview())
	require.Empty(t, same.GetPreview().GetChanges())
	gone, err := w.calendars.DeleteCalendar(ben.ctx, &availabilityv1.DeleteCalendarRequest{Name: made.GetName(), ValidateOnly: true})
	require.NoError(t, err)
	require.Len(t, gone.GetPreview().GetChanges(), 1)
	require.Len(t, w.busy(ben, made.GetName()), 1)
	require.Len(t, w.changes(), 1)
}
