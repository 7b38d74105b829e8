package availability

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ics "github.com/emersion/go-ical"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/rpctest"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
)

func (w *world) feed(by person, parent string, kind availabilityv1.CalendarFeed_Kind) (*availabilityv1.CalendarFeed, string) {
	w.t.Helper()
	made, err := w.feeds.CreateCalendarFeed(by.ctx, &availabilityv1.CreateCalendarFeedRequest{
		Parent: parent, CalendarFeed: &availabilityv1.CalendarFeed{DisplayName: "For Outlook", Kind: kind},
	})
	require.NoError(w.t, err)
	secret, ok := strings.CutPrefix(made.GetUrl(), "https://meridian.test/v1/feed.ics?secret=")
	require.True(w.t, ok, made.GetUrl())
	return made.GetCalendarFeed(), secret
}

// fetched is what a feed shows to who has its URL and nothing else.
func (w *world) fetched(secret string) ([]byte, error) {
	body, err := w.feeds.GetFeedContent(context.WithoutCancel(w.ctx), &availabilityv1.GetFeedContentRequest{Secret: secret})
	if err == nil {
		require.Equal(w.t, "text/calendar; charset=utf-8", body.GetContentType())
	}
	return body.GetData(), err
}

// others reads a calendar with another implementation than ours.
func others(t *testing.T, data []byte) *ics.Calendar {
	t.Helper()
	c, err := ics.NewDecoder(bytes.NewReader(data)).Decode()
	require.NoError(t, err, "%s", data)
	return c
}

// events are the events of a calendar, as lines of start, end, whether they are free, and title.
func events(t *testing.T, data []byte) []string {
	t.Helper()
	var all []string
	for _, e := range others(t, data).Events() {
		start, err := e.DateTimeStart(time.UTC)
		require.NoError(t, err)
		end, err := e.DateTimeEnd(time.UTC)
		require.NoError(t, err)
		title, err := e.Props.Text(ics.PropSummary)
		require.NoError(t, err)
		all = append(all, start.Format(time.RFC3339)+" "+end.Format(time.RFC3339)+" "+e.Props.Get(ics.PropTransparency).Value+" "+title)
	}
	return all
}

// busyOf are the times of a VFREEBUSY, as lines of start, end and type.
func busyOf(t *testing.T, data []byte) []string {
	t.Helper()
	c := others(t, data)
	require.Len(t, c.Children, 1)
	require.Equal(t, ics.CompFreeBusy, c.Children[0].Name)
	var all []string
	for _, p := range c.Children[0].Props.Values(ics.PropFreeBusy) {
		for period := range strings.SplitSeq(p.Value, ",") {
			start, end, _ := strings.Cut(period, "/")
			from, err := time.Parse("20060102T150405Z", start)
			require.NoError(t, err)
			until, err := time.Parse("20060102T150405Z", end)
			require.NoError(t, err)
			all = append(all, from.Format(time.RFC3339)+" "+until.Format(time.RFC3339)+" "+p.Params.Get(ics.ParamFreeBusyType))
		}
	}
	slices.Sort(all)
	return all
}

const (
	asEvents   = availabilityv1.CalendarFeed_EVENTS
	asFreeBusy = availabilityv1.CalendarFeed_FREE_BUSY
)

// What another implementation reads of a member's feeds is what the API says of their time.
func TestFeedsAreReadByOthersToTheSameTimes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	w.set(ben, ben.name(), "America/Chicago", "2027-03-01", hours("22:00", "06:00"), hours("18:00", "20:30"))
	w.off(ben, "2026-12-07", "2026-12-11")
	_, err := w.upload(ben, ben, file(standup))
	require.NoError(t, err)
	span := domain.FeedRange(epoch)
	shown := map[string]string{
		"WORKING": "TRANSPARENT Working", "UNINTERRUPTIBLE": "OPAQUE Busy", "TIME_OFF": "OPAQUE Away",
	}
	unavailable := map[string]string{"OFF": "BUSY-UNAVAILABLE", "TIME_OFF": "BUSY-UNAVAILABLE", "UNINTERRUPTIBLE": "BUSY"}
	var wantEvents, wantBusy []string
	for _, line := range w.timeline(ana, ben.name(), span.Start.Format(time.RFC3339), span.End.Format(time.RFC3339)) {
		at := strings.LastIndexByte(line, ' ')
		when, kind := line[:at], line[at+1:]
		if text, ok := shown[kind]; ok {
			wantEvents = append(wantEvents, when+" "+text)
		}
		if text, ok := unavailable[kind]; ok {
			start, end, _ := strings.Cut(when, " ")
			if n := len(wantBusy); n > 0 && strings.HasSuffix(wantBusy[n-1], start+" "+text) { // time off between hours
				wantBusy[n-1] = strings.TrimSuffix(wantBusy[n-1], start+" "+text) + end + " " + text
				continue
			}
			wantBusy = append(wantBusy, when+" "+text)
		}
	}
	_, secret := w.feed(ben, ben.name(), asEvents)
	data, err := w.fetched(secret)
	require.NoError(t, err)
	require.Equal(t, wantEvents, events(t, data))
	require.Greater(t, len(wantEvents), 150)
	require.NotContains(t, string(data), "sea", "nor why they are away")
	require.NotContains(t, string(data), "Stand-up")
	_, secret = w.feed(ben, ben.name(), asFreeBusy)
	data, err = w.fetched(secret)
	require.NoError(t, err)
	require.Equal(t, wantBusy, busyOf(t, data))

	// All of a day, what has not changed is the same to the byte; and the RPC says the same of any range.
	w.clock.Advance(14 * time.Hour)
	again, err := w.fetched(secret)
	require.NoError(t, err)
	require.Equal(t, string(data), string(again))
	body, err := w.feeds.GetFreeBusy(ana.ctx, &availabilityv1.GetFreeBusyRequest{
		Name: ben.name(), StartTime: stamp("2026-12-04T16:00:00Z"), EndTime: stamp("2026-12-14T16:00:00Z"),
	})
	require.NoError(t, err)
	require.Equal(t, "text/calendar; charset=utf-8", body.GetContentType())
	require.Equal(t, []string{"2026-12-04T23:00:00Z 2026-12-14T15:00:00Z BUSY-UNAVAILABLE", "2026-12-14T15:30:00Z 2026-12-14T16:00:00Z BUSY"}, busyOf(t, body.GetData()))
}

// A team's feed says who is away; it is free when somebody of the team can be interrupted.
func TestFeedsOfATeam(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	w.off(ben, "2026-12-02", "2026-12-02")
	cleo := w.member(ws, auth.Member, "Cleo", "UTC")
	team := domain.TeamName(ws, w.crew(ws, ana, ben))
	_, secret := w.feed(ana, team, asEvents)
	data, err := w.fetched(secret)
	require.NoError(t, err)
	require.Equal(t, []string{"2026-12-02T15:00:00Z 2026-12-02T23:00:00Z OPAQUE Ben: Away"}, events(t, data))
	_, secret = w.feed(ana, team, asFreeBusy)
	data, err = w.fetched(secret)
	require.NoError(t, err)
	all := busyOf(t, data)
	require.Contains(t, all, "2026-12-01T23:00:00Z 2026-12-02T09:00:00Z BUSY-UNAVAILABLE")
	require.Contains(t, all, "2026-12-02T17:00:00Z 2026-12-03T09:00:00Z BUSY-UNAVAILABLE", "Ben is away, and Ana works in London alone")

	// Leads have them, and nobody else of the team.
	req := &availabilityv1.ListCalendarFeedsRequest{Parent: team}
	for _, p := range []person{ben, cleo} {
		_, err = w.feeds.ListCalendarFeeds(p.ctx, req)
		rpctest.Failed(t, err, codes.PermissionDenied, fault.ReasonPermissionDenied)
	}
	w.exec(`UPDATE team_members SET lead = true WHERE member_id = $1`, ben.Member)
	listed, err := w.feeds.ListCalendarFeeds(ben.ctx, req)
	require.NoError(t, err)
	require.Len(t, listed.GetCalendarFeeds(), 2)
	w.exec(`UPDATE teams SET deleted = true`)
	_, err = w.fetched(secret)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.feeds.ListCalendarFeeds(ana.ctx, req)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
}

func TestTheURLOfAFeedIsASecretThatCanBeRevoked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, ana, ben := w.team()
	cleo := w.member(ws, auth.Member, "Cleo", "UTC")
	req := &availabilityv1.CreateCalendarFeedRequest{
		Parent: domain.WorkspaceName(ws) + "/members/me", CalendarFeed: &availabilityv1.CalendarFeed{DisplayName: "Phone", Kind: asEvents}, RequestId: uuid.NewString(),
	}
	made, err := w.feeds.CreateCalendarFeed(ben.ctx, req)
	require.NoError(t, err)
	require.Equal(t, ben.name(), made.GetCalendarFeed().GetCreator())
	secret := made.GetUrl()[strings.LastIndexByte(made.GetUrl(), '=')+1:]
	_, err = w.feeds.CreateCalendarFeed(ben.ctx, req)
	rpctest.Failed(t, err, codes.AlreadyExists, fault.ReasonAlreadyExists)
	var kept int
	require.NoError(t, w.db.Owner.Pool().QueryRow(w.ctx, `SELECT count(*) FROM calendar_feeds f, replay r WHERE f::text LIKE '%' || $1 || '%' OR r::text LIKE '%' || $1 || '%'`, secret).Scan(&kept))
	require.Zero(t, kept)
	got, err := w.feeds.GetCalendarFeed(ana.ctx, &availabilityv1.GetCalendarFeedRequest{Name: made.GetCalendarFeed().GetName()})
	require.NoError(t, err)
	require.True(t, proto.Equal(made.GetCalendarFeed(), got))

	// Whoever may not is refused; what is not there is not found.
	for _, call := range []func() error{
		func() error {
			_, err := w.feeds.CreateCalendarFeed(cleo.ctx, &availabilityv1.CreateCalendarFeedRequest{Parent: ben.name(), CalendarFeed: req.GetCalendarFeed()})
			return err
		},
		func() error {
			_, err := w.feeds.GetCalendarFeed(cleo.ctx, &availabilityv1.GetCalendarFeedRequest{Name: got.GetName()})
			return err
		},
		func() error {
			_, err := w.feeds.DeleteCalendarFeed(cleo.ctx, &availabilityv1.DeleteCalendarFeedRequest{Name: got.GetName()})
			return err
		},
	} {
		rpctest.Failed(t, call(), codes.PermissionDenied, fault.ReasonPermissionDenied)
	}
	elsewhere := strings.Replace(got.GetName(), ben.Member.String(), ana.Member.String(), 1)
	_, err = w.feeds.GetCalendarFeed(ana.ctx, &availabilityv1.GetCalendarFeedRequest{Name: elsewhere})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	_, err = w.feeds.ListCalendarFeeds(ana.ctx, &availabilityv1.ListCalendarFeedsRequest{Parent: domain.MemberName(ws, uuid.New())})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)

	_, err = w.fetched(secret)
	require.NoError(t, err)
	other, _ := auth.NewFeedSecret()
	for _, wrong := range []string{"x", secret[:len(secret)-1] + "!", other} {
		_, err := w.fetched(wrong)
		rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
		require.NotContains(t, err.Error(), wrong+" ", "a secret is not repeated")
	}
	w.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, ben.Member)
	_, err = w.fetched(secret)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	w.exec(`UPDATE members SET state = 2 WHERE member_id = $1`, ben.Member)
	drop := &availabilityv1.DeleteCalendarFeedRequest{Name: got.GetName(), Etag: `"7"`, RequestId: uuid.NewString()}
	_, err = w.feeds.DeleteCalendarFeed(ben.ctx, drop)
	rpctest.Failed(t, err, codes.Aborted, fault.ReasonEtagStale)
	drop.Etag = got.GetEtag()
	gone, err := w.feeds.DeleteCalendarFeed(ben.ctx, drop)
	require.NoError(t, err)
	_, err = w.fetched(secret)
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	again, err := w.feeds.DeleteCalendarFeed(ben.ctx, drop)
	require.NoError(t, err)
	require.True(t, proto.Equal(gone, again))
	_, err = w.feeds.DeleteCalendarFeed(ben.ctx, &availabilityv1.DeleteCalendarFeedRequest{Name: got.GetName()})
	rpctest.Failed(t, err, codes.NotFound, fault.ReasonResourceNotFound)
	require.Empty(t, w.unpublished(), "nothing of working time changes")
}

func TestOfFeedsMadeAtOnceNoneIsOverTheLimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ws, _, _ := w.team()
	for range 6 {
		cleo := w.member(ws, auth.Member, "Cleo", "UTC")
		var (
			made atomic.Int32
			all  sync.WaitGroup
		)
		for range 40 {
			all.Go(func() {
				_, err := w.feeds.CreateCalendarFeed(cleo.ctx, &availabilityv1.CreateCalendarFeedRequest{
					Parent: cleo.name(), CalendarFeed: &availabilityv1.CalendarFeed{DisplayName: "One more", Kind: asEvents},
				})
				if err == nil {
					made.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 20, made.Load())
	}
}

func TestAMemberHasAtMostTwentyFeeds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	for range 20 {
		w.feed(ben, ben.name(), asFreeBusy)
	}
	_, err := w.feeds.CreateCalendarFeed(ben.ctx, &availabilityv1.CreateCalendarFeedRequest{
		Parent: ben.name(), CalendarFeed: &availabilityv1.CalendarFeed{DisplayName: "One more", Kind: asEvents},
	})
	rpctest.Failed(t, err, codes.FailedPrecondition, domain.ReasonTooManyFeeds)
	page, err := w.feeds.ListCalendarFeeds(ben.ctx, &availabilityv1.ListCalendarFeedsRequest{Parent: ben.name(), PageSize: 15})
	require.NoError(t, err)
	require.Len(t, page.GetCalendarFeeds(), 15)
	page, err = w.feeds.ListCalendarFeeds(ben.ctx, &availabilityv1.ListCalendarFeedsRequest{Parent: ben.name(), PageSize: 15, PageToken: page.GetNextPageToken()})
	require.NoError(t, err)
	require.Len(t, page.GetCalendarFeeds(), 5)
	for field, feeds := range map[string][]*availabilityv1.CalendarFeed{
		"calendar_feed.kind":         {{DisplayName: "x"}},
		"calendar_feed.display_name": {{Kind: asEvents}, {Kind: asEvents, DisplayName: " "}, {Kind: asEvents, DisplayName: "a\nb"}},
	} {
		for _, f := range feeds {
			_, err := w.feeds.CreateCalendarFeed(ben.ctx, &availabilityv1.CreateCalendarFeedRequest{Parent: ben.name(), CalendarFeed: f})
			rpctest.FailedField(t, err, fault.ReasonFieldInvalid, field)
		}
	}
}
