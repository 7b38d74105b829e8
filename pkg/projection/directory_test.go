package projection

import (
	"context"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/meridianhq/meridian/pkg/auth"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// directory answers from a model, in pages of two rows, and counts the questions.
type directory struct {
	mu        sync.Mutex
	models    []*model
	err       error
	snapshots int // first pages
	resolves  int
	onPage    func() // runs before each page is read
	tokens    []string
}

func (d *directory) SnapshotAccess(
	ctx context.Context, req *directoryv1.SnapshotAccessRequest, _ ...grpc.CallOption,
) (*directoryv1.SnapshotAccessResponse, error) {
	if d.onPage != nil {
		d.onPage()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.err != nil {
		return nil, d.err
	}
	if token, _ := auth.TokenFrom(ctx); token != "" {
		d.tokens = append(d.tokens, token)
	}
	var all []*directoryv1.AccessRow
	for _, m := range d.models {
		if req.GetWorkspace() == "" || req.GetWorkspace() == "workspaces/"+m.workspace.String() {
			all = append(all, m.rows()...)
		}
	}
	if req.GetPageToken() == "" {
		d.snapshots++
	}
	from := len(req.GetPageToken())
	to := min(from+2, len(all))
	page := &directoryv1.SnapshotAccessResponse{}
	for _, row := range all[from:to] {
		page.Rows = append(page.Rows, proto.CloneOf(row))
	}
	if to < len(all) {
		page.NextPageToken = string(make([]byte, to))
	}
	return page, nil
}

func (d *directory) ResolveAccess(
	ctx context.Context, req *directoryv1.ResolveAccessRequest, _ ...grpc.CallOption,
) (*directoryv1.ResolveAccessResponse, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resolves++
	if d.err != nil {
		return nil, d.err
	}
	if token, _ := auth.TokenFrom(ctx); token != "" {
		d.tokens = append(d.tokens, token)
	}
	answer := &directoryv1.ResolveAccessResponse{}
	for _, m := range d.models {
		if req.GetWorkspace() == "workspaces/"+m.workspace.String() {
			for _, row := range m.rows() { // all of it: more than asked does no harm
				answer.Rows = append(answer.Rows, proto.CloneOf(row))
			}
		}
	}
	return answer, nil
}

// with changes the directory's world.
func (d *directory) with(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
}

func (d *directory) fails(err error) { d.with(func() { d.err = err }) }

func (d *directory) counts() (snapshots, resolves int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.snapshots, d.resolves
}
