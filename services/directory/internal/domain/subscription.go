package domain

import (
	"crypto/rand"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/meridianhq/meridian/pkg/fault"
)

// MaxSubscriptions is how many event subscriptions a workspace may have: each is a consumer on the shared stream.
const MaxSubscriptions = 20

// Subscription is an integrator's durable consumer on the event stream.
type Subscription struct {
	// Workspace and ID name the subscription.
	Workspace, ID uuid.UUID
	// Creator is the member who made it.
	Creator uuid.UUID
	// DisplayName is what it is for.
	DisplayName string
	// Filters are what it reads, after `evt.<workspace>.`. At least one.
	Filters []string
	// StartTime and StartSequence are where it begins, at most one of them; neither: with what comes next.
	StartTime     time.Time
	StartSequence int64
	// InboxPrefix is the only prefix its clients may listen on.
	InboxPrefix string
	// Version counts its changes, from 1.
	Version int64
	// CreateTime and DeleteTime are when it was made and deleted; zero while it was not.
	CreateTime, DeleteTime time.Time
}

// Name is the subscription's resource name.
func (s *Subscription) Name() string { return SubscriptionName(s.Workspace, s.ID) }

// Subjects are the subjects on the stream that it reads. None is of another workspace, whatever the filters hold.
func (s *Subscription) Subjects() []string {
	subjects := make([]string, len(s.Filters))
	for i, filter := range s.Filters {
		subjects[i] = "evt." + s.Workspace.String() + "." + filter
	}
	return subjects
}

// Delete ends the subscription and says whether that changed anything.
func (s *Subscription) Delete(now time.Time) bool {
	if !s.DeleteTime.IsZero() {
		return false
	}
	s.DeleteTime, s.Version = now, s.Version+1
	return true
}

// NewInboxPrefix is 128 random bits as one token of a subject.
func NewInboxPrefix() string { return "_INBOX_" + rand.Text() }

var filterToken = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)

// everything is the filter of all events of the workspace.
const everything = ">"

// CheckFilters returns the filters, all events for none. Malformed and overlapping ones are Invalid.
func CheckFilters(filters []string) ([]string, error) {
	const field = "event_subscription.filters"
	if len(filters) == 0 {
		return []string{everything}, nil
	}
	for i, filter := range filters {
		tokens := strings.Split(filter, ".")
		if tokens[0] == "evt" || tokens[0] == "own" {
			return nil, fault.InvalidField(field, "is what stands behind evt.<workspace>., which is put in front of it")
		}
		if len(tokens) > 3 || !wellFormed(tokens) {
			return nil, fault.InvalidField(field,
				"must be like threads.message.posted, with * for a word or a last > for the rest")
		}
		for _, other := range filters[:i] {
			if overlap(tokens, strings.Split(other, ".")) {
				return nil, fault.InvalidField(field, "must not overlap: "+other+" and "+filter)
			}
		}
	}
	return filters, nil
}

// wellFormed says whether the tokens are words, `*`, and at most one `>`, at the end of less than three tokens or
// in the place of the last. A filter with neither `>` nor three tokens would match nothing.
func wellFormed(tokens []string) bool {
	for i, token := range tokens {
		last := i == len(tokens)-1
		switch {
		case token == everything && last:
			return true
		case token != "*" && !filterToken.MatchString(token):
			return false
		}
	}
	return len(tokens) == 3
}

// overlap says whether some subject matches both.
func overlap(a, b []string) bool {
	for i := range min(len(a), len(b)) {
		if a[i] == everything || b[i] == everything {
			return true
		}
		if a[i] != b[i] && a[i] != "*" && b[i] != "*" {
			return false
		}
	}
	return len(a) == len(b)
}

// SubscriptionLimit refuses one more subscription: Precondition, SUBSCRIPTION_LIMIT.
func SubscriptionLimit(ws uuid.UUID, live int) error {
	if live < MaxSubscriptions {
		return nil
	}
	return fault.New(fault.Precondition, ReasonSubscriptionLimit, "a workspace has at most %d event subscriptions",
		MaxSubscriptions).WithPrecondition("SUBSCRIPTION_LIMIT", WorkspaceName(ws), "has fewer event subscriptions")
}

// MayReadStream says whether a token lets its member read a workspace's whole stream: it is live and carries the
// scope, and the member is an ACTIVE administrator of the workspace.
func MayReadStream(t Token, m Member, carriesScope bool, ws uuid.UUID, machine time.Time) bool {
	return t.Live(machine) && carriesScope && m.State == Active && m.Role >= Admin &&
		m.Workspace == ws && t.Workspace == ws && t.Member == m.ID
}
