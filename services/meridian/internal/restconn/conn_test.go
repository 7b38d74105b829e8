package restconn_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/restconn"
)

const workspace = "workspaces/018f2b5e-0000-7000-8000-000000000001"

// seen is a request as the server saw it.
type seen struct{ method, uri, auth, body string }

func serve(t *testing.T, handler http.HandlerFunc) *restconn.Conn {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	conn, err := restconn.New(strings.TrimPrefix(server.URL, "http://"), "mrd_secret")
	require.NoError(t, err)
	return conn
}

func TestCallsAreWrittenByTheirRules(t *testing.T) {
	t.Parallel()
	space := workspace + "/spaces/018f2b5e-0000-7000-8000-000000000002"
	cases := map[string]struct {
		call func(ctx context.Context, c grpc.ClientConnInterface) error
		want seen
	}{
		"a list": {
			func(ctx context.Context, c grpc.ClientConnInterface) error {
				_, err := directoryv1.NewMemberServiceClient(c).ListMembers(ctx, &directoryv1.ListMembersRequest{Parent: workspace, PageSize: 7, Filter: `state = "ACTIVE"`})
				return err
			},
			seen{"GET", "/v1/" + workspace + "/members?filter=state+%3D+%22ACTIVE%22&pageSize=7", "Bearer mrd_secret", ""},
		},
		"a custom method": {
			func(ctx context.Context, c grpc.ClientConnInterface) error {
				_, err := threadsv1.NewMessageServiceClient(c).ImportMessages(ctx, &threadsv1.ImportMessagesRequest{Parent: space, Messages: []*threadsv1.ImportedMessage{{ExternalId: "a/b"}}})
				return err
			},
			seen{"POST", "/v1/" + space + "/messages:import", "Bearer mrd_secret", `{"messages":[{"externalId":"a/b"}]}`},
		},
		"a create, the rest as query": {
			func(ctx context.Context, c grpc.ClientConnInterface) error {
				_, err := directoryv1.NewSpaceServiceClient(c).CreateSpace(ctx, &directoryv1.CreateSpaceRequest{Parent: workspace, Space: &directoryv1.Space{DisplayName: "é"}, RequestId: "r"})
				return err
			},
			seen{"POST", "/v1/" + workspace + "/spaces?requestId=r", "Bearer mrd_secret", `{"displayName":"é"}`},
		},
		"an update keeps its name in the body": {
			func(ctx context.Context, c grpc.ClientConnInterface) error {
				_, err := directoryv1.NewSpaceServiceClient(c).UpdateSpace(ctx, &directoryv1.UpdateSpaceRequest{Space: &directoryv1.Space{Name: space, DisplayName: "x"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}})
				return err
			},
			seen{"PATCH", "/v1/" + space + "?updateMask=display_name", "Bearer mrd_secret", `{"name":"` + space + `","displayName":"x"}`},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got seen
			conn := serve(t, func(w http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return
				}
				got = seen{r.Method, r.RequestURI, r.Header.Get("Authorization"), strings.ReplaceAll(string(body), ": ", ":")}
				got.body = strings.ReplaceAll(got.body, ", ", ",")
				_, _ = io.WriteString(w, `{"aFieldOfLater": 1}`)
			})
			require.NoError(t, c.call(t.Context(), conn))
			require.Equal(t, c.want, got)
		})
	}
}

func TestErrorsKeepTheirDetails(t *testing.T) {
	t.Parallel()
	conn := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"code":3,"message":"bad","details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","fieldViolations":[{"field":"filter","description":"no such field"}]}]}`)
	})
	_, err := directoryv1.NewMemberServiceClient(conn).ListMembers(t.Context(), &directoryv1.ListMembersRequest{Parent: workspace})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	want := &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "filter", Description: "no such field"}}}
	require.True(t, proto.Equal(want, status.Convert(err).Details()[0].(*errdetails.BadRequest)))
}

func TestAnswersOfOthersAreUnderstoodByTheirCode(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]codes.Code{400: codes.InvalidArgument, 401: codes.Unauthenticated, 403: codes.PermissionDenied, 404: codes.NotFound, 409: codes.Aborted, 429: codes.ResourceExhausted, 500: codes.Unknown} {
		conn := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "<html>no</html>")
		})
		_, err := directoryv1.NewMemberServiceClient(conn).GetMember(t.Context(), &directoryv1.GetMemberRequest{Name: workspace + "/members/me"})
		require.Equal(t, want, status.Code(err), code)
		require.NotContains(t, err.Error(), "<html>")
	}
}

func TestOnlyWhatMayBeRepeatedIsTriedAgain(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	conn := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1)%2 == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, `{}`)
	})
	spaces := directoryv1.NewSpaceServiceClient(conn)
	_, err := spaces.ListSpaces(t.Context(), &directoryv1.ListSpacesRequest{Parent: workspace})
	require.NoError(t, err)
	_, err = spaces.CreateSpace(t.Context(), &directoryv1.CreateSpaceRequest{Parent: workspace, Space: &directoryv1.Space{}, RequestId: "r"})
	require.NoError(t, err)
	require.Equal(t, int32(4), calls.Load())
	_, err = spaces.CreateSpace(t.Context(), &directoryv1.CreateSpaceRequest{Parent: workspace, Space: &directoryv1.Space{}})
	require.Equal(t, codes.Unavailable, status.Code(err))
	require.Equal(t, int32(5), calls.Load())
}

func TestWhatCannotBeCalledIsSaid(t *testing.T) {
	t.Parallel()
	conn := serve(t, func(http.ResponseWriter, *http.Request) {})
	_, err := directoryv1.NewMemberServiceClient(conn).GetMember(t.Context(), &directoryv1.GetMemberRequest{})
	require.Equal(t, codes.InvalidArgument, status.Code(err))
	_, err = directoryv1.NewWorkspaceServiceClient(conn).CreateWorkspace(t.Context(), &directoryv1.CreateWorkspaceRequest{})
	require.Equal(t, codes.Unimplemented, status.Code(err))
	_, err = gatewayv1.NewEventServiceClient(conn).WatchEvents(t.Context(), &gatewayv1.WatchEventsRequest{})
	require.Equal(t, codes.Unimplemented, status.Code(err))

	_, err = restconn.New("ftp://x", "")
	require.Error(t, err)
	gone, err := restconn.New("http://127.0.0.1:1", "")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = directoryv1.NewMemberServiceClient(gone).GetMember(ctx, &directoryv1.GetMemberRequest{Name: workspace + "/members/me"})
	require.Equal(t, codes.Canceled, status.Code(err))
}
