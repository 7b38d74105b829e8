package cli

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// WorkspaceCmd groups what an operator does with workspaces.
type WorkspaceCmd struct {
	Create WorkspaceCreateCmd `cmd:"" help:"Make a workspace, as an operator; prints its owner's token this once."`
}

// WorkspaceCreateCmd makes a workspace by a call to the directory itself.
type WorkspaceCreateCmd struct {
	Name        string `arg:"" help:"What to call it."`
	OwnerEmail  string `help:"Mail address of its owner." required:"" placeholder:"ADDRESS"`
	OwnerName   string `help:"Display name of its owner. Empty: the address."`
	Directory   string `name:"directory-addr" help:"gRPC target of the directory." default:"127.0.0.1:9090" placeholder:"TARGET"`
	IdentityKey string `help:"Ed25519 seed of \"meridian\", base64, or @ and a file that holds it." required:"" placeholder:"KEY"`
	TLSCA       string `name:"tls-ca" help:"File of the CA that the directory's certificate is signed by. Setting it turns TLS on." placeholder:"FILE"`
	TLSCert     string `name:"tls-cert" help:"File of a certificate to show." placeholder:"FILE"`
	TLSKey      string `name:"tls-key" help:"File of its key." placeholder:"FILE"`
	TLSName     string `name:"tls-name" help:"Name in the directory's certificate, when it is not the target's." placeholder:"HOST"`
	RequestID   string `help:"A UUID; with the same one a second try makes no second workspace. Empty: a new one." placeholder:"UUID"`
}

// Run makes the workspace.
func (c *WorkspaceCreateCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	key, err := identityKey(c.IdentityKey)
	if err != nil {
		return fmt.Errorf("identity-key: %w", err)
	}
	conn, err := rpcclient.Dial(c.Directory, rpcclient.Config{
		Identity: auth.Identity{Name: "meridian", Key: key},
		TLS:      rpcclient.TLS{CAFile: c.TLSCA, CertFile: c.TLSCert, KeyFile: c.TLSKey, ServerName: c.TLSName},
	})
	if err != nil {
		return fmt.Errorf("directory-addr: %w", err)
	}
	defer conn.Close() //nolint:errcheck // the call is over
	if c.RequestID == "" {
		c.RequestID = uuid.NewString()
	}
	if c.OwnerName == "" {
		c.OwnerName = c.OwnerEmail
	}
	made, err := directoryv1.NewWorkspaceServiceClient(conn).CreateWorkspace(ctx, &directoryv1.CreateWorkspaceRequest{
		Workspace:  &directoryv1.Workspace{DisplayName: c.Name},
		OwnerEmail: c.OwnerEmail, OwnerDisplayName: c.OwnerName, RequestId: c.RequestID,
	})
	if err != nil {
		return err
	}
	return output{streams: streams, json: client.JSON}.print(made, func(w io.Writer) {
		row(w, "WORKSPACE", made.GetWorkspace().GetName())
		row(w, "OWNER", made.GetOwner().GetName())
		row(w, "TOKEN", made.GetSecret())
	})
}

// identityKey reads a seed, or the file that holds it. Its errors do not quote it.
func identityKey(value string) (ed25519.PrivateKey, error) {
	if file, ok := strings.CutPrefix(value, "@"); ok {
		text, err := os.ReadFile(file) //nolint:gosec // the operator's own file
		if err != nil {
			return nil, err
		}
		value = string(text)
	}
	seed, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("must be 32 bytes in base64")
	}
	return ed25519.NewKeyFromSeed(seed), nil
}
