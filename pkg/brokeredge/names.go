package brokeredge

import (
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// stream is the one stream integrators read.
const stream = "EVENTS"

// consumerPrefix begins the names of integrators' consumers.
const consumerPrefix = "int-"

// ConsumerName is the durable of an event subscription.
func ConsumerName(subscription uuid.UUID) string { return consumerPrefix + subscription.String() }

// IsConsumer says whether a durable is an integrator's.
func IsConsumer(name string) bool { return strings.HasPrefix(name, consumerPrefix) }

// Owner says whose connection it is: which subscription is read, by which member, with which API token.
type Owner struct{ Subscription, Member, Token uuid.UUID }

// String is the connection's user name on the broker, as operators see it and as Disconnect reads it.
func (o Owner) String() string {
	return o.Subscription.String() + "." + o.Member.String() + "." + o.Token.String()
}

func parseOwner(text string) (Owner, error) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return Owner{}, fmt.Errorf("brokeredge: %q is no owner", text)
	}
	var ids [3]uuid.UUID
	for i, part := range parts {
		id, err := uuid.Parse(part)
		if err != nil {
			return Owner{}, fmt.Errorf("brokeredge: %q is no owner", text)
		}
		ids[i] = id
	}
	return Owner{Subscription: ids[0], Member: ids[1], Token: ids[2]}, nil
}

// check refuses a grant whose names would say more on the broker than one consumer and one inbox.
func (g Grant) check() error {
	id, isOurs := strings.CutPrefix(g.Consumer, consumerPrefix)
	if _, err := uuid.Parse(id); err != nil || !isOurs {
		return fmt.Errorf("brokeredge: consumer %q is no integrator's", g.Consumer)
	}
	if !strings.HasPrefix(g.InboxPrefix, "_INBOX_") || strings.ContainsAny(g.InboxPrefix, ".*> \t\r\n") {
		return errors.New("brokeredge: the inbox prefix is no single token that begins with _INBOX_")
	}
	return nil
}
