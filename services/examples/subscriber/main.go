// Command subscriber reads a workspace's events over NATS with nothing of Meridian but its protos: what an integrator
// writes. It prints one line an event, with the payload as JSON, acknowledges it, and goes on where it stopped when
// it is started again.
//
// Make an event subscription first, with an ADMIN's API token that has the scope events.all:
//
//	curl -s -H "Authorization: Bearer $MERIDIAN_TOKEN" -H 'Content-Type: application/json' \
//	  -d '{"displayName": "example", "startSequence": "1"}' \
//	  "http://127.0.0.1:8080/v1/$WORKSPACE/eventSubscriptions"
//
// and give the answer's eventSubscription.uid and inboxPrefix:
//
//	MERIDIAN_TOKEN=... go run ./services/examples/subscriber -subscription UID -inbox INBOX_PREFIX
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	// The payloads' types.
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	_ "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// config is what the subscription's maker was told, and the API token.
type config struct {
	url, subscription, inbox, token string
	// limit ends the program after so many events; 0: never.
	limit int
}

func main() {
	var c config
	flag.StringVar(&c.url, "url", "nats://127.0.0.1:4222", "the broker")
	flag.StringVar(&c.subscription, "subscription", "", "the event subscription's uid")
	flag.StringVar(&c.inbox, "inbox", "", "its inbox prefix")
	flag.IntVar(&c.limit, "n", 0, "stop after so many events (0: never)")
	flag.Parse()
	c.token = os.Getenv("MERIDIAN_TOKEN")

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, c, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "subscriber:", err)
		os.Exit(1)
	}
}

// run reads until ctx is done or the limit is reached.
func run(ctx context.Context, c config, out io.Writer) error {
	conn, err := nats.Connect(c.url,
		nats.UserInfo(c.subscription, c.token),
		// An integrator may listen on this prefix alone.
		nats.CustomInboxPrefix(c.inbox),
		// The broker ends each admission after ten minutes; the client comes back by itself.
		nats.MaxReconnects(-1),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { fmt.Fprintln(os.Stderr, "reconnecting:", err) }),
	)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer conn.Close()
	// Integrators reach JetStream's API under EV.API, and of it only their own consumer.
	js, err := jetstream.NewWithAPIPrefix(conn, "EV.API")
	if err != nil {
		return fmt.Errorf("open JetStream: %w", err)
	}
	consumer, err := js.Consumer(ctx, "EVENTS", "int-"+c.subscription)
	if err != nil {
		return fmt.Errorf("find consumer: %w", err)
	}
	for seen := 0; ctx.Err() == nil; {
		batch := 100
		if c.limit > 0 {
			batch = min(batch, c.limit-seen)
		}
		messages, err := consumer.Fetch(batch, jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		for msg := range messages.Messages() {
			if err := handle(ctx, msg, out); err != nil {
				return err
			}
			seen++
		}
		if c.limit > 0 && seen >= c.limit {
			return nil
		}
		// While the broker is away the next round waits for it.
		if err := messages.Error(); err != nil && !errors.Is(err, nats.ErrTimeout) {
			fmt.Fprintln(os.Stderr, "fetch:", err)
		}
	}
	return nil
}

// handle prints an event and then acknowledges it: one that is not acknowledged comes again. A program that keeps
// something would keep ce-id with it, because an event may come twice.
func handle(ctx context.Context, msg jetstream.Msg, out io.Writer) error {
	payload, err := decode(msg)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s %s %s %s\n", header(msg, "ce-id"), header(msg, "ce-type"), header(msg, "ce-subject"), payload)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if err := msg.DoubleAck(ctx); err != nil {
		return fmt.Errorf("acknowledge: %w", err)
	}
	return nil
}

// decode turns the payload into JSON. A type that this program does not know yet is no error: new ones come.
func decode(msg jetstream.Msg) (string, error) {
	found, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(header(msg, "ce-type")))
	if errors.Is(err, protoregistry.NotFound) {
		return fmt.Sprintf("(%d bytes of an unknown type)", len(msg.Data())), nil
	}
	if err != nil {
		return "", fmt.Errorf("look for the type: %w", err)
	}
	payload := found.New().Interface()
	if err := proto.Unmarshal(msg.Data(), payload); err != nil {
		return "", fmt.Errorf("read payload: %w", err)
	}
	text, err := protojson.Marshal(payload)
	if err != nil {
		return "", fmt.Errorf("write payload: %w", err)
	}
	return string(text), nil
}

// header reads a CloudEvents attribute: names are in exact lower case, values are percent-encoded once.
func header(msg jetstream.Msg, name string) string {
	value := msg.Headers().Get(name)
	if decoded, err := url.PathUnescape(value); err == nil {
		return decoded
	}
	return value
}
