package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
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
	direct := map[string]*world{}
	for _, service := range s.Services() {
		here := *w
		here.conn = dialGRPC(t, service.Server.Addr())
		direct[service.Name] = &here
	}
	exchanged, err := directoryv1.NewTokenServiceClient(direct["directory"].conn).ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: w.owner.token})
	require.NoError(t, err)

	builders, walked := requests(), 0
	for _, m := range methods() {
		option, _ := proto.GetExtension(m.Options(), optionsv1.E_Access).(*optionsv1.Access)
		if option.GetPublic() || option.GetRole() != optionsv1.Access_ROLE_UNSPECIFIED {
			continue
		}
		servers := []string{strings.Split(string(m.FullName()), ".")[1]}
		if m.Parent().Name() == "SourceService" {
			servers = []string{"threads", "tasks"} // it is asked by notifications, of those who own sources
		}
		in := builders[string(m.Name())](t, w, w.owner)
		for _, server := range servers {
			walked++
			for token, want := range map[string]codes.Code{
				"": codes.Unauthenticated, "nonsense": codes.Unauthenticated, exchanged.GetAccessToken(): codes.PermissionDenied,
			} {
				got := status.Code(invoke(t, direct[server], m, principal{token: token}, in))
				require.Equal(t, want.String(), got.String(), "%s at %s", m.FullName(), server)
			}
		}
	}
	require.GreaterOrEqual(t, walked, 7)
}
