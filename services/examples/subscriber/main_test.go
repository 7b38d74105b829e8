package main

import (
	"bytes"
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/brokeredge"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/natstest"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// admitted is a broker that lets the one subscription in, as the directory would.
func admitted(t *testing.T, ws uuid.UUID) (config, jetstream.JetStream) {
	t.Helper()
	broker := natstest.New(t)
	subscription := uuid.New()
	c := config{url: broker.URL, subscription: subscription.String(), inbox: "_INBOX_" + uuid.NewString(), token: "secret"}
	js := broker.JS(t)
	require.NoError(t, brokeredge.NewConsumers(js).Ensure(t.Context(), brokeredge.Consumer{
		Subscription: subscription, Workspace: ws, Filters: []string{"evt." + ws.String() + ".>"}, StartSequence: 1,
	}))
	issuer, err := broker.Credentials.IssuerKey()
	require.NoError(t, err)
	xkey, err := broker.Credentials.XKey()
	require.NoError(t, err)
	callout := brokeredge.NewCallout(brokeredge.CalloutConfig{
		Conn:   broker.ConnAs(t, broker.Credentials.CalloutUser, broker.Credentials.CalloutPassword),
		Issuer: issuer, XKey: xkey, Log: slog.New(slog.DiscardHandler),
		Decide: func(_ context.Context, a brokeredge.Attempt) (brokeredge.Grant, error) {
			if a.User != c.subscription || a.Password != c.token {
				return brokeredge.Grant{}, brokeredge.ErrRefused
			}
			return brokeredge.Grant{
				Consumer: brokeredge.ConsumerName(subscription), InboxPrefix: c.inbox,
				Owner: brokeredge.Owner{Subscription: subscription},
			}, nil
		},
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- callout.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	return c, js
}

func publish(t *testing.T, js jetstream.JetStream, ws, thread uuid.UUID, version int64) string {
	t.Helper()
	base := "workspaces/" + ws.String()
	msg, err := eventbus.Encode(t.Context(), "meridian.example", "threads", time.Unix(version, 0), base+"/members/m",
		&threadsv1.MessagePosted{
			Message: &threadsv1.Message{Name: base + "/threads/" + thread.String() + "/messages/" + strconv.FormatInt(version, 10)},
			Thread:  base + "/threads/" + thread.String(), Space: base + "/spaces/" + thread.String(), ThreadVersion: version,
		})
	require.NoError(t, err)
	header := nats.Header{}
	for name, value := range msg.Headers {
		header[name] = []string{value}
	}
	_, err = js.PublishMsg(t.Context(), &nats.Msg{Subject: msg.Subject, Header: header, Data: msg.Payload})
	require.NoError(t, err)
	return msg.ID.String()
}

func TestItReadsInOrderAndGoesOnWhereItStopped(t *testing.T) {
	t.Parallel()
	ws, thread := uuid.New(), uuid.New()
	c, js := admitted(t, ws)
	var sent []string
	for version := range int64(5) {
		sent = append(sent, publish(t, js, ws, thread, version+1))
		publish(t, js, uuid.New(), thread, version+1) // another workspace's
	}
	var got []string
	for _, limit := range []int{2, 3} {
		var out bytes.Buffer
		c.limit = limit
		require.NoError(t, run(t.Context(), c, &out))
		for line := range strings.Lines(out.String()) {
			words := strings.SplitN(line, " ", 4)
			require.Equal(t, "meridian.threads.v1.MessagePosted", words[1])
			require.Contains(t, words[2], "workspaces/"+ws.String()+"/threads/")
			require.Contains(t, words[3], `"threadVersion":`)
			got = append(got, words[0])
		}
	}
	require.Equal(t, sent, got)
}

func TestWithoutTheTokenItIsNotLetIn(t *testing.T) {
	t.Parallel()
	c, _ := admitted(t, uuid.New())
	c.token = "another"
	require.ErrorIs(t, run(t.Context(), c, &bytes.Buffer{}), nats.ErrAuthorization)
}
