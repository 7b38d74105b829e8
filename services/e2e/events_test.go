package e2e

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

func TestAWatcherResumesWhereItStoppedAndMissesNothing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	thread := h.thread(t, h.space(t, directoryv1.Space_OPEN), "Live")
	const query = "types=meridian.threads.v1.MessagePosted"
	live := watch(t, h.http(), h.workspace, h.owner.token, query)
	<-live.began
	for n := range 3 {
		h.post(t, h.owner, thread, fmt.Sprint("message ", n))
	}
	var last cloudEvent
	for n := range 3 {
		last = live.next(t)
		require.Equal(t, fmt.Sprintf("%s/messages/%d", thread, n+1), last.Subject)
		require.Equal(t, h.owner.member, last.Actor)
	}
	live.cancel()
	for n := range 5 {
		h.post(t, h.owner, thread, fmt.Sprint("while away ", n))
	}
	resumed := watch(t, h.http(), h.workspace, h.owner.token, query+"&resumeToken="+last.resume)
	for n := range 5 {
		require.Equal(t, fmt.Sprintf("%s/messages/%d", thread, n+4), resumed.next(t).Subject)
	}
}

func TestAStreamShowsOnlyWhatItsWatcherMayRead(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	outside := h.join(t, directoryv1.Member_MEMBER)
	open, private := h.space(t, directoryv1.Space_OPEN), h.space(t, directoryv1.Space_PRIVATE)
	postJSON(t, h.http()+"/v1/"+private+":setAccess", h.owner.token, map[string]any{"changes": []any{map[string]any{"principal": h.owner.member, "role": "MANAGER"}}}, nil)
	live := watch(t, h.http(), h.workspace, outside.token, "types=meridian.threads.v1.MessagePosted")
	<-live.began
	h.post(t, h.owner, h.thread(t, private, "Private"), "not for you")
	seen := h.post(t, h.owner, h.thread(t, open, "Open"), "for you")
	require.Equal(t, seen.Name, live.next(t).Subject)
}

func TestARevokedTokenIsRefusedWithinASecondAndItsStreamEnds(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	who := h.join(t, directoryv1.Member_MEMBER)
	thread := h.thread(t, h.space(t, directoryv1.Space_OPEN), "Revoked")
	h.post(t, who, thread, "still here")
	live := watch(t, h.http(), h.workspace, who.token, "")
	<-live.began

	var tokens struct {
		APITokens []struct{ Name string } `json:"apiTokens"`
	}
	getJSON(t, h.http()+"/v1/"+who.member+"/apiTokens", who.token, &tokens)
	require.Len(t, tokens.APITokens, 1)
	require.Equal(t, http.StatusOK, send(t, http.MethodPost, h.http()+"/v1/"+tokens.APITokens[0].Name+":revoke", h.owner.token, []byte("{}")).code)
	revoked := clock.Machine().Now()
	for _, url := range []string{"/v1/workspaces", "/v1/" + thread} {
		require.Eventually(t, func() bool {
			return get(t, h.http()+url, who.token).code == http.StatusUnauthorized
		}, 5*time.Second, 5*time.Millisecond, url)
	}
	require.Less(t, clock.Machine().Now().Sub(revoked), time.Second+500*time.Millisecond, "a loaded machine gets half a second more")
	select {
	case <-live.closed:
	case <-time.After(5 * time.Second):
		require.Fail(t, "the stream outlives its token")
	}
}
