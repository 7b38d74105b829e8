package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/pkg/brokeredge"
	"github.com/meridianhq/meridian/pkg/secret"
	"github.com/meridianhq/meridian/services/directory/internal/app"
	"github.com/meridianhq/meridian/services/directory/internal/wire"
)

// EdgeConfig is what the directory needs to let integrators into the broker: the secrets of the broker's accounts AUTH
// and SYS, as pkg/natsd makes them and deploy/nats describes. All empty: nobody is let in.
type EdgeConfig struct {
	NATSCalloutUser     string `name:"nats-callout-user" env:"MERIDIAN_NATS_CALLOUT_USER" secret:"reread" help:"User that answers the broker's auth callout (account AUTH). Empty: integrators are not let in."`
	NATSCalloutPassword string `name:"nats-callout-password" env:"MERIDIAN_NATS_CALLOUT_PASSWORD" secret:"reread" help:"Their password."`
	NATSSystemUser      string `name:"nats-system-user" env:"MERIDIAN_NATS_SYSTEM_USER" secret:"reread" help:"User that closes integrators' connections (account SYS)."`
	NATSSystemPassword  string `name:"nats-system-password" env:"MERIDIAN_NATS_SYSTEM_PASSWORD" secret:"reread" help:"Their password."`
	NATSIssuerSeed      string `name:"nats-issuer-seed" env:"MERIDIAN_NATS_ISSUER_SEED" secret:"once" help:"Account seed (SA...) that signs admitted integrators."`
	NATSXKeySeed        string `name:"nats-xkey-seed" env:"MERIDIAN_NATS_XKEY_SEED" secret:"once" help:"Curve seed (SX...) that opens the broker's questions."`
	NATSPublicURL       string `name:"nats-public-url" env:"MERIDIAN_NATS_PUBLIC_URL" help:"Address of the broker as integrators reach it. Empty: the nats-url."`
}

const (
	// reconnectWait is between two attempts to reach the broker.
	reconnectWait = 250 * time.Millisecond
	// pingEvery and pingsOut are how soon a broker that fell silent is given up, as by the platform's own connection.
	pingEvery = 5 * time.Second
	pingsOut  = 2
)

// edge is the broker's edge: what the use cases call, and the callout that calls them.
type edge struct {
	*wire.Edge

	config        EdgeConfig
	callout, kick *nats.Conn
}

// newEdge connects to the accounts AUTH and SYS where their secrets are given. The connections look for their broker
// for ever, as the platform's own does.
func newEdge(p *boot.Platform, config EdgeConfig) (*edge, error) {
	if err := boot.BrokerURLs("nats-public-url", config.NATSPublicURL); err != nil {
		return nil, err
	}
	e := &edge{config: config}
	consumers := brokeredge.NewConsumers(p.JS)
	if config.NATSCalloutUser == "" {
		e.Edge = wire.NewEdge(consumers, nil)
		return e, nil
	}
	if config.NATSCalloutPassword == "" || config.NATSSystemUser == "" || config.NATSSystemPassword == "" {
		return nil, errors.New("directory: the callout needs the passwords and the system user of the broker too")
	}
	var err error
	if e.callout, err = dialEdge(p, "callout", config.NATSCalloutUser, config.NATSCalloutPassword); err != nil {
		return nil, err
	}
	if e.kick, err = dialEdge(p, "system", config.NATSSystemUser, config.NATSSystemPassword); err != nil {
		e.callout.Close()
		return nil, err
	}
	e.Edge = wire.NewEdge(consumers, brokeredge.NewDisconnector(e.kick))
	return e, nil
}

// dialEdge connects as the user of that part, callout or system.
func dialEdge(p *boot.Platform, part, user, password string) (*nats.Conn, error) {
	login, err := p.BrokerLogin("nats-"+part+"-user", user, "nats-"+part+"-password", password)
	if err != nil {
		return nil, err
	}
	name := "directory-" + part
	return nats.Connect(p.Config.NATSURL, nats.Name(name), login, nats.IgnoreAuthErrorAbort(), nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(pingsOut), nats.RetryOnFailedConnect(true),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			p.Log.Warn("broker error", slog.String("connection", name), slog.Any("error", err))
		}))
}

// add puts the callout and its connections into the platform's group, where there is one.
func (e *edge) add(p *boot.Platform, use *app.App) error {
	if e.callout == nil {
		return nil
	}
	// Their errors quote nothing of the seeds, and neither do these.
	issuer, err := seed(e.config.NATSIssuerSeed, nkeys.FromSeed)
	if err != nil {
		return fmt.Errorf("nats-issuer-seed: is no account seed: %w", err)
	}
	xkey, err := seed(e.config.NATSXKeySeed, nkeys.FromCurveSeed)
	if err != nil {
		return fmt.Errorf("nats-xkey-seed: is no curve seed: %w", err)
	}
	callout := brokeredge.NewCallout(brokeredge.CalloutConfig{
		Conn: e.callout, Issuer: issuer, XKey: xkey, Decide: wire.Admit(use), Log: p.Log, Machine: p.Machine,
	})
	p.Group.Add("edge connections", nil, func(context.Context) error {
		e.callout.Close()
		e.kick.Close()
		return nil
	})
	p.Group.Go("auth callout", callout.Run)
	return nil
}

func seed(value string, parse func([]byte) (nkeys.KeyPair, error)) (nkeys.KeyPair, error) {
	text, err := secret.Read(value)
	if err != nil {
		return nil, err
	}
	return parse([]byte(text))
}

// publicURL is the broker's address as integrators are told it.
func (e *edge) publicURL(p *boot.Platform) string {
	if e.config.NATSPublicURL != "" {
		return e.config.NATSPublicURL
	}
	return p.Config.NATSURL
}
