// Package auth says who is calling and what they may do.
//
// It makes and checks the three kinds of token: API tokens, which a member keeps and the directory stores as a hash;
// access tokens, ten-minute JWTs of the directory that every service checks by itself; and identity tokens, by
// which services call each other. It carries the caller through the context. It promises that no token, key or hash
// ever stands in an error of its own.
package auth

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// Role is a member's role in their workspace. A higher role may do all that a lower one may, but for reading
// private spaces.
type Role int

// The roles, in rising order.
const (
	// RoleNone is no role at all.
	RoleNone Role = iota
	// Guest sees only the spaces they were added to.
	Guest
	// Member belongs to the workspace.
	Member
	// Admin manages the workspace.
	Admin
	// Owner owns the workspace.
	Owner
)

func roleWords() []string { return []string{"NONE", "GUEST", "MEMBER", "ADMIN", "OWNER"} }

// String returns the role's word, as protos and tokens write it.
func (r Role) String() string { return word(roleWords(), int(r), "Role") }

// ParseRole returns the role of a word that String makes, and false for any other.
func ParseRole(s string) (Role, bool) {
	i := slices.Index(roleWords(), s)
	return Role(max(i, 0)), i >= 0
}

// Right is what a member may do in a space. A higher right holds the lower ones.
type Right int

// The rights, in rising order.
const (
	// NoRight may not even know that the space is there.
	NoRight Right = iota
	// Reader may read what the space holds.
	Reader
	// Writer may also write.
	Writer
	// Manager may also manage the space and who is in it.
	Manager
)

// String returns the right's word, as protos write it.
func (r Right) String() string {
	return word([]string{"NONE", "READER", "WRITER", "MANAGER"}, int(r), "Right")
}

// word returns the i-th word, or a number for what is none.
func word(words []string, i int, kind string) string {
	if i < 0 || i >= len(words) {
		return kind + "(" + strconv.Itoa(i) + ")"
	}
	return words[i]
}

// The scopes that a token may carry.
const (
	// ScopeAll grants every scope.
	ScopeAll = "*"
	// ScopeDirectoryRead reads workspaces, members, teams and spaces.
	ScopeDirectoryRead = "directory.read"
	// ScopeDirectoryWrite changes them.
	ScopeDirectoryWrite = "directory.write"
	// ScopeThreadsRead reads threads, messages and read states.
	ScopeThreadsRead = "threads.read"
	// ScopeThreadsWrite writes them.
	ScopeThreadsWrite = "threads.write"
	// ScopeTasksRead reads projects, tasks and handoffs.
	ScopeTasksRead = "tasks.read"
	// ScopeTasksWrite writes them.
	ScopeTasksWrite = "tasks.write"
	// ScopeAvailabilityRead reads who works when.
	ScopeAvailabilityRead = "availability.read"
	// ScopeAvailabilityWrite writes working hours and time off.
	ScopeAvailabilityWrite = "availability.write"
	// ScopeNotificationsRead reads the member's own inbox.
	ScopeNotificationsRead = "notifications.read"
	// ScopeNotificationsWrite marks what is in it, and sets the member's own preferences.
	ScopeNotificationsWrite = "notifications.write"
	// ScopeEventsRead watches the events that the member may read.
	ScopeEventsRead = "events.read"
	// ScopeEventsAll consumes every public event of the workspace, private spaces included; an ADMIN's to grant.
	ScopeEventsAll = "events.all"
)

// Scopes returns every scope that a token may be given, ScopeAll among them.
func Scopes() []string {
	return []string{
		ScopeAll, ScopeDirectoryRead, ScopeDirectoryWrite, ScopeThreadsRead, ScopeThreadsWrite,
		ScopeTasksRead, ScopeTasksWrite, ScopeAvailabilityRead, ScopeAvailabilityWrite,
		ScopeNotificationsRead, ScopeNotificationsWrite, ScopeEventsRead, ScopeEventsAll,
	}
}

// Caller is who makes a call: a member of one workspace, or one of Meridian's services.
type Caller struct {
	// Workspace is the member's workspace; zero for a service.
	Workspace uuid.UUID
	// Member is the calling member; zero for a service.
	Member uuid.UUID
	// MemberVersion is the member's version when the token was made: a later change of role or state revokes the
	// tokens of earlier versions.
	MemberVersion int64
	// Role is the member's role when the token was made.
	Role Role
	// Scopes are what the token may be used for.
	Scopes []string
	// Session is the id of the API token that the access token was exchanged for.
	Session uuid.UUID
	// Service is the name of the calling service; empty for a member.
	Service string
	// Expires is when the token's time is over, by machine time.
	Expires time.Time
}

// Principal returns the caller's name: `workspaces/{w}/members/{m}` or `services/{s}`.
func (c Caller) Principal() string {
	if c.Service != "" {
		return "services/" + c.Service
	}
	return "workspaces/" + c.Workspace.String() + "/members/" + c.Member.String()
}

// HasScope says whether the caller's token carries the scope.
func (c Caller) HasScope(scope string) bool {
	return slices.Contains(c.Scopes, scope) || slices.Contains(c.Scopes, ScopeAll)
}

type (
	callerKey struct{}
	needKey   struct{}
	tokenKey  struct{}
)

// NewContext returns a context that carries the caller.
func NewContext(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, callerKey{}, c)
}

// FromContext returns the caller, and false where nobody calls: in jobs, consumers and public methods.
func FromContext(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(callerKey{}).(Caller)
	return c, ok
}

// Require returns the caller, or Unauthenticated where there is none.
func Require(ctx context.Context) (Caller, error) {
	c, ok := FromContext(ctx)
	if !ok {
		return Caller{}, fault.New(fault.Unauthenticated, fault.ReasonUnauthenticated, "the call needs a token")
	}
	return c, nil
}

// WithNeed returns a context that carries the right that the method needs, by its access option.
func WithNeed(ctx context.Context, need Right) context.Context {
	return context.WithValue(ctx, needKey{}, need)
}

// Need returns the right that the method needs: NoRight where it needs none.
func Need(ctx context.Context) Right {
	need, _ := ctx.Value(needKey{}).(Right)
	return need
}

// WithToken returns a context that carries the caller's own access token, for calls made on their behalf.
func WithToken(ctx context.Context, token string) context.Context {
	return context.WithValue(ctx, tokenKey{}, token)
}

// TokenFrom returns the caller's access token, and false where nobody calls. It is a secret: never log it.
func TokenFrom(ctx context.Context) (string, bool) {
	token, ok := ctx.Value(tokenKey{}).(string)
	return token, ok && token != ""
}

// CheckRight compares the right that a caller has on a resource with the one the method needs. Who may not read
// gets NotFound, as if the resource were not there; who may read but not enough gets Denied.
func CheckRight(have, need Right, name string) error {
	switch {
	case need == NoRight || have >= need:
		return nil
	case have < Reader:
		return fault.NotFoundName(name)
	default:
		return fault.DeniedFor("this: it takes the right "+need.String()+" on the space").With("name", name)
	}
}
