package rpc

import (
	"context"
	"encoding/base64"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/page"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/resource"
)

type tokens struct {
	directoryv1.UnimplementedTokenServiceServer
	app *app.App
}

// CreateApiToken implements TokenService.
func (s *tokens) CreateApiToken(
	ctx context.Context, req *directoryv1.CreateApiTokenRequest,
) (*directoryv1.CreateApiTokenResponse, error) {
	ws, member, err := two(memberName, "parent", own(ctx, req.GetParent()))
	if err != nil {
		return nil, err
	}
	wanted := req.GetApiToken()
	var expires time.Time
	if wanted.GetExpireTime() != nil {
		expires = wanted.GetExpireTime().AsTime()
	}
	made, err := s.app.CreateToken(ctx, ws, member, app.NewToken{
		DisplayName: wanted.GetDisplayName(), Scopes: wanted.GetScopes(), ExpireTime: expires,
	})
	if err != nil {
		return nil, err
	}
	return &directoryv1.CreateApiTokenResponse{ApiToken: resource.APIToken(made.Token), Secret: made.Secret}, nil
}

// GetApiToken implements TokenService.
func (s *tokens) GetApiToken(ctx context.Context, req *directoryv1.GetApiTokenRequest) (*directoryv1.ApiToken, error) {
	ws, member, id, err := tokenIDs(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	t, err := s.app.Token(ctx, ws, member, id)
	if err != nil {
		return nil, err
	}
	return resource.APIToken(t), nil
}

// ListApiTokens implements TokenService.
func (s *tokens) ListApiTokens(
	ctx context.Context, req *directoryv1.ListApiTokensRequest,
) (*directoryv1.ListApiTokensResponse, error) {
	ws, member, err := two(memberName, "parent", own(ctx, req.GetParent()))
	if err != nil {
		return nil, err
	}
	p, fingerprint, err := pageOf[app.Cursor](req)
	if err != nil {
		return nil, err
	}
	found, err := s.app.Tokens(ctx, ws, member, p)
	if err != nil {
		return nil, err
	}
	return &directoryv1.ListApiTokensResponse{
		ApiTokens: resource.Each(found.Items, resource.APIToken), NextPageToken: page.Next(fingerprint, found.Next),
	}, nil
}

// RevokeApiToken implements TokenService.
func (s *tokens) RevokeApiToken(
	ctx context.Context, req *directoryv1.RevokeApiTokenRequest,
) (*directoryv1.ApiToken, error) {
	ws, member, id, err := tokenIDs(ctx, req.GetName())
	if err != nil {
		return nil, err
	}
	t, err := s.app.RevokeToken(ctx, ws, member, id, matching("etag", req.GetEtag()))
	if err != nil {
		return nil, err
	}
	return resource.APIToken(t), nil
}

// ExchangeToken implements TokenService.
func (s *tokens) ExchangeToken(
	ctx context.Context, req *directoryv1.ExchangeTokenRequest,
) (*directoryv1.ExchangeTokenResponse, error) {
	made, err := s.app.ExchangeToken(ctx, req.GetToken())
	if err != nil {
		return nil, err
	}
	return &directoryv1.ExchangeTokenResponse{
		AccessToken: made.AccessToken, ExpireTime: timestamppb.New(made.ExpireTime), Member: resource.Member(made.Member),
	}, nil
}

// GetJwks implements TokenService.
func (s *tokens) GetJwks(ctx context.Context, _ *directoryv1.GetJwksRequest) (*directoryv1.JsonWebKeySet, error) {
	keys, err := s.app.PublicKeys(ctx)
	if err != nil {
		return nil, err
	}
	return &directoryv1.JsonWebKeySet{Keys: resource.Each(keys, func(k app.PublicKey) *directoryv1.JsonWebKey {
		return &directoryv1.JsonWebKey{
			Kty: "OKP", Crv: "Ed25519", X: base64.RawURLEncoding.EncodeToString(k.Key), Kid: k.ID, Alg: "EdDSA", Use: "sig",
		}
	})}, nil
}

func tokenIDs(ctx context.Context, name string) (ws, member, token uuid.UUID, err error) {
	ids, err := tokenName.ParseUUIDs("name", own(ctx, name))
	if err != nil {
		return uuid.Nil, uuid.Nil, uuid.Nil, err
	}
	return ids[0], ids[1], ids[2], nil
}
