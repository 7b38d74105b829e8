package availability

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	availabilityv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/availability/v1"
	"github.com/meridianhq/meridian/services/availability/internal/domain"
	"github.com/meridianhq/meridian/services/availability/internal/fetch"
)

// source is a server of a calendar, whose answer a test changes.
type source struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []http.Header
	answer http.HandlerFunc
}

func newSource(t *testing.T) *source {
	t.Helper()
	s := &source{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r.Header)
		answer := s.answer
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *source) set(answer http.HandlerFunc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = answer
}

// serves has it answer with a file, and 304 to who has seen it.
func (s *source) serves(content []byte, tag string) {
	s.set(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		w.Header().Set("Last-Modified", "Tue, 01 Dec 2026 08:00:00 GMT")
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = w.Write(content)
	})
}

func (s *source) last() http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[len(s.asked)-1]
}

func (w *world) subscribe(p person, url string) *availabilityv1.Calendar {
	w.t.Helper()
	made, err := w.calendars.CreateCalendar(p.ctx, &availabilityv1.CreateCalendarRequest{
		Parent: p.name(), Calendar: &availabilityv1.Calendar{DisplayName: "Work", SourceUrl: url},
	})
	require.NoError(w.t, err)
	require.Equal(w.t, w.clock.Now(), made.GetNextFetchTime().AsTime())
	require.Nil(w.t, made.GetLastFetchTime())
	return made
}

func (w *world) calendar(by person, name string) *availabilityv1.Calendar {
	w.t.Helper()
	got, err := w.calendars.GetCalendar(by.ctx, &availabilityv1.GetCalendarRequest{Name: name})
	require.NoError(w.t, err)
	return got
}

const tuesday = "DTSTART:20261201T153000Z\nDURATION:PT30M\nSUMMARY:Secret"

func TestACalendarIsFetchedAgainAndAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, ana, ben := w.team()
	s := newSource(t)
	s.serves(file(tuesday), `"one"`)
	made := w.subscribe(ben, s.URL+"/private-1234/basic.ics")
	require.Empty(t, w.busy(ben, made.GetName()))
	w.run()
	got := w.calendar(ben, made.GetName())
	require.Empty(t, got.GetLastError())
	require.Equal(t, w.clock.Now(), got.GetLastFetchTime().AsTime())
	require.Equal(t, w.clock.Now().Add(time.Hour), got.GetNextFetchTime().AsTime())
	require.Equal(t, []string{"2026-12-01T15:30:00Z 2026-12-01T16:00:00Z"}, w.busy(ben, made.GetName()))
	require.Equal(t, []string{"2026-12-01T15:30:00Z 2026-12-01T16:00:00Z"}, w.changes())
	require.Equal(t, made.GetSourceUrl(), got.GetSourceUrl())
	seen := w.calendar(ana, made.GetName())
	require.Empty(t, seen.GetSourceUrl(), "where from is the member's secret")
	require.NotNil(t, seen.GetNextFetchTime())

	// Unchanged, it is not sent again and changes nothing.
	w.clock.Advance(time.Hour)
	w.run()
	require.Equal(t, `"one"`, s.last().Get("If-None-Match"))
	require.Equal(t, "Tue, 01 Dec 2026 08:00:00 GMT", s.last().Get("If-Modified-Since"))
	require.Equal(t, w.clock.Now(), w.calendar(ben, made.GetName()).GetLastFetchTime().AsTime())
	require.Len(t, w.changes(), 1)

	// Changed, it takes the place of what was.
	s.serves(file("DTSTART:20261202T153000Z\nDURATION:PT30M"), `"two"`)
	w.clock.Advance(time.Hour)
	w.run()
	require.Equal(t, []string{"2026-12-02T15:30:00Z 2026-12-02T16:00:00Z"}, w.busy(ben, made.GetName()))
	require.Equal(t, "2026-12-01T15:30:00Z 2026-12-02T16:00:00Z", w.changes()[1])

	// Without an etag a server that always sends everything changes nothing either.
	s.set(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(file("DTSTART:20261202T153000Z\nDURATION:PT30M"))
	})
	w.clock.Advance(time.Hour)
	w.run()
	require.Len(t, w.changes(), 2)

	// On demand, and from elsewhere.
	w.clock.Advance(time.Minute)
	s.serves(file(tuesday), `"three"`)
	asked, err := w.calendars.RefreshCalendar(ben.ctx, &availabilityv1.RefreshCalendarRequest{Name: made.GetName()})
	require.NoError(t, err)
	require.Equal(t, w.clock.Now(), asked.GetNextFetchTime().AsTime())
	w.run()
	require.Equal(t, []string{"2026-12-01T15:30:00Z 2026-12-01T16:00:00Z"}, w.busy(ben, made.GetName()))
	other := newSource(t)
	other.serves(file(), `"three"`)
	_, err = w.calendars.UpdateCalendar(ben.ctx, &availabilityv1.UpdateCalendarRequest{Calendar: &availabilityv1.Calendar{Name: made.GetName(), SourceUrl: other.URL}})
	require.NoError(t, err)
	w.run()
	require.Empty(t, other.last().Get("If-None-Match"), "what was seen of one server means nothing to another")
	require.Empty(t, w.busy(ben, made.GetName()))

	// The member is no longer there to ask for it.
	count := len(other.asked)
	w.exec(`UPDATE members SET state = 3 WHERE member_id = $1`, ben.Member)
	w.clock.Advance(2 * time.Hour)
	w.run()
	require.Len(t, other.asked, count)
}

func TestWhatFailsIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	s := newSource(t)
	s.serves(file(tuesday), `"one"`)
	made := w.subscribe(ben, s.URL)
	w.run()
	stall := make(chan struct{})
	t.Cleanup(func() { close(stall) })
	for i, c := range []struct {
		why    string
		answer http.HandlerFunc
	}{
		{"the server answered 503", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }},
		{"the server did not answer in time", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-stall:
			case <-r.Context().Done():
			}
		}},
		{"the server did not answer in time", func(w http.ResponseWriter, r *http.Request) { // in the middle
			_, _ = w.Write(file(tuesday)[:40])
			_ = http.NewResponseController(w).Flush()
			select {
			case <-stall:
			case <-r.Context().Done():
			}
		}},
		{"the address must be one of the public internet", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		}},
		{"the address must be one of the public internet", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://[::1]:5432/", http.StatusFound)
		}},
		{"the redirects are not followed", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/again", http.StatusFound) }},
		{"the file must be at most 16777216 bytes", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("BEGIN:VCALENDAR\r\n"))
			line := append(append([]byte("DESCRIPTION:"), bytes.Repeat([]byte("x"), 1<<20)...), "\r\n"...)
			for range 50 {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		}},
		{"the server could not be reached, or broke off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "5000")
			_, _ = w.Write(file(tuesday))
		}},
		{"line 1: VCALENDAR must be opened before anything else: this is no iCalendar", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"login page"`)
			_, _ = w.Write([]byte("<html>sign in</html>"))
		}},
	} {
		s.set(c.answer)
		w.clock.Advance(24 * time.Hour)
		began := clock.Machine().Now()
		w.run()
		require.Less(t, clock.Machine().Now().Sub(began), 30*time.Second)
		got := w.calendar(ben, made.GetName())
		require.Equal(t, c.why, got.GetLastError())
		require.Equal(t, epoch, got.GetLastFetchTime().AsTime(), "of the last success")
		pause := min(5*time.Minute<<i, 24*time.Hour)
		require.Equal(t, w.clock.Now().Add(pause), got.GetNextFetchTime().AsTime())
	}
	require.Len(t, w.changes(), 1, "what was known still counts")
	require.Equal(t, `"one"`, s.last().Get("If-None-Match"), "of what was last read")
	s.serves(file(tuesday), `"two"`)
	w.clock.Advance(24 * time.Hour)
	w.run()
	require.Empty(t, w.calendar(ben, made.GetName()).GetLastError())
	require.Equal(t, w.clock.Now().Add(time.Hour), w.calendar(ben, made.GetName()).GetNextFetchTime().AsTime())
}

// Unless the operator says otherwise, nothing that is not of the public internet is fetched.
func TestNothingPrivateIsFetchedByDefault(t *testing.T) {
	t.Parallel()
	s := newSource(t)
	s.serves(file(tuesday), `"one"`)
	f := fetch.New(nil, 5*time.Second)
	for url, why := range map[string]string{
		s.URL: "the port must be 443, or 80 where HTTP is allowed", "http://127.0.0.1/": "the address must be one of the public internet",
		"http://10.0.0.1/": "the address must be one of the public internet", "http://localhost/": "the address must be one of the public internet",
	} {
		_, err := f.Fetch(t.Context(), url, domain.Validators{})
		require.EqualError(t, err, why, url)
	}
	require.Empty(t, s.asked)
}

// Without being asked, a worker fetches what is due, and what is new at once.
func TestTheWorkerFetchesWhatIsDue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, _, ben := w.team()
	s := newSource(t)
	fetched := make(chan string, 10)
	s.set(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "%s", file(tuesday))
		fetched <- r.URL.Path
	})
	done := make(chan error, 1)
	go func() { done <- w.imports.Run(w.ctx) }()
	t.Cleanup(func() { require.NoError(t, <-done) })
	made := w.subscribe(ben, s.URL+"/a")
	require.Equal(t, "/a", <-fetched)
	require.NoError(t, w.imports.Settled(w.ctx))
	require.NotEmpty(t, w.busy(ben, made.GetName()))
	w.clock.Advance(time.Hour)
	require.Equal(t, "/a", <-fetched)
}
