package gateway_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/overload"
	"github.com/meridianhq/meridian/pkg/rpctest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/gateway"
)

func TestAServiceThatDoesNotAnswerLeavesTheOthersToBeCalled(t *testing.T) {
	t.Parallel()
	w := start(t, func(cfg *gateway.Config) {
		cfg.Overload = overload.Limits{InWork: 1, Queued: 1, Patience: time.Hour}
	})
	w.threads.hold, w.threads.held = make(chan struct{}), make(chan struct{}, 3)
	caller := rpctest.Member(uuid.Must(uuid.NewV7()), auth.Member)
	token := w.apiToken(caller)
	name := "workspaces/" + caller.Workspace.String() + "/threads/" + uuid.NewString()
	answers := make(chan answer, 3)
	get := func() { answers <- w.call(http.MethodGet, "/v1/"+name, token, nil) }
	go get()
	<-w.threads.held
	go get()
	go get() // one of the two waits, the other is refused

	refused := <-answers
	require.Equal(t, http.StatusTooManyRequests, refused.StatusCode, "%s", refused.body)
	require.Contains(t, []string{"1", "2"}, refused.Header.Get("Retry-After"))
	reason, _ := refused.reason(t)
	require.Equal(t, fault.ReasonOverloaded, reason)
	_, err := threadsv1.NewThreadServiceClient(w.grpc()).GetThread(
		rpctest.WithToken(t.Context(), token), &threadsv1.GetThreadRequest{Name: name})
	rpctest.Failed(t, err, codes.ResourceExhausted, fault.ReasonOverloaded)

	require.Equal(t, http.StatusOK, w.call(http.MethodGet, "/v1/workspaces", token, nil).StatusCode)
	close(w.threads.hold)
	for range 2 {
		require.Equal(t, http.StatusNotFound, (<-answers).StatusCode)
	}
}
