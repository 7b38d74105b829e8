package e2e

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/clock"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// tries is how many tokens are revoked.
const tries = 50

// door is one way in: a service, and the kind of token that is shown there.
type door struct {
	name string
	// knock calls with the token and is refused once it is revoked.
	knock func(t *testing.T, api, access string) error
}

// TestARevocationIsInForceEverywhereWithinASecond measures, at every service, the time from the answer of RevokeApiToken
// to the first refusal of a token that was in use there, and that no call is let in after it.
func TestARevocationIsInForceEverywhereWithinASecond(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.newWorkspace(t), s.newWorkspace(t))
	doors := w.doors(t, s)
	took := make(map[string][]time.Duration, len(doors))
	tokens := directoryv1.NewTokenServiceClient(w.conn)
	for range tries {
		made, err := tokens.CreateApiToken(as(t.Context(), w.owner.token), &directoryv1.CreateApiTokenRequest{
			Parent: w.owner.member, ApiToken: &directoryv1.ApiToken{DisplayName: random("short "), Scopes: []string{"*"}},
		})
		require.NoError(t, err)
		exchanged, err := tokens.ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: made.GetSecret()})
		require.NoError(t, err)
		for _, d := range doors {
			require.NoError(t, d.knock(t, made.GetSecret(), exchanged.GetAccessToken()), d.name)
		}
		_, err = tokens.RevokeApiToken(as(t.Context(), w.owner.token), &directoryv1.RevokeApiTokenRequest{Name: made.GetApiToken().GetName()})
		require.NoError(t, err)
		revoked := clock.Machine().Now()
		for name, took1 := range untilRefused(t, doors, revoked, made.GetSecret(), exchanged.GetAccessToken()) {
			took[name] = append(took[name], took1)
		}
	}
	for _, d := range doors {
		all := took[d.name]
		slices.Sort(all)
		p99 := all[(len(all)*99+99)/100-1]
		t.Logf("%-34s p50 %8v  p99 %8v", d.name, all[len(all)/2].Round(10*time.Microsecond), p99.Round(10*time.Microsecond))
		require.Less(t, p99, 2*time.Second, "%s: the aim is a second; a loaded machine gets two", d.name)
	}
}

// untilRefused knocks at all doors at once until each refuses, and once more, for a refusal must last.
func untilRefused(t *testing.T, doors []door, revoked time.Time, api, access string) map[string]time.Duration {
	t.Helper()
	took := make([]time.Duration, len(doors))
	errs := make([][2]error, len(doors))
	var all sync.WaitGroup
	for i, d := range doors {
		all.Go(func() {
			for errs[i][0] == nil && clock.Machine().Now().Sub(revoked) < 20*time.Second {
				errs[i][0] = d.knock(t, api, access)
			}
			took[i] = clock.Machine().Now().Sub(revoked)
			errs[i][1] = d.knock(t, api, access)
		})
	}
	all.Wait()
	found := make(map[string]time.Duration, len(doors))
	for i, d := range doors {
		for _, err := range errs[i] {
			require.Equal(t, codes.Unauthenticated, status.Code(err), "%s: %v", d.name, err)
		}
		found[d.name] = took[i]
	}
	return found
}

// doors are the gateway, by either kind of token, over HTTP and gRPC, and each service behind it.
func (w *world) doors(t *testing.T, s *running) []door {
	t.Helper()
	behind := func(addr string) *grpc.ClientConn {
		conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	workspace := func(t *testing.T, conn grpc.ClientConnInterface, token string) error {
		t.Helper()
		_, err := directoryv1.NewWorkspaceServiceClient(conn).GetWorkspace(as(t.Context(), token), &directoryv1.GetWorkspaceRequest{Name: w.workspace})
		return err
	}
	thread := func(t *testing.T, conn grpc.ClientConnInterface, token string) error {
		t.Helper()
		_, err := threadsv1.NewThreadServiceClient(conn).GetThread(as(t.Context(), token), &threadsv1.GetThreadRequest{Name: w.thread})
		return err
	}
	overHTTP := func(t *testing.T, token string) error {
		t.Helper()
		a := get(t, s.http()+"/v1/"+w.thread, token)
		if a.code == 200 {
			return nil
		}
		return a.refused(t)
	}
	directory, threads := behind(s.Directory().Server.Addr()), behind(s.Threads().Server.Addr())
	return []door{
		{"gateway, HTTP, API token", func(t *testing.T, api, _ string) error { t.Helper(); return overHTTP(t, api) }},
		{"gateway, HTTP, access token", func(t *testing.T, _, access string) error { t.Helper(); return overHTTP(t, access) }},
		{"gateway, gRPC, API token", func(t *testing.T, api, _ string) error { t.Helper(); return thread(t, w.conn, api) }},
		{"gateway, gRPC, access token", func(t *testing.T, _, access string) error { t.Helper(); return thread(t, w.conn, access) }},
		{"directory, access token", func(t *testing.T, _, access string) error { t.Helper(); return workspace(t, directory, access) }},
		{"threads, access token", func(t *testing.T, _, access string) error { t.Helper(); return thread(t, threads, access) }},
	}
}
