package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
)

// named turns what a user typed for a resource into its name where that takes no look-up: a name, or the id in it.
func (s *session) named(collection, given string) (string, bool) {
	if strings.HasPrefix(given, "workspaces/") {
		return given, true
	}
	given = strings.TrimPrefix(given, collection+"/")
	if _, err := uuid.Parse(given); err == nil {
		return s.workspace + "/" + collection + "/" + strings.ToLower(given), true
	}
	return "", false
}

// quoted writes a value of a filter.
func quoted(s string) string { return strconv.Quote(s) }

// space finds a space by name, id or display name.
func (s *session) space(ctx context.Context, given string) (string, error) {
	if name, ok := s.named("spaces", given); ok {
		return name, nil
	}
	list, err := s.spaces.ListSpaces(ctx, &directoryv1.ListSpacesRequest{Parent: s.workspace, Filter: "display_name = " + quoted(given)})
	if err != nil {
		return "", err
	}
	switch found := list.GetSpaces(); len(found) {
	case 0:
		return "", status.Errorf(codes.NotFound, "no space is called %q (see: meridian spaces list)", given)
	case 1:
		return found[0].GetName(), nil
	default:
		return "", status.Errorf(codes.InvalidArgument, "%d spaces are called %q; give the id", len(found), given)
	}
}

// thread finds a thread by name or id.
func (s *session) thread(given string) (string, error) {
	if name, ok := s.named("threads", given); ok {
		return name, nil
	}
	return "", status.Errorf(codes.InvalidArgument, "%q is no thread's name or id", given)
}

// member finds a member by name, id, "me", address or handle.
func (s *session) member(ctx context.Context, given string) (string, error) {
	if name, ok := s.named("members", given); ok {
		return name, nil
	}
	if given == "me" {
		me, err := s.members.GetMember(ctx, &directoryv1.GetMemberRequest{Name: s.workspace + "/members/me"})
		return me.GetName(), err
	}
	filter := "handle = " + quoted(strings.TrimPrefix(given, "@"))
	if strings.Contains(strings.TrimPrefix(given, "@"), "@") {
		filter = "email = " + quoted(strings.ToLower(given))
	}
	list, err := s.members.ListMembers(ctx, &directoryv1.ListMembersRequest{Parent: s.workspace, Filter: filter})
	if err != nil {
		return "", err
	}
	if len(list.GetMembers()) == 0 {
		return "", status.Errorf(codes.NotFound, "no member is %q (see: meridian members list)", given)
	}
	return list.GetMembers()[0].GetName(), nil
}

// memberNames gives members' display names by resource name.
func (s *session) memberNames(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	_, err := pages(0, func(token string, size int32) ([]*directoryv1.Member, string, error) {
		page, err := s.members.ListMembers(ctx, &directoryv1.ListMembersRequest{Parent: s.workspace, PageSize: size, PageToken: token})
		for _, m := range page.GetMembers() {
			names[m.GetName()] = m.GetDisplayName()
		}
		return nil, page.GetNextPageToken(), err
	})
	if status.Code(err) == codes.PermissionDenied {
		// A guest, or a token without the scope, sees ids.
		return names, nil
	}
	return names, err
}

// spaceNames gives spaces' display names by resource name.
func (s *session) spaceNames(ctx context.Context) (map[string]string, error) {
	names := map[string]string{}
	_, err := pages(0, func(token string, size int32) ([]*directoryv1.Space, string, error) {
		page, err := s.spaces.ListSpaces(ctx, &directoryv1.ListSpacesRequest{Parent: s.workspace, PageSize: size, PageToken: token})
		for _, space := range page.GetSpaces() {
			names[space.GetName()] = space.GetDisplayName()
		}
		return nil, page.GetNextPageToken(), err
	})
	if status.Code(err) == codes.PermissionDenied {
		return names, nil
	}
	return names, err
}

// nameOf is a name to show: the one known, else the id.
func nameOf(names map[string]string, name string) string {
	if known := names[name]; known != "" {
		return known
	}
	return id(name)
}

// pages reads pages until limit items are there; 0 means all.
func pages[T any](limit int, next func(token string, size int32) ([]T, string, error)) ([]T, error) {
	const largest = 200
	var all []T
	token := ""
	for {
		size := int32(largest)
		if limit > 0 {
			size = int32(min(largest, limit-len(all)))
		}
		items, after, err := next(token, size)
		if err != nil {
			return all, err
		}
		all = append(all, items...)
		if after == "" || (limit > 0 && len(all) >= limit) {
			return all, nil
		}
		if after == token {
			return all, fmt.Errorf("the server repeats a page")
		}
		token = after
	}
}
