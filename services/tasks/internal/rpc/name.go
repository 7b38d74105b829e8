package rpc

import (
	"context"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	"github.com/meridianhq/meridian/services/tasks/internal/app"
)

// The names of this service, and those of the directory that it refers to.
var (
	spacePattern   = resname.MustPattern("workspaces/{workspace}/spaces/{space}")
	memberPattern  = resname.MustPattern("workspaces/{workspace}/members/{member}")
	teamPattern    = resname.MustPattern("workspaces/{workspace}/teams/{team}")
	projectPattern = resname.MustPattern("workspaces/{workspace}/projects/{project}")
	taskPattern    = resname.MustPattern("workspaces/{workspace}/tasks/{task}")
	handoffPattern = resname.MustPattern("workspaces/{workspace}/handoffs/{handoff}")
	draftPattern   = resname.MustPattern("workspaces/{workspace}/tasks/{task}/handoffDraft")
)

// The page sizes of every list here.
const (
	defaultPage = 50
	maxPage     = 200
)

// within reads the second id of a name of two, in the workspace; an empty name is uuid.Nil. The interceptor has checked the
// workspace of the name that the request is about; in any other field it must be the same.
func within(pattern *resname.Pattern, field, name string, ws uuid.UUID) (uuid.UUID, error) {
	if name == "" {
		return uuid.Nil, nil
	}
	ids, err := pattern.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, err
	}
	if ids[0] != ws {
		return uuid.Nil, fault.InvalidField(field, "must be of the same workspace")
	}
	return ids[1], nil
}

// required is within for a name that must be given.
func required(pattern *resname.Pattern, field, name string, ws uuid.UUID) (uuid.UUID, error) {
	if name == "" {
		return uuid.Nil, fault.InvalidField(field, "is required")
	}
	return within(pattern, field, name, ws)
}

// idOf reads the name that a request is about: its workspace and its own id.
func idOf(pattern *resname.Pattern, field, name string) (ws, id uuid.UUID, err error) {
	ids, err := pattern.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, uuid.Nil, err
	}
	return ids[0], ids[1], nil
}

// person reads a member of a filter: a name, "me", or "" for nobody.
func person(ctx context.Context, name string, ws uuid.UUID) (uuid.UUID, error) {
	if name != "me" {
		return within(memberPattern, "filter", name, ws)
	}
	caller, err := auth.Require(ctx)
	return caller.Member, err
}

// fresh is the check of an etag that a request gave in a field; none where it gave none.
func fresh(field, tag string) app.Fresh {
	if tag == "" {
		return nil
	}
	return func(revision int64) error { return etag.Check(field, tag, revision) }
}

// pageOf reads the page that a list is asked for.
func pageOf[C any](size int32, token, fingerprint string) (page.Request[C], error) {
	var p page.Request[C]
	var err error
	if p.Size, err = page.Size(size, defaultPage, maxPage); err != nil {
		return p, err
	}
	p.After, err = page.After[C](token, fingerprint)
	return p, err
}

// once reads the value of a field that a filter may name once.
func once[T comparable](field string, have T, read func() (T, error)) (T, error) {
	value, err := read()
	var none T
	switch {
	case err != nil:
		return none, err
	case value == none:
		return none, fault.InvalidField("filter", field+" must have a value")
	case have != none && have != value:
		return none, fault.InvalidField("filter", "names two values of "+field+"; there is but one")
	}
	return value, nil
}
