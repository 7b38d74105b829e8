// Package rpc speaks the directory's API: it turns requests into use cases and their results into resources.
//
// It decides nothing but the form of things: names, masks, filters, pages. Who may call a method stands in its access
// option, and what may happen in the use case.
package rpc

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/fault"
	"github.com/meridianhq/meridian/pkg/page"
	"github.com/meridianhq/meridian/pkg/resname"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/directory/internal/app"
)

var (
	workspaceName         = resname.MustPattern("workspaces/{workspace}")
	memberName            = resname.MustPattern("workspaces/{workspace}/members/{member}")
	teamName              = resname.MustPattern("workspaces/{workspace}/teams/{team}")
	spaceName             = resname.MustPattern("workspaces/{workspace}/spaces/{space}")
	tokenName             = resname.MustPattern("workspaces/{workspace}/members/{member}/apiTokens/{api_token}")
	eventSubscriptionName = resname.MustPattern("workspaces/{workspace}/eventSubscriptions/{event_subscription}")
)

// Register serves the directory's API. natsURL is the broker's address as integrators are told it.
func Register(r grpc.ServiceRegistrar, a *app.App, natsURL string) {
	directoryv1.RegisterWorkspaceServiceServer(r, &workspaces{app: a})
	directoryv1.RegisterMemberServiceServer(r, &members{app: a})
	directoryv1.RegisterTeamServiceServer(r, &teams{app: a})
	directoryv1.RegisterSpaceServiceServer(r, &spaces{app: a})
	directoryv1.RegisterTokenServiceServer(r, &tokens{app: a})
	directoryv1.RegisterEventSubscriptionServiceServer(r, &eventSubscriptions{app: a, natsURL: natsURL})
	directoryv1.RegisterAuditServiceServer(r, &audits{app: a})
	directoryv1.RegisterAccessServiceServer(r, &access{app: a})
}

// forwarded is the metadata in which the gateway says whom it calls for. What a client put there itself stands before
// what the gateway adds.
const forwarded = "x-forwarded-for"

// Origin tells the network address that a call came from: the connection's, and before it whom that one says it calls
// for, as `203.0.113.7 via 10.0.0.4`. The connection's cannot be made up.
func Origin(ctx context.Context) string {
	var from string
	if p, ok := peer.FromContext(ctx); ok && p.Addr != nil {
		if host, _, err := net.SplitHostPort(p.Addr.String()); err == nil {
			from = host
		}
	}
	values := metadata.ValueFromIncomingContext(ctx, forwarded)
	if len(values) == 0 {
		return from
	}
	last := values[len(values)-1]
	if ip := net.ParseIP(strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])); ip != nil {
		return ip.String() + " via " + from
	}
	return from
}

// The sizes of pages.
const (
	defaultPage = 50
	largestPage = 1000
)

// paged is a list request.
type paged interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// pageOf reads a list request's page, and the fingerprint for the next one's token.
func pageOf[C any](req paged) (page.Request[C], string, error) {
	size, err := page.Size(req.GetPageSize(), defaultPage, largestPage)
	if err != nil {
		return page.Request[C]{}, "", err
	}
	fingerprint := page.Fingerprint(req)
	after, err := page.After[C](req.GetPageToken(), fingerprint)
	return page.Request[C]{Size: size, After: after}, fingerprint, err
}

// listed is a list request with a filter.
type listed interface {
	paged
	GetFilter() string
}

// listingOf reads a list request whole. The first of the orders is the default.
func listingOf(req listed, orderBy string, fields []page.FieldSpec, orders []string) (app.Listing, string, error) {
	p, fingerprint, err := pageOf[app.Cursor](req)
	if err != nil {
		return app.Listing{}, "", err
	}
	filter, err := page.ParseFilter(req.GetFilter(), fields)
	if err != nil {
		return app.Listing{}, "", err
	}
	order, err := page.ParseOrderBy(orderBy, orders)
	switch {
	case err != nil:
		return app.Listing{}, "", err
	case len(order) == 0:
		order = []page.Order{{Field: orders[0]}}
	case len(order) > 1:
		return app.Listing{}, "", fault.New(fault.Invalid, fault.ReasonOrderByInvalid, "order_by takes one field").
			WithField("order_by", "must be one of "+strings.Join(orders, ", "))
	}
	return app.Listing{Page: p, Filter: filter, Order: order[0]}, fingerprint, nil
}

// matching is the etag's condition on an aggregate.
func matching(field, given string) app.Match {
	if given == "" {
		return nil
	}
	return func(version int64) error { return etag.Check(field, given, version) }
}

// selected says of an update which of the allowed fields it changes: those of the mask and all within them, or without one
// those set in the resource. Other paths are Invalid, by name.
func selected(req proto.Message, mask *fieldmaskpb.FieldMask, allowed ...string) (func(string) bool, error) {
	if len(mask.GetPaths()) == 0 {
		return func(field string) bool { return has(req.ProtoReflect(), field) }, nil
	}
	for i, path := range mask.GetPaths() {
		if !slices.Contains(allowed, path) {
			return nil, fault.InvalidField(fmt.Sprintf("update_mask.paths[%d]", i),
				fmt.Sprintf("%q is none of %s", path, strings.Join(allowed, ", ")))
		}
	}
	return func(field string) bool {
		return slices.ContainsFunc(mask.GetPaths(), func(path string) bool {
			within, ok := strings.CutPrefix(field, path)
			return ok && (within == "" || within[0] == '.')
		})
	}, nil
}

// has says whether the field that a path leads to is set.
func has(message protoreflect.Message, path string) bool {
	field, within, deeper := strings.Cut(path, ".")
	descriptor := message.Descriptor().Fields().ByTextName(field)
	if descriptor == nil || !message.Has(descriptor) {
		return false
	}
	return !deeper || has(message.Get(descriptor).Message(), within)
}

// given is the value where the update changes the field, else nil.
func given[T any](changes func(string) bool, field string, value T) *T {
	if !changes(field) {
		return nil
	}
	return &value
}

const me = "/members/me"

// own puts the caller's own id in the place of `members/me`.
func own(ctx context.Context, name string) string {
	before, after, ok := strings.Cut(name, me)
	caller, known := auth.FromContext(ctx)
	if !ok || !known || caller.Service != "" || (after != "" && after[0] != '/') {
		return name
	}
	return before + "/members/" + caller.Member.String() + after
}

// two parses a name of two ids.
func two(pattern *resname.Pattern, field, name string) (ws, id uuid.UUID, err error) {
	ids, err := pattern.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, uuid.Nil, err
	}
	return ids[0], ids[1], nil
}

// within parses the name of something that must be of the workspace; another one's is told as not being there.
func within(pattern *resname.Pattern, ws uuid.UUID, field, name string) (uuid.UUID, error) {
	of, id, err := two(pattern, field, name)
	if err == nil && of != ws {
		return uuid.Nil, fault.InvalidField(field, "must be of the same workspace")
	}
	return id, err
}

func workspaceID(field, name string) (uuid.UUID, error) {
	ids, err := workspaceName.ParseUUIDs(field, name)
	if err != nil {
		return uuid.Nil, err
	}
	return ids[0], nil
}
