package stack

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

const (
	// begunFile stands in the data folder from before the first workspace is asked for until its token is kept.
	begunFile = "first-start"
	// doneFile stands there from then on, so that a token that was taken away is not made again.
	doneFile = "first-start.done"
)

// Welcome is what the first start made. It is told once.
type Welcome struct {
	// Workspace and Owner are resource names.
	Workspace, Owner string
	// Token is the owner's API token, also kept in TokenFile.
	Token, TokenFile string
}

// firstStart makes the workspace, its owner and the owner's token, once for a data folder. It may be killed at any
// instant: what was begun is known by begunFile, and the workspace by the request_id, which was kept before. Only the
// token's text is lost then, since nothing keeps it; so the lost token is revoked and another one made.
func (s *Stack) firstStart(ctx context.Context) error {
	if err := s.dialSelf(); err != nil {
		return err
	}
	if there(s.config.Data, doneFile) {
		return nil
	}
	if !there(s.config.Data, OwnerTokenFile) {
		begun := there(s.config.Data, begunFile)
		if err := s.makeWorkspace(ctx, begun); err != nil {
			return errors.Join(err, s.self.Close())
		}
	}
	return writeFile(filepath.Join(s.config.Data, doneFile), nil)
}

func there(data, name string) bool {
	_, err := os.Stat(filepath.Join(data, name))
	return !errors.Is(err, fs.ErrNotExist)
}

func (s *Stack) makeWorkspace(ctx context.Context, begun bool) error {
	workspaces := directoryv1.NewWorkspaceServiceClient(s.self)
	if !begun {
		have, err := workspaces.ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{PageSize: 1})
		if err != nil {
			return fmt.Errorf("look for workspaces: %w", err)
		}
		if len(have.GetWorkspaces()) > 0 {
			s.config.Log.WarnContext(ctx, "the database holds workspaces already; none is made, and no token")
			return nil
		}
		if err := writeFile(filepath.Join(s.config.Data, begunFile), nil); err != nil {
			return fmt.Errorf("begin the first start: %w", err)
		}
	}
	made, err := workspaces.CreateWorkspace(ctx, &directoryv1.CreateWorkspaceRequest{
		Workspace:  &directoryv1.Workspace{DisplayName: s.config.Workspace},
		OwnerEmail: s.config.OwnerEmail, OwnerDisplayName: s.config.OwnerName, RequestId: s.secrets.FirstRequest,
	})
	switch {
	case err == nil:
		return s.keep(made.GetWorkspace().GetName(), made.GetOwner().GetName(), made.GetSecret())
	case status.Code(err) == codes.AlreadyExists:
		return s.recover(ctx, workspaces)
	default:
		return fmt.Errorf("make the workspace: %w", err)
	}
}

// recover gives the owner of the workspace, whose token's text was lost, another one.
func (s *Stack) recover(ctx context.Context, workspaces directoryv1.WorkspaceServiceClient) error {
	have, err := workspaces.ListWorkspaces(ctx, &directoryv1.ListWorkspacesRequest{PageSize: 1})
	if err != nil || len(have.GetWorkspaces()) == 0 {
		return fmt.Errorf("find the workspace of the first start: %w", err)
	}
	workspace := have.GetWorkspaces()[0].GetName()
	members, err := directoryv1.NewMemberServiceClient(s.self).ListMembers(ctx, &directoryv1.ListMembersRequest{Parent: workspace, Filter: "role = OWNER", PageSize: 1})
	if err != nil || len(members.GetMembers()) == 0 {
		return fmt.Errorf("find the owner of the first start: %w", err)
	}
	owner := members.GetMembers()[0].GetName()
	tokens := directoryv1.NewTokenServiceClient(s.self)
	if err := revokeAll(ctx, tokens, owner); err != nil {
		return fmt.Errorf("revoke the lost token: %w", err)
	}
	made, err := tokens.CreateApiToken(ctx, &directoryv1.CreateApiTokenRequest{
		Parent: owner, ApiToken: &directoryv1.ApiToken{DisplayName: "First token", Scopes: []string{"*"}}, RequestId: uuid.NewString(),
	})
	if err != nil {
		return fmt.Errorf("make the owner's token: %w", err)
	}
	return s.keep(workspace, owner, made.GetSecret())
}

// revokeAll revokes the owner's tokens: while the first start is not done nobody has seen the text of any.
func revokeAll(ctx context.Context, tokens directoryv1.TokenServiceClient, owner string) error {
	list, err := tokens.ListApiTokens(ctx, &directoryv1.ListApiTokensRequest{Parent: owner})
	if err != nil {
		return err
	}
	for _, token := range list.GetApiTokens() {
		if token.GetRevokeTime() != nil {
			continue
		}
		if _, err := tokens.RevokeApiToken(ctx, &directoryv1.RevokeApiTokenRequest{Name: token.GetName(), RequestId: uuid.NewString()}); err != nil {
			return err
		}
	}
	return nil
}

// keep writes the token where it is kept, and only then tells it.
func (s *Stack) keep(workspace, owner, token string) error {
	path := filepath.Join(s.config.Data, OwnerTokenFile)
	if err := writeFile(path, []byte(token+"\n")); err != nil {
		return fmt.Errorf("keep the owner's token: %w", err)
	}
	s.welcome = &Welcome{Workspace: workspace, Owner: owner, Token: token, TokenFile: path}
	return nil
}

func readToken(data string) (string, error) {
	text, err := os.ReadFile(filepath.Join(data, OwnerTokenFile)) //nolint:gosec // the operator's own folder
	if err != nil {
		return "", fmt.Errorf("read the owner's token: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}
