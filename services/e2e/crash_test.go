package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
)

func TestWhatWasAcknowledgedIsThereAfterKill9AndItsEventArrivesOnce(t *testing.T) {
	t.Parallel()
	data := dataFolder(t)
	p := up(t, data)
	var have workspaces
	getJSON(t, p.http+"/v1/workspaces", p.token(), &have)
	workspace := have.Workspaces[0].Name
	var space, thread struct{ Name string }
	postJSON(t, p.http+"/v1/"+workspace+"/spaces", p.token(), map[string]any{"displayName": "General", "visibility": "OPEN"}, &space)
	postJSON(t, p.http+"/v1/"+workspace+"/threads", p.token(), map[string]any{"space": space.Name, "title": "Crash"}, &thread)
	began := clock.Machine().Now().Add(-time.Minute)

	acknowledged := map[string]bool{}
	for round := range 3 {
		for body := range postUntilKilled(t, p, thread.Name, round) {
			acknowledged[body] = true
		}
		p = up(t, data)
	}
	require.NotEmpty(t, acknowledged)

	var kept []message
	for token := ""; ; {
		var page struct {
			Messages      []message
			NextPageToken string
		}
		getJSON(t, p.http+"/v1/"+thread.Name+"/messages?pageSize=200&pageToken="+token, p.token(), &page)
		kept = append(kept, page.Messages...)
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	bodies := map[string]bool{}
	for i, m := range kept {
		require.Equal(t, fmt.Sprint(i+1), m.Sequence, "no gap and no double")
		require.False(t, bodies[m.Body])
		bodies[m.Body] = true
	}
	for body := range acknowledged {
		require.True(t, bodies[body], "%q was acknowledged", body)
	}

	events := watch(t, p.http, workspace, p.token(), "types=meridian.threads.v1.MessagePosted&since="+began.UTC().Format(time.RFC3339))
	seen := map[string]string{}
	last := ""
	for len(seen) < len(kept) {
		e := events.next(t)
		if seen[e.ID] != "" {
			continue // the same event again is what at least once allows; its id says so
		}
		require.Greater(t, e.Sequence, last, "in order per thread")
		seen[e.ID], last = e.Subject, e.Sequence
	}
	subjects := map[string]bool{}
	for _, subject := range seen {
		require.False(t, subjects[subject], "one event a message")
		subjects[subject] = true
	}
	p.stop(t)
}

// postUntilKilled posts from several clients at once, kills the server in the middle, and returns the bodies whose
// posting was acknowledged.
func postUntilKilled(t *testing.T, p *process, thread string, round int) map[string]bool {
	t.Helper()
	token, done := p.token(), make(chan struct{})
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	var clients sync.WaitGroup
	for client := range 4 {
		clients.Go(func() {
			for n := 0; ; n++ {
				body := fmt.Sprintf("round %d client %d message %d", round, client, n)
				if !post(p.http+"/v1/"+thread+"/messages", token, body) {
					return
				}
				mu.Lock()
				acknowledged[body] = true
				enough := len(acknowledged) == 60
				mu.Unlock()
				if enough {
					close(done)
				}
			}
		})
	}
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		require.Fail(t, "posting does not go on", p.out.String())
	}
	p.kill()
	clients.Wait()
	return acknowledged
}

// post says whether the server acknowledged a message.
func post(url, token, body string) bool {
	data, err := json.Marshal(map[string]string{"body": body})
	if err != nil {
		return false
	}
	request, err := http.NewRequest(http.MethodPost, url, newBody(data))
	if err != nil {
		return false
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	return response.Body.Close() == nil && response.StatusCode == http.StatusOK
}
