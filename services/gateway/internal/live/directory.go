package live

import (
	"context"

	"github.com/meridianhq/meridian/pkg/rpcclient"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// Directory says who may read what.
type Directory interface {
	// Snapshot hands every row of the workspace's access to take, in pages.
	Snapshot(ctx context.Context, workspace string, take func([]*directoryv1.AccessRow)) error
	// Resolve returns what decides the member's right on the space now; an empty space asks for the member alone.
	Resolve(ctx context.Context, workspace, member, space string) ([]*directoryv1.AccessRow, error)
}

// snapshotPage is how many rows are asked for at a time.
const snapshotPage = 1000

// NewDirectory asks the directory service. Its calls must carry the gateway's own identity.
func NewDirectory(client directoryv1.AccessServiceClient) Directory { return accessService{client} }

type accessService struct {
	client directoryv1.AccessServiceClient
}

func (a accessService) Snapshot(ctx context.Context, workspace string, take func([]*directoryv1.AccessRow)) error {
	for token := ""; ; {
		page, err := a.client.SnapshotAccess(rpcclient.AsService(ctx), &directoryv1.SnapshotAccessRequest{
			Workspace: workspace, PageSize: snapshotPage, PageToken: token,
		})
		if err != nil {
			return err
		}
		take(page.GetRows())
		if token = page.GetNextPageToken(); token == "" {
			return nil
		}
	}
}

func (a accessService) Resolve(ctx context.Context, workspace, member, space string) ([]*directoryv1.AccessRow, error) {
	answer, err := a.client.ResolveAccess(rpcclient.AsService(ctx), &directoryv1.ResolveAccessRequest{
		Workspace: workspace, Member: member, Space: space,
	})
	return answer.GetRows(), err
}
