package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

func TestTheSameRequestSentTwiceAlsoAtOnceDoesOneThing(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	thread := h.thread(t, h.space(t, directoryv1.Space_OPEN), "Once")
	url := h.http() + "/v1/" + thread + "/messages?requestId=" + uuid.NewString()
	names := make([]string, 20)
	var all sync.WaitGroup
	for i := range names {
		all.Go(func() {
			a := send(t, http.MethodPost, url, h.owner.token, []byte(`{"body":"once"}`))
			if a.code == http.StatusOK {
				names[i] = string(a.body)
			}
		})
	}
	all.Wait()
	for _, name := range names {
		require.Contains(t, name, thread+"/messages/1\"")
	}
	refused := send(t, http.MethodPost, url, h.owner.token, []byte(`{"body":"something else"}`))
	require.Equal(t, http.StatusBadRequest, refused.code)
	require.Contains(t, string(refused.body), "REQUEST_ID_REUSED")

	keyed := func() string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, h.http()+"/v1/"+thread+"/messages", strings.NewReader(`{"body":"by header"}`))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+h.owner.token)
		request.Header.Set("Idempotency-Key", "0b5f2d5e-1f0e-4c53-9d0e-6f4f4ad8a111")
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { require.NoError(t, response.Body.Close()) }()
		require.Equal(t, http.StatusOK, response.StatusCode)
		var body bytes.Buffer
		_, err = body.ReadFrom(response.Body)
		require.NoError(t, err)
		return body.String()
	}
	first := keyed()
	require.Equal(t, first, keyed())
}

func TestAHundredWritersLeaveNoGapAndNoDouble(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	thread := h.thread(t, h.space(t, directoryv1.Space_OPEN), "Busy")
	const writers, each = 100, 3
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				m := h.post(t, h.owner, thread, fmt.Sprintf("writer %d message %d", w, n))
				mu.Lock()
				seen[m.Sequence] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	require.Len(t, seen, writers*each)
	for n := range writers * each {
		require.True(t, seen[fmt.Sprint(n+1)], n+1)
	}
}

func TestBadInputIsRefusedByNameAndNothingIsHalfDone(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	space := h.space(t, directoryv1.Space_OPEN)
	thread := h.thread(t, space, "Bad input")
	h.post(t, h.owner, thread, "one")
	h.post(t, h.owner, thread, "two")
	var page struct{ NextPageToken string }
	getJSON(t, h.http()+"/v1/"+thread+"/messages?pageSize=1", h.owner.token, &page)
	require.NotEmpty(t, page.NextPageToken)
	cases := map[string]struct {
		method, path string
		body         []byte
		code         int
		names        string
	}{
		"unknown field of a filter":        {"GET", "/v1/" + h.workspace + "/threads?filter=colour%3DRED", nil, 400, `"filter"`},
		"unknown field of an order":        {"GET", "/v1/" + h.workspace + "/threads?orderBy=colour", nil, 400, `"order_by"`},
		"page token of another query":      {"GET", "/v1/" + h.workspace + "/threads?pageToken=" + page.NextPageToken, nil, 400, `"page_token"`},
		"page token with another argument": {"GET", "/v1/" + thread + "/messages?orderBy=sequence%20desc&pageToken=" + page.NextPageToken, nil, 400, `"page_token"`},
		"resume token of rubbish":          {"GET", "/v1/" + h.workspace + "/events:watch?resumeToken=rubbish", nil, 400, `"resume_token"`},
		"U+0000 in a text":                 {"POST", "/v1/" + thread + "/messages", []byte(`{"body":"a\u0000b"}`), 400, `message.body"`},
		"a body of 10 MiB":                 {"POST", "/v1/" + thread + "/messages", []byte(`{"body":"` + strings.Repeat("x", 10<<20) + `"}`), 413, "TOO_LARGE"},
		"a body over the message's limit":  {"POST", "/v1/" + thread + "/messages", []byte(`{"body":"` + strings.Repeat("x", 65<<10) + `"}`), 400, `message.body"`},
		"invalid UTF-8":                    {"POST", "/v1/" + thread + "/messages", []byte("{\"body\":\"a\xffb\"}"), 400, "body"},
		"no JSON":                          {"POST", "/v1/" + thread + "/messages", []byte(`{"body":`), 400, ""},
		"an unknown field":                 {"POST", "/v1/" + thread + "/messages", []byte(`{"bodi":"x"}`), 400, "bodi"},
		"no body at all":                   {"POST", "/v1/" + thread + "/messages", []byte(`{}`), 400, `message`},
		"a malformed name":                 {"GET", "/v1/" + h.workspace + "/threads/none", nil, 400, `"name"`},
		"request_id that is no UUID":       {"POST", "/v1/" + thread + "/messages?requestId=1", []byte(`{"body":"x"}`), 400, `"request_id"`},
	}
	for name, c := range cases {
		a := send(t, c.method, h.http()+c.path, h.owner.token, c.body)
		require.Equal(t, c.code, a.code, "%s: %.300s", name, a.body)
		require.Contains(t, string(a.body), c.names, "%s: %.300s", name, a.body)
	}
	var messages struct{ Messages []message }
	getJSON(t, h.http()+"/v1/"+thread+"/messages", h.owner.token, &messages)
	require.Len(t, messages.Messages, 2)
}
