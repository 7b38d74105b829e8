package directory_test

import (
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/clock"
	"github.com/meridianhq/meridian/pkg/rpctest"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

func TestATokenIsShownOnceAndRevoked(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia, ada := w.join(t, "mia", member), w.join(t, "ada", admin)
	req := &directoryv1.CreateApiTokenRequest{
		Parent:   w.GetName() + "/members/me",
		ApiToken: &directoryv1.ApiToken{DisplayName: "laptop", Scopes: []string{"directory.read", "directory.write"}}, RequestId: requestID(),
	}
	made, err := h.tokens.CreateApiToken(mia.ctx, req)
	require.NoError(t, err)
	token := made.GetApiToken()
	require.WithinDuration(t, clock.Machine().Now().Add(90*24*time.Hour), token.GetExpireTime().AsTime(), time.Minute)
	require.Nil(t, token.GetLastUsedTime())
	_, err = h.tokens.CreateApiToken(mia.ctx, req)
	rpctest.Failed(t, err, codes.AlreadyExists, "ALREADY_EXISTS")

	ctx := h.as(t, made.GetSecret())
	used, err := h.tokens.GetApiToken(mia.ctx, &directoryv1.GetApiTokenRequest{Name: token.GetName()})
	require.NoError(t, err)
	require.NotNil(t, used.GetLastUsedTime())
	h.as(t, made.GetSecret())
	again, err := h.tokens.GetApiToken(mia.ctx, &directoryv1.GetApiTokenRequest{Name: token.GetName()})
	require.NoError(t, err)
	require.Equal(t, used.GetLastUsedTime().AsTime(), again.GetLastUsedTime().AsTime(), "noted at most once a minute")
	require.EqualValues(t, 1, again.GetVersion())

	// A token gives away no more than it has.
	_, err = h.tokens.CreateApiToken(ctx, &directoryv1.CreateApiTokenRequest{
		Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "more", Scopes: []string{"*"}},
	})
	rpctest.Failed(t, err, codes.PermissionDenied, "SCOPE_NOT_HELD")
	_, err = h.tokens.CreateApiToken(ctx, &directoryv1.CreateApiTokenRequest{
		Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "less", Scopes: []string{"directory.read"}},
	})
	require.NoError(t, err)
	_, err = h.tokens.CreateApiToken(ada.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "hers", Scopes: []string{"*"}},
	})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	_, err = h.tokens.ListApiTokens(mia.ctx, &directoryv1.ListApiTokensRequest{Parent: ada.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "PERMISSION_DENIED")

	revoke := &directoryv1.RevokeApiTokenRequest{Name: token.GetName(), RequestId: requestID(), Etag: token.GetEtag()}
	got, err := h.tokens.RevokeApiToken(ada.ctx, revoke)
	require.NoError(t, err, "an administrator may revoke")
	require.NotNil(t, got.GetRevokeTime())
	got, err = h.tokens.RevokeApiToken(ada.ctx, revoke)
	require.NoError(t, err)
	require.EqualValues(t, 2, got.GetVersion())
	revoke = &directoryv1.RevokeApiTokenRequest{Name: token.GetName()}
	got, err = h.tokens.RevokeApiToken(mia.ctx, revoke)
	require.NoError(t, err)
	require.EqualValues(t, 2, got.GetVersion(), "revoked is revoked")
	_, err = h.tokens.RevokeApiToken(ada.ctx, &directoryv1.RevokeApiTokenRequest{Name: w.owner.token.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "OWNER_REQUIRED")
	_, err = h.tokens.ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: made.GetSecret()})
	rpctest.Failed(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
	require.Eventually(t, func() bool {
		_, err := h.workspaces.GetWorkspace(ctx, &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
		return err != nil
	}, eventually, tick, "its access tokens end too")
	_, err = h.workspaces.GetWorkspace(mia.ctx, &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
	require.NoError(t, err, "those of another token do not")

	listed, err := h.tokens.ListApiTokens(mia.ctx, &directoryv1.ListApiTokensRequest{Parent: mia.GetName(), PageSize: 2})
	require.NoError(t, err)
	require.Equal(t, "less", listed.GetApiTokens()[0].GetDisplayName(), "newest first")
	listed, err = h.tokens.ListApiTokens(mia.ctx, &directoryv1.ListApiTokensRequest{
		Parent: mia.GetName(), PageSize: 2, PageToken: listed.GetNextPageToken(),
	})
	require.NoError(t, err)
	require.Len(t, listed.GetApiTokens(), 1)
	meta, _ := last[*directoryv1.TokenRevoked](t, w.events(t))
	require.Equal(t, token.GetName(), meta.Subject)
}

func TestTokensThatCannotBe(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	try := func(token *directoryv1.ApiToken) error {
		_, err := h.tokens.CreateApiToken(w.owner.ctx, &directoryv1.CreateApiTokenRequest{Parent: w.owner.GetName(), ApiToken: token})
		return err
	}
	in := func(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(clock.Machine().Now().Add(d)) }
	rpctest.FailedField(t, try(&directoryv1.ApiToken{DisplayName: "x"}), "FIELD_INVALID", "api_token.scopes")
	rpctest.FailedField(t, try(&directoryv1.ApiToken{DisplayName: "x", Scopes: []string{"root"}}), "FIELD_INVALID", "api_token.scopes[0]")
	rpctest.FailedField(t, try(&directoryv1.ApiToken{Scopes: []string{"*"}}), "FIELD_INVALID", "api_token.display_name")
	for _, d := range []time.Duration{-time.Hour, 367 * 24 * time.Hour} {
		err := try(&directoryv1.ApiToken{DisplayName: "x", Scopes: []string{"*"}, ExpireTime: in(d)})
		rpctest.FailedField(t, err, "FIELD_INVALID", "api_token.expire_time")
	}
	require.NoError(t, try(&directoryv1.ApiToken{DisplayName: "x", Scopes: []string{"*"}, ExpireTime: in(365 * 24 * time.Hour)}))
	_, err := h.tokens.GetApiToken(w.owner.ctx, &directoryv1.GetApiTokenRequest{Name: w.owner.GetName() + "/apiTokens/" + w.GetUid()})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = h.tokens.ListApiTokens(w.owner.ctx, &directoryv1.ListApiTokensRequest{Parent: w.GetName() + "/members/" + w.GetUid()})
	rpctest.Failed(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
}

func TestAnAccessTokenSaysWhoAndNeverOutlivesItsAPIToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	made, err := h.tokens.CreateApiToken(w.owner.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: w.owner.GetName(), ApiToken: &directoryv1.ApiToken{
			DisplayName: "short", Scopes: []string{"threads.read"}, ExpireTime: timestamppb.New(clock.Machine().Now().Add(90 * time.Second)),
		},
	})
	require.NoError(t, err)
	got, err := h.tokens.ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: made.GetSecret()})
	require.NoError(t, err)
	require.Equal(t, w.owner.GetName(), got.GetMember().GetName())
	require.False(t, got.GetExpireTime().AsTime().After(made.GetApiToken().GetExpireTime().AsTime()))

	set := keySet(t, h)
	parsed, err := jwt.ParseSigned(got.GetAccessToken(), []jose.SignatureAlgorithm{jose.EdDSA})
	require.NoError(t, err)
	require.Equal(t, "at+jwt", parsed.Headers[0].ExtraHeaders[jose.HeaderType])
	keys := set.Key(parsed.Headers[0].KeyID)
	require.Len(t, keys, 1)
	var claims struct {
		jwt.Claims
		Workspace uuid.UUID `json:"ws"`
		Role      string    `json:"role"`
		Scopes    []string  `json:"scopes"`
		Session   uuid.UUID `json:"sid"`
	}
	require.NoError(t, parsed.Claims(keys[0].Key, &claims))
	require.Equal(t, w.owner.GetName(), claims.Subject)
	require.Equal(t, w.GetUid(), claims.Workspace.String())
	require.Equal(t, "OWNER", claims.Role)
	require.Equal(t, []string{"threads.read"}, claims.Scopes)
	require.Equal(t, made.GetApiToken().GetUid(), claims.Session.String())
	require.NotEmpty(t, claims.ID)
	require.False(t, claims.Expiry.Time().After(made.GetApiToken().GetExpireTime().AsTime()))
	_, err = h.workspaces.GetWorkspace(rpctest.WithToken(t.Context(), got.GetAccessToken()), &directoryv1.GetWorkspaceRequest{Name: w.GetName()})
	rpctest.Failed(t, err, codes.PermissionDenied, "SCOPE_MISSING")

	whole, err := h.tokens.ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: w.owner.secret})
	require.NoError(t, err)
	require.WithinDuration(t, clock.Machine().Now().Add(auth.AccessLife), whole.GetExpireTime().AsTime(), 5*time.Second)
}

// keySet is the directory's public keys, as any client reads them.
func keySet(t *testing.T, h *house) jose.JSONWebKeySet {
	t.Helper()
	jwks, err := h.tokens.GetJwks(t.Context(), &directoryv1.GetJwksRequest{})
	require.NoError(t, err)
	var set jose.JSONWebKeySet
	for _, k := range jwks.GetKeys() {
		var key jose.JSONWebKey
		require.NoError(t, key.UnmarshalJSON([]byte(
			`{"kty":"`+k.GetKty()+`","crv":"`+k.GetCrv()+`","x":"`+k.GetX()+`","kid":"`+k.GetKid()+`","alg":"`+k.GetAlg()+`","use":"`+k.GetUse()+`"}`)))
		require.True(t, key.Valid() && key.IsPublic())
		set.Keys = append(set.Keys, key)
	}
	return set
}

func TestEveryReasonAgainstATokenGetsOneAnswer(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	w := h.found(t)
	mia := w.join(t, "mia", member)
	unknown, _ := auth.NewAPIToken()
	expiring, err := h.tokens.CreateApiToken(mia.ctx, &directoryv1.CreateApiTokenRequest{
		Parent: mia.GetName(), ApiToken: &directoryv1.ApiToken{DisplayName: "x", Scopes: []string{"*"}},
	})
	require.NoError(t, err)
	_, err = h.db.Owner.Pool().Exec(t.Context(), "UPDATE api_tokens SET expire_time = clock_timestamp() WHERE token_id = $1",
		expiring.GetApiToken().GetUid())
	require.NoError(t, err)
	_, err = h.members.DeactivateMember(w.owner.ctx, &directoryv1.DeactivateMemberRequest{Name: mia.GetName()})
	require.NoError(t, err)
	messages := map[string]bool{}
	for _, secret := range []string{unknown, expiring.GetSecret(), mia.secret, "mrd_x", "nonsense", w.owner.secret[:len(w.owner.secret)-1] + "~"} {
		_, err := h.tokens.ExchangeToken(t.Context(), &directoryv1.ExchangeTokenRequest{Token: secret})
		messages[rpctest.Failed(t, err, codes.Unauthenticated, "UNAUTHENTICATED").Message()] = true
	}
	require.Len(t, messages, 1)
}
