package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	optionsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/options/v1"
)

// The gateway does not know the methods that are for services only; a service that is called directly refuses them to
// everyone else.
func TestServicesOnlyMethodsAreRefusedToMembers(t *testing.T) {
	t.Parallel()
	s := start(t)
	w := newWorld(t, s.grpc(t), s.ownerToken(), s.newWorkspace(t))
	conn, err := grpc.NewClient(s.Directory().Server.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	exchanged, err := directoryv1.NewTokenServiceClient(conn).ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: w.owner.token})
	require.NoError(t, err)
	direct := &world{conn: conn, workspace: w.workspace, space: w.space, owner: w.owner}

	builders, walked := requests(), 0
	for _, m := range methods() {
		option, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
		if option.GetPublic() || option.GetRole() != optionsv1.Access_ROLE_UNSPECIFIED {
			continue
		}
		walked++
		in := builders[string(m.Name())](t, direct, w.owner)
		for token, want := range map[string]codes.Code{
			"": codes.Unauthenticated, "nonsense": codes.Unauthenticated, exchanged.GetAccessToken(): codes.PermissionDenied,
		} {
			got := status.Code(invoke(t, direct, m, principal{token: token}, in))
			require.Equal(t, want.String(), got.String(), "%s", m.FullName())
		}
	}
	require.GreaterOrEqual(t, walked, 3)
}
