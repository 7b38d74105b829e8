package importer_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/importer"
)

// space holds what a real one would hold after the calls it saw, by the rules of ImportMessages.
type space struct {
	members  []*directoryv1.Member
	rows     []row
	threads  []thread
	calls    int
	refuse   func(m *threadsv1.ImportedMessage) bool
	failFrom int
}

type row struct {
	*threadsv1.ImportedMessage
	thread int
}

type thread struct {
	title    string
	began    time.Time
	messages []string
}

func (s *space) ListMembers(context.Context, *directoryv1.ListMembersRequest, ...grpc.CallOption) (*directoryv1.ListMembersResponse, error) {
	return &directoryv1.ListMembersResponse{Members: s.members}, nil
}

func (s *space) ImportMembers(_ context.Context, in *directoryv1.ImportMembersRequest, _ ...grpc.CallOption) (*directoryv1.ImportMembersResponse, error) {
	out := &directoryv1.ImportMembersResponse{}
	for _, m := range in.GetMembers() {
		if strings.HasPrefix(m.GetEmail(), "refused@") {
			return nil, status.Error(codes.InvalidArgument, "members: email")
		}
	}
	for _, m := range in.GetMembers() {
		var found *directoryv1.Member
		for _, have := range s.members {
			if have.GetEmail() == m.GetEmail() {
				found = have
			}
		}
		if found == nil {
			found = &directoryv1.Member{Name: fmt.Sprintf("members/%d", len(s.members)), Email: m.GetEmail(), DisplayName: m.GetDisplayName()}
			s.members = append(s.members, found)
		}
		out.Members = append(out.Members, found)
	}
	return out, nil
}

func (s *space) ImportMessages(_ context.Context, in *threadsv1.ImportMessagesRequest, _ ...grpc.CallOption) (*threadsv1.ImportMessagesResponse, error) {
	s.calls++
	if s.failFrom > 0 && s.calls >= s.failFrom {
		return nil, status.Error(codes.Unavailable, "gone")
	}
	groups := map[string][]*threadsv1.ImportedMessage{}
	for i, m := range in.GetMessages() {
		if s.refuse != nil && s.refuse(m) {
			return nil, status.Errorf(codes.InvalidArgument, "messages[%d].body", i)
		}
		groups[m.GetThreadExternalId()] = append(groups[m.GetThreadExternalId()], m)
	}
	out := &threadsv1.ImportMessagesResponse{}
	chosen, others := map[string]int{}, map[string][]string{}
	for key, group := range groups {
		chosen[key], others[key] = s.choose(key, group)
	}
	for _, m := range in.GetMessages() {
		result := &threadsv1.ImportResult{ExternalId: m.GetExternalId(), Outcome: threadsv1.ImportResult_IMPORTED, JoinedThreads: others[m.GetThreadExternalId()]}
		for _, have := range s.rows {
			if have.GetExternalId() == m.GetExternalId() {
				result.Outcome = threadsv1.ImportResult_DUPLICATE
			}
		}
		if result.GetOutcome() == threadsv1.ImportResult_IMPORTED {
			at := chosen[m.GetThreadExternalId()]
			if at < 0 {
				at = len(s.threads)
				s.threads = append(s.threads, thread{title: m.GetSubject(), began: m.GetCreateTime().AsTime()})
				chosen[m.GetThreadExternalId()], result.ThreadCreated = at, true
			}
			s.threads[at].messages = append(s.threads[at].messages, m.GetExternalId())
			s.rows = append(s.rows, row{ImportedMessage: m, thread: at})
		}
		out.Results = append(out.Results, result)
	}
	return out, nil
}

// choose finds the oldest thread a group belongs to, or -1, and the names of the newer ones.
func (s *space) choose(key string, group []*threadsv1.ImportedMessage) (best int, others []string) {
	own, parents := map[string]bool{}, map[string]bool{}
	for _, m := range group {
		own[m.GetExternalId()], parents[m.GetParentExternalId()] = true, true
	}
	candidates := map[int]bool{}
	for _, r := range s.rows {
		if own[r.GetExternalId()] || parents[r.GetExternalId()] || own[r.GetParentExternalId()] || r.GetThreadExternalId() == key {
			candidates[r.thread] = true
		}
	}
	best = -1
	for at := range candidates {
		if best < 0 || s.threads[at].began.Before(s.threads[best].began) {
			best = at
		}
	}
	for at := range s.threads {
		if candidates[at] && at != best {
			others = append(others, fmt.Sprintf("threads/%d", at))
		}
	}
	return best, others
}

func (s *space) run(t *testing.T, archive string) (*importer.Report, error) {
	t.Helper()
	i := importer.New(importer.Config{
		Members: s, Messages: s, Workspace: "workspaces/w", Space: "workspaces/w/spaces/s",
		Now: time.Date(2026, time.November, 23, 12, 0, 0, 0, time.UTC),
	})
	return i.Run(t.Context(), strings.NewReader(archive), int64(len(archive)))
}

func (s *space) mustRun(t *testing.T, archive string) *importer.Report {
	t.Helper()
	report, err := s.run(t, archive)
	require.NoError(t, err)
	return report
}

// mail is a message of an archive: its id, the id it answers, and how many minutes after ten it was written.
func mail(id, parent string, minute int) string {
	answers := ""
	if parent != "" {
		answers = "In-Reply-To: <" + parent + ">\n"
	}
	return fmt.Sprintf("From x Tue Nov 17 12:00:00 2009\nFrom: A <a@b.c>\nDate: Tue, 17 Nov 2009 10:%02d:00 +0000\nMessage-ID: <%s>\nSubject: about %s\n%s\nbody of %s\n\n", minute, id, id, answers, id)
}

func archive(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../mailbox/testdata/notmuch-list.mbox")
	require.NoError(t, err)
	return string(data)
}

func TestTheArchiveImportsToExactlyItsCountsAndASecondRunAddsNothing(t *testing.T) {
	t.Parallel()
	s := &space{}
	report := s.mustRun(t, archive(t))
	require.Equal(t, 53, report.Found)
	require.Equal(t, 52, report.Imported)
	require.Equal(t, importer.Duplicates{InArchive: 1}, report.Duplicates)
	require.Equal(t, 24, report.ThreadsCreated)
	require.Equal(t, 16, report.Senders)
	require.Len(t, report.MembersCreated, 16)
	require.Empty(t, report.Broken)
	require.Empty(t, report.OddDates)
	require.Empty(t, report.Joins)
	require.Len(t, report.Dropped, 8)
	require.Len(t, s.threads, 24)
	for _, m := range s.members {
		require.NotEqual(t, "Alex Botero-Lowry", m.GetDisplayName(), "the name used most is taken")
	}

	again := s.mustRun(t, archive(t))
	require.Equal(t, 0, again.Imported)
	require.Equal(t, importer.Duplicates{InArchive: 1, InSpace: 52}, again.Duplicates)
	require.Zero(t, again.ThreadsCreated)
	require.Empty(t, again.MembersCreated)
	require.Len(t, s.rows, 52)
}

func TestMessagesKeepAuthorTimeAndOffsetAndOrderByDate(t *testing.T) {
	t.Parallel()
	s := &space{}
	s.mustRun(t, archive(t))
	byID := map[string]row{}
	for _, r := range s.rows {
		byID[r.GetExternalId()] = r
	}
	first := byID["1258471718-6781-1-git-send-email-dottedmag@dottedmag.net"]
	require.Equal(t, 6*time.Hour, first.GetUtcOffset().AsDuration())
	require.Equal(t, time.Date(2009, time.November, 17, 15, 28, 37, 0, time.UTC), first.GetCreateTime().AsTime())
	require.Equal(t, "[notmuch] [PATCH 1/2] Close message file after parsing message headers", s.threads[first.thread].title)
	for _, thread := range s.threads {
		for i := 1; i < len(thread.messages); i++ {
			require.False(t, byID[thread.messages[i]].GetCreateTime().AsTime().Before(byID[thread.messages[i-1]].GetCreateTime().AsTime()))
		}
	}
}

func TestThreadsFollowParentsOnly(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		archive string
		threads [][]string
	}{
		"answers":                         {mail("a", "", 0) + mail("b", "a", 1) + mail("c", "b", 2), [][]string{{"a", "b", "c"}}},
		"answer stands before":            {mail("b", "a", 1) + mail("a", "", 0), [][]string{{"a", "b"}}},
		"answer is dated before":          {mail("a", "", 5) + mail("b", "a", 1), [][]string{{"b", "a"}}},
		"unknown parent":                  {mail("b", "nowhere", 0) + mail("c", "nowhere", 1), [][]string{{"b"}, {"c"}}},
		"same subject":                    {mail("a", "", 0) + strings.Replace(mail("b", "", 1), "about b", "Re: about a", 1), [][]string{{"a"}, {"b"}}},
		"circle":                          {mail("a", "b", 1) + mail("b", "a", 0) + mail("c", "a", 2), [][]string{{"b", "a", "c"}}},
		"its own parent":                  {mail("a", "a", 0), [][]string{{"a"}}},
		"threads in order of their start": {mail("x", "", 9) + mail("y", "", 3) + mail("z", "x", 1), [][]string{{"z", "x"}, {"y"}}},
		"one instant":                     {mail("a", "", 0) + mail("c", "a", 0) + mail("b", "a", 0), [][]string{{"a", "c", "b"}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &space{}
			s.mustRun(t, c.archive)
			var threads [][]string
			for _, thread := range s.threads {
				threads = append(threads, thread.messages)
			}
			require.Equal(t, c.threads, threads)
		})
	}
}

func TestALaterRunAppendsAndReportsWhatJoins(t *testing.T) {
	t.Parallel()
	s := &space{}
	s.mustRun(t, mail("b", "a", 1)+mail("c", "a", 2))
	require.Len(t, s.threads, 2)

	report := s.mustRun(t, mail("b", "a", 1)+mail("d", "b", 3))
	require.Equal(t, []string{"b", "d"}, s.threads[0].messages)
	require.Empty(t, report.Joins)

	report = s.mustRun(t, mail("a", "", 0))
	require.Equal(t, []string{"b", "d", "a"}, s.threads[0].messages)
	require.Len(t, report.Joins, 1)
	require.Equal(t, []string{"threads/1"}, report.Joins[0].Others)
	require.Equal(t, int64(0), report.Joins[0].Position.Offset)
}

func TestARefusedMessageIsBrokenAndTheRestGoesOn(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for n := range 250 {
		text.WriteString(mail(fmt.Sprintf("m%d", n), "", n%60))
	}
	s := &space{refuse: func(m *threadsv1.ImportedMessage) bool {
		return m.GetExternalId() == "m7" || m.GetExternalId() == "m133"
	}}
	report := s.mustRun(t, text.String())
	require.Equal(t, 248, report.Imported)
	require.Len(t, report.Broken, 2)
	require.Equal(t, 8, report.Broken[0].Position.Index)
	require.Equal(t, 134, report.Broken[1].Position.Index)
	require.Contains(t, report.Broken[0].Reason, "refused: messages[0].body")
}

func TestARefusedSenderBreaksOnlyTheirMessages(t *testing.T) {
	t.Parallel()
	s := &space{}
	report := s.mustRun(t, mail("a", "", 0)+strings.Replace(mail("b", "", 1), "a@b.c", "refused@b.c", 1)+mail("c", "", 2))
	require.Equal(t, 2, report.Imported)
	require.Len(t, report.Broken, 1)
	require.Equal(t, 2, report.Broken[0].Position.Index)
	require.Contains(t, report.Broken[0].Reason, "refused@b.c")
}

func TestAnInterruptedImportGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for n := range 250 {
		text.WriteString(mail(fmt.Sprintf("m%d", n), "", n%60))
	}
	s := &space{failFrom: 3}
	report, err := s.run(t, text.String())
	require.Equal(t, codes.Unavailable, status.Code(errors.Unwrap(err)))
	require.Equal(t, 200, report.Imported)

	s.failFrom = 0
	report = s.mustRun(t, text.String())
	require.Equal(t, 50, report.Imported)
	require.Equal(t, 200, report.Duplicates.InSpace)
	require.Len(t, s.threads, 250)
}

func TestLongBodiesMakeSmallerCalls(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for n := range 40 {
		id := fmt.Sprintf("m%d", n)
		text.WriteString(strings.Replace(mail(id, "", n), "body of "+id, strings.Repeat("x", 60<<10), 1))
	}
	s := &space{}
	report := s.mustRun(t, text.String())
	require.Equal(t, 40, report.Imported)
	require.Equal(t, 3, s.calls)
}

func TestTitlesAndNamesFit(t *testing.T) {
	t.Parallel()
	s := &space{}
	long := strings.Replace(mail("a", "", 0), "Subject: about a", "Subject: "+strings.Repeat("é", 300), 1)
	none := strings.Replace(mail("b", "", 1), "Subject: about b\n", "", 1)
	dateless := "From x Thu Jan  1 00:00:00 1970\nFrom: " + strings.Repeat("n", 300) + " <d@b.c>\nMessage-ID: <c>\nSubject: a\x07b\n\nno date at all\n\n"
	report := s.mustRun(t, long+none+dateless)
	require.Equal(t, 3, report.Imported)
	require.Len(t, []rune(s.rows[0].GetSubject()), 200)
	require.Equal(t, "(no subject)", s.rows[1].GetSubject())
	require.Equal(t, "a b", s.rows[2].GetSubject())
	require.Equal(t, "no date at all", s.rows[2].GetBody())
	require.Len(t, []rune(s.members[1].GetDisplayName()), 200)
	require.Len(t, report.OddDates, 1)
	require.True(t, s.rows[2].GetCreateTime().AsTime().Equal(s.rows[1].GetCreateTime().AsTime()))
}

func TestWhatIsNoMailboxIsSaid(t *testing.T) {
	t.Parallel()
	report := (&space{}).mustRun(t, "\x89PNG\r\n")
	require.Zero(t, report.Found)
	require.Contains(t, report.Broken[0].Reason, "not an mbox file")
}
