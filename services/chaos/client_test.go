//go:build unix

package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// answers are what a call is answered with, one try after the other; the last again and again.
func answers(codes ...codes.Code) func(context.Context, way) error {
	return func(context.Context, way) error {
		now := codes[0]
		if len(codes) > 1 {
			codes = codes[1:]
		}
		return status.Error(now, now.String())
	}
}

func TestAMemberTriesAgainAsAnHonestClient(t *testing.T) {
	t.Parallel()
	f := &front{conns: []*grpc.ClientConn{nil}, http: []string{""}}
	for name, c := range map[string]struct {
		call  func(context.Context, way) error
		want  outcome
		tries int
		wrong int
	}{
		"done":                  {answers(codes.OK), acknowledged, 1, 0},
		"away for a moment":     {answers(codes.Unavailable, codes.DeadlineExceeded, codes.OK), acknowledged, 3, 0},
		"refused":               {answers(codes.FailedPrecondition), refused, 1, 0},
		"away, then refused":    {answers(codes.Unavailable, codes.Aborted), refused, 2, 0},
		"not to be answered so": {answers(codes.NotFound), refused, 1, 1},
		"broken for a moment":   {answers(codes.Internal, codes.OK), acknowledged, 2, 1},
		"not a status":          {func(context.Context, way) error { return errors.New("boom") }, unknown, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var wrong int
			v := f.retry(ctx, "token", patience, func(string) {
				if wrong++; c.want == unknown {
					cancel() // the end of the member's patience
				}
			}, c.call)
			require.Equal(t, c.want, v.outcome)
			require.Equal(t, c.wrong, wrong)
			if c.tries > 0 {
				require.Equal(t, c.tries, v.tries)
			}
		})
	}
}

func TestAHastyMemberTriesOnce(t *testing.T) {
	t.Parallel()
	f := &front{conns: []*grpc.ClientConn{nil}, http: []string{""}}
	for code, want := range map[codes.Code]outcome{codes.Unavailable: unknown, codes.OK: acknowledged, codes.Aborted: refused} {
		v := f.retry(t.Context(), "token", 0, nil, answers(code))
		require.Equal(t, want, v.outcome)
		require.Equal(t, 1, v.tries)
	}
}

func TestEveryTryCarriesTheToken(t *testing.T) {
	t.Parallel()
	f := &front{conns: []*grpc.ClientConn{nil}, http: []string{""}}
	f.retry(t.Context(), "secret", 0, nil, func(ctx context.Context, _ way) error {
		sent, _ := metadata.FromOutgoingContext(ctx)
		require.Equal(t, []string{"Bearer secret"}, sent.Get("authorization"))
		return nil
	})
}

func TestRESTIsAnsweredWithTheSameCodes(t *testing.T) {
	t.Parallel()
	request := &threadsv1.CreateMessageRequest{
		Parent: "workspaces/w/threads/t", Message: &threadsv1.Message{Body: "Hello"}, RequestId: "0b7e6f9c-0000-4000-8000-000000000000",
	}
	for answered, want := range map[int]codes.Code{
		http.StatusOK: codes.OK, http.StatusServiceUnavailable: codes.Unavailable, http.StatusGatewayTimeout: codes.DeadlineExceeded,
		http.StatusConflict: codes.Aborted, http.StatusNotFound: codes.NotFound, http.StatusInternalServerError: codes.Internal,
		http.StatusTooManyRequests: codes.ResourceExhausted, http.StatusUnauthorized: codes.Unauthenticated,
		http.StatusForbidden: codes.PermissionDenied, http.StatusBadRequest: codes.InvalidArgument, 499: codes.Canceled,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/workspaces/w/threads/t/messages" || r.URL.Query().Get("requestId") != request.GetRequestId() ||
				r.Header.Get("Authorization") != "Bearer secret" {
				w.WriteHeader(http.StatusTeapot)
				return
			}
			w.WriteHeader(answered)
			_, _ = w.Write([]byte(`{"name": "workspaces/w/threads/t/messages/1"}`))
		}))
		made, err := postREST(t.Context(), server.URL, "secret", request)
		require.Equal(t, want, status.Code(err), "%d: %v", answered, err)
		if want == codes.OK {
			require.Equal(t, "workspaces/w/threads/t/messages/1", made.GetName())
		}
		server.Close()
	}
	_, err := postREST(t.Context(), "http://127.0.0.1:1", "secret", request)
	require.Equal(t, codes.Unavailable, status.Code(err))
}
