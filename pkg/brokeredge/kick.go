package brokeredge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

const (
	connzSubject = "$SYS.REQ.SERVER.PING.CONNZ"
	// connzPage is the most connections a server lists at once.
	connzPage = 1024
	// answersWithin is how long the servers of a cluster get to answer.
	answersWithin = 2 * time.Second
	// quiet ends the wait for further servers' answers.
	quiet = 200 * time.Millisecond
)

// Disconnector closes integrators' connections.
type Disconnector struct{ conn *nats.Conn }

// NewDisconnector works on a connection of the account SYS.
func NewDisconnector(conn *nats.Conn) *Disconnector { return &Disconnector{conn: conn} }

// connections is what a server tells of its connections.
type connections struct {
	Server struct {
		ID string `json:"id"`
	} `json:"server"`
	Data struct {
		Total       int `json:"total"`
		Connections []struct {
			ID   uint64 `json:"cid"`
			User string `json:"authorized_user"`
		} `json:"connections"`
	} `json:"data"`
}

// Disconnect closes every integrator's connection whose owner match says yes to, on every server, and says how many
// it closed. One that cannot be closed keeps none of the others open; its error is among those returned. A client that is
// being admitted at the same moment can slip by; its admission ends within ten minutes.
func (d *Disconnector) Disconnect(ctx context.Context, match func(Owner) bool) (int, error) {
	victims, err := d.find(ctx, match)
	if err != nil {
		return 0, err
	}
	closed := 0
	var failed []error
	for _, v := range victims {
		if err := d.kick(ctx, v); err != nil {
			failed = append(failed, err)
			continue
		}
		closed++
	}
	return closed, errors.Join(failed...)
}

// victim is a connection on a server.
type victim struct {
	server     string
	connection uint64
}

// find pages through every server's connections before any is closed, for closing would move the pages.
func (d *Disconnector) find(ctx context.Context, match func(Owner) bool) ([]victim, error) {
	var found []victim
	for offset, more := 0, true; more; offset += connzPage {
		answers, err := d.list(ctx, offset)
		if err != nil {
			return nil, err
		}
		more = false
		for _, answer := range answers {
			more = more || answer.Data.Total > offset+connzPage
			for _, connection := range answer.Data.Connections {
				if owner, err := parseOwner(connection.User); err == nil && match(owner) {
					found = append(found, victim{server: answer.Server.ID, connection: connection.ID})
				}
			}
		}
	}
	return found, nil
}

// list asks every server for a page of its integrators' connections.
func (d *Disconnector) list(ctx context.Context, offset int) ([]connections, error) {
	question, err := json.Marshal(map[string]any{"auth": true, "acc": account, "offset": offset, "limit": connzPage})
	if err != nil {
		return nil, fmt.Errorf("brokeredge: encode question: %w", err)
	}
	inbox := d.conn.NewInbox()
	sub, err := d.conn.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("brokeredge: listen: %w", err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	if err := d.conn.PublishRequest(connzSubject, inbox, question); err != nil {
		return nil, fmt.Errorf("brokeredge: ask for connections: %w", err)
	}
	var answers []connections
	for wait := answersWithin; ; wait = quiet {
		once, cancel := context.WithTimeout(ctx, wait)
		msg, err := sub.NextMsgWithContext(once)
		cancel()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return nil, fmt.Errorf("brokeredge: ask for connections: %w", ctx.Err())
		case len(answers) > 0:
			return answers, nil
		default:
			return nil, fmt.Errorf("brokeredge: no server lists its connections: %w", err)
		}
		var answer connections
		if err := json.Unmarshal(msg.Data, &answer); err != nil {
			return nil, fmt.Errorf("brokeredge: read connections: %w", err)
		}
		answers = append(answers, answer)
	}
}

// kick waits for the server's answer: without a reply subject the server ignores the order.
func (d *Disconnector) kick(ctx context.Context, v victim) error {
	order, err := json.Marshal(map[string]uint64{"cid": v.connection})
	if err != nil {
		return fmt.Errorf("brokeredge: encode order: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	// Its answer may be that the connection is gone already, which is as good.
	if _, err := d.conn.RequestWithContext(ctx, "$SYS.REQ.SERVER."+v.server+".KICK", order); err != nil {
		return fmt.Errorf("brokeredge: close connection: %w", err)
	}
	return nil
}
