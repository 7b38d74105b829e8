package cli

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/clock"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// TokenCmd groups the commands about API tokens.
type TokenCmd struct {
	List   TokenListCmd   `cmd:"" default:"withargs" help:"List API tokens."`
	Create TokenCreateCmd `cmd:"" help:"Make an API token; its text is printed this once."`
	Revoke TokenRevokeCmd `cmd:"" help:"Revoke an API token."`
}

// TokenListCmd lists tokens.
type TokenListCmd struct {
	Member string `help:"Whose: yours, or a service account's (name, id or handle)." default:"me"`
	Limit  int    `help:"How many at most; 0 for all." default:"0"`
}

// Run lists tokens.
func (c *TokenListCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	tokens, err := s.tokensOf(ctx, c.Member, c.Limit)
	if err != nil {
		return err
	}
	return s.print(&directoryv1.ListApiTokensResponse{ApiTokens: tokens}, func(w io.Writer) {
		row(w, "TOKEN", "STATE", "ENDS", "LAST USED", "SCOPES", "NAME")
		for _, t := range tokens {
			row(w, id(t.GetName()), stateOf(t), when(t.GetExpireTime()), when(t.GetLastUsedTime()), strings.Join(t.GetScopes(), ","), short(t.GetDisplayName(), 40))
		}
	})
}

func (s *session) tokensOf(ctx context.Context, member string, limit int) ([]*directoryv1.ApiToken, error) {
	name, err := s.member(ctx, member)
	if err != nil {
		return nil, err
	}
	return pages(limit, func(token string, size int32) ([]*directoryv1.ApiToken, string, error) {
		page, err := s.tokens.ListApiTokens(ctx, &directoryv1.ListApiTokensRequest{Parent: name, PageSize: size, PageToken: token})
		return page.GetApiTokens(), page.GetNextPageToken(), err
	})
}

func stateOf(t *directoryv1.ApiToken) string {
	switch {
	case t.GetRevokeTime() != nil:
		return "revoked"
	case !t.GetExpireTime().AsTime().After(clock.Machine().Now()):
		return "ended"
	default:
		return "live"
	}
}

// TokenCreateCmd makes a token.
type TokenCreateCmd struct {
	Name    string        `arg:"" help:"What it is for."`
	Scopes  []string      `name:"scope" help:"What it may be used for: such as threads.read, tasks.write, notifications.read or events.all; or * for everything." default:"*"`
	Expires time.Duration `help:"How long it lives, such as 720h; 90 days when not given."`
	Member  string        `help:"Whose: yours, or a service account's (name, id or handle)." default:"me"`
}

// Run makes a token.
func (c *TokenCreateCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name, err := s.member(ctx, c.Member)
	if err != nil {
		return err
	}
	token := &directoryv1.ApiToken{DisplayName: c.Name, Scopes: c.Scopes}
	if c.Expires > 0 {
		token.ExpireTime = timestamppb.New(clock.Machine().Now().Add(c.Expires))
	}
	made, err := s.tokens.CreateApiToken(ctx, &directoryv1.CreateApiTokenRequest{Parent: name, ApiToken: token, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.print(made, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s\n\n", made.GetSecret())
		_, _ = fmt.Fprintf(w, "token %s, ends %s; this text is shown this once\n", id(made.GetApiToken().GetName()), when(made.GetApiToken().GetExpireTime()))
	})
}

// TokenRevokeCmd revokes a token.
type TokenRevokeCmd struct {
	Token  string `arg:"" help:"The token's name or id."`
	Member string `help:"Whose: yours, or a service account's (name, id or handle)." default:"me"`
}

// Run revokes a token.
func (c *TokenRevokeCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	name := c.Token
	if !strings.HasPrefix(name, "workspaces/") {
		if _, err := uuid.Parse(name); err != nil {
			return status.Errorf(codes.InvalidArgument, "%q is no token's name or id (the token's text itself is never sent for this)", short(name, 8))
		}
		member, err := s.member(ctx, c.Member)
		if err != nil {
			return err
		}
		name = member + "/apiTokens/" + strings.ToLower(name)
	}
	token, err := s.tokens.RevokeApiToken(ctx, &directoryv1.RevokeApiTokenRequest{Name: name, RequestId: uuid.NewString()})
	if err != nil {
		return err
	}
	return s.print(token, func(w io.Writer) { row(w, id(token.GetName()), stateOf(token), short(token.GetDisplayName(), 40)) })
}
