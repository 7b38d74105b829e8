package live

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/fault"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

func TestStreamsEndWithTheirToken(t *testing.T) {
	t.Parallel()
	apiToken, _ := auth.NewAPIToken()
	for _, c := range []struct {
		name  string
		event func(w *world) proto.Message
		ends  bool
		api   bool
	}{
		{"token revoked", func(w *world) proto.Message {
			return &directoryv1.TokenRevoked{ApiToken: &directoryv1.ApiToken{
				Name: w.member.Principal() + "/apiTokens/" + w.member.Session.String(), Uid: w.member.Session.String(), Version: 2,
			}}
		}, true, true},
		{"another token revoked", func(w *world) proto.Message {
			id := uuid.NewString()
			return &directoryv1.TokenRevoked{ApiToken: &directoryv1.ApiToken{
				Name: w.member.Principal() + "/apiTokens/" + id, Uid: id, Version: 2,
			}}
		}, false, true},
		{"member deactivated", func(w *world) proto.Message {
			return &directoryv1.MemberDeactivated{Member: memberOf(w.member, directoryv1.Member_DEACTIVATED, 2)}
		}, true, true},
		{"role changed, access token", func(w *world) proto.Message { return roleChanged(w.member, 2) }, true, false},
		{"state changed, access token", func(w *world) proto.Message {
			return &directoryv1.MemberUpdated{
				Member:        memberOf(w.member, directoryv1.Member_ACTIVE, 2),
				ChangedFields: &fieldmaskpb.FieldMask{Paths: []string{"state"}},
			}
		}, true, false},
		{"role changed, API token", func(w *world) proto.Message { return roleChanged(w.member, 2) }, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			presented := "access"
			if c.api {
				presented = apiToken
			}
			s := w.watchAs(w.hub, edge.NewSession(w.member, "access", presented))
			s.started()
			w.publish("directory", c.event(w))
			last := w.publish("threads", w.post(w.open))
			if !c.ends {
				got := s.until(last)
				require.Equal(t, last, got[len(got)-1])
				return
			}
			f := s.end()
			require.Equal(t, fault.Unauthenticated, f.Kind)
			require.Equal(t, fault.ReasonTokenRevoked, f.Reason)
		})
	}
}

func TestARevokedSessionNeverBegins(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sessions.revoked[w.member.Session] = true
	require.Equal(t, fault.Unauthenticated, w.watch(w.hub, w.member).end().Kind)
	gone := w.caller(auth.Member)
	w.directory.add(memberRowOf(gone, directoryv1.Member_DEACTIVATED, 5))
	require.Equal(t, fault.Unauthenticated, w.watch(w.hub, gone).end().Kind)
}

func TestAnExpiredTokenEndsItsStream(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	caller := w.member
	caller.Expires = clock.Machine().Now().Add(300 * time.Millisecond)
	s := w.watch(w.hub, caller)
	s.started()
	f := s.end()
	require.Equal(t, fault.ReasonTokenExpired, f.Reason)
	require.NotEmpty(t, f.Metadata["resume_token"])
}

func TestAnotherWorkspaceAndAMissingScope(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	stranger := w.member
	stranger.Workspace = uuid.Must(uuid.NewV7())
	require.Equal(t, fault.NotFound, w.watch(w.hub, stranger).end().Kind)
	narrow := w.member
	narrow.Scopes = []string{auth.ScopeThreadsRead}
	require.Equal(t, fault.ReasonScopeMissing, w.watch(w.hub, narrow).end().Reason)
	malformed := w.watch(w.hub, w.member, func(r *gatewayv1.WatchEventsRequest) { r.Parent = "workspaces/x" }).end()
	require.Equal(t, "parent", malformed.Fields[0].Path)
}

func TestStreamsOfOneMemberAreCounted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(c *Config) { c.MaxStreams = 2 })
	first := w.watch(w.hub, w.member)
	first.started()
	w.watch(w.hub, w.member).started()
	require.Equal(t, gatewayv1.ErrorReason_STREAMS_TOO_MANY.String(), w.watch(w.hub, w.member).end().Reason)
	w.watch(w.hub, w.other).started()
	first.cancel()
	first.end()
	w.watch(w.hub, w.member).started()
}
