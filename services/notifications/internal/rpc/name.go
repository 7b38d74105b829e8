package rpc

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/resname"
)

// The names of this service, and those of others that it refers to.
var (
	memberPattern       = resname.MustPattern("workspaces/{workspace}/members/{member}")
	notificationPattern = resname.MustPattern("workspaces/{workspace}/notifications/{notification}")
	digestPattern       = resname.MustPattern("workspaces/{workspace}/digests/{digest}")
	preferencesPattern  = resname.MustPattern("workspaces/{workspace}/members/{member}/notificationPreferences")
)

// within reads the second id of a name of two, in the workspace. The interceptor has checked the workspace of the name that the
// request is about; in any other field it must be the same.
func within(pattern *resname.Pattern, field, name string, ws uuid.UUID) (uuid.UUID, error) {
	ids, err := pattern.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, err
	}
	if ids[0] != ws {
		return uuid.Nil, fault.InvalidField(field, "must be of the same workspace")
	}
	return ids[1], nil
}

// second reads the id at the end of the name that a request is about.
func second(pattern *resname.Pattern, field, name string) (uuid.UUID, error) {
	ids, err := pattern.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, err
	}
	return ids[1], nil
}

// me is how a member may write their own name.
const me = "/members/me/"

// ownerOf reads whose preferences a name is of; `me` is the caller.
func ownerOf(ctx context.Context, field, name string) (uuid.UUID, error) {
	if caller, ok := auth.FromContext(ctx); ok && caller.Service == "" {
		name = strings.Replace(name, me, "/members/"+caller.Member.String()+"/", 1)
	}
	return second(preferencesPattern, field, name)
}
