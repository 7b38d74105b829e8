// Package job is what the roles that do so much and then end are told, and what they answer.
package job

import (
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Config is what a job is told.
type Config struct {
	// DatabaseURL is the superuser's.
	DatabaseURL string
	Broker      Broker
	// Events is how many stand ready before the measuring begins.
	Events int
}

// Done is how long it took to do so many.
type Done struct {
	Events int
	Took   time.Duration
}

// Broker is where the broker is, and as whom to connect.
type Broker struct{ URL, User, Password string }

// mostPending is how many messages may be on their way at once.
const mostPending = 1000

// Connect connects.
func (b Broker) Connect() (*nats.Conn, jetstream.JetStream, error) {
	conn, err := nats.Connect(b.URL, nats.UserInfo(b.User, b.Password))
	if err != nil {
		return nil, nil, fmt.Errorf("connect to the broker: %w", err)
	}
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(mostPending))
	if err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, js, nil
}
