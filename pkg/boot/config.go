package boot

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/meridianhq/meridian/pkg/auth"
	"github.com/meridianhq/meridian/pkg/eventbus"
	"github.com/meridianhq/meridian/pkg/overload"
	"github.com/meridianhq/meridian/pkg/rpcclient"
	"github.com/meridianhq/meridian/pkg/rpcserver"
	"github.com/meridianhq/meridian/pkg/secret"
)

// Config is what every service is told from outside: flags, variables and their help come from its tags. A service
// embeds it by value in its own Config.
type Config struct {
	GRPCAddr  string `name:"grpc-addr" env:"MERIDIAN_GRPC_ADDR" default:"127.0.0.1:9090" help:"Address for gRPC."`
	AdminAddr string `name:"admin-addr" env:"MERIDIAN_ADMIN_ADDR" default:"127.0.0.1:9091" help:"Address for /livez, /readyz, /metrics and profiles; for operators only. Empty: none."`

	DatabaseURL      string `name:"database-url" env:"MERIDIAN_DATABASE_URL" secret:"reread" help:"Postgres, as the service's app role."`
	DatabaseOwnerURL string `name:"database-owner-url" env:"MERIDIAN_DATABASE_OWNER_URL" secret:"reread" help:"Postgres, as the role that owns the service's schema: migrations and the relay."`
	DatabaseAdminURL string `name:"database-admin-url" env:"MERIDIAN_DATABASE_ADMIN_URL" secret:"once" help:"Postgres, as a role that may make roles and schemas. When given, the two roles above are made at the start."`
	DatabaseConns    int32  `name:"database-conns" env:"MERIDIAN_DATABASE_CONNS" help:"Size of the app role's pool. 0: 16, or the URL's."`
	Prepared         bool   `name:"prepared" env:"MERIDIAN_PREPARED" help:"The command setup has made roles, schema and event stream, before this version was started. The start makes nothing, and fails where the schema is older than it needs."`

	NATSURL      string `name:"nats-url" env:"MERIDIAN_NATS_URL" default:"nats://127.0.0.1:4222" help:"NATS with JetStream."`
	NATSUser     string `name:"nats-user" env:"MERIDIAN_NATS_USER" secret:"reread" help:"User of the platform's account."`
	NATSPassword string `name:"nats-password" env:"MERIDIAN_NATS_PASSWORD" secret:"reread" help:"Their password."`

	Stream eventbus.StreamConfig `embed:""`

	DirectoryAddr string `name:"directory-addr" env:"MERIDIAN_DIRECTORY_ADDR" help:"gRPC target of the directory, such as dns:///directory:9090."`
	IdentityKey   string `name:"identity-key" env:"MERIDIAN_IDENTITY_KEY" secret:"reread" help:"The service's own Ed25519 seed, base64: for calls that no member started."`
	ServiceKeys   string `name:"service-keys" env:"MERIDIAN_SERVICE_KEYS" secret:"reread" help:"Public Ed25519 keys, base64, of the services that may call: name=key;name=key. Two of one name while its key is replaced."`

	TLSCert     string `name:"tls-cert" env:"MERIDIAN_TLS_CERT" help:"File of the certificate, PEM. Setting it turns TLS on for callers."`
	TLSKey      string `name:"tls-key" env:"MERIDIAN_TLS_KEY" help:"File of its key, PEM."`
	TLSClientCA string `name:"tls-client-ca" env:"MERIDIAN_TLS_CLIENT_CA" help:"File of the CA that callers' certificates must be signed by: mutual TLS."`
	TLSClear    bool   `name:"tls-clear-text" env:"MERIDIAN_TLS_CLEAR_TEXT" help:"Callers in clear text are let in too, beside those with a certificate: while mutual TLS is turned on or off everywhere."`
	TLSServerCA string `name:"tls-server-ca" env:"MERIDIAN_TLS_SERVER_CA" help:"File of the CA that callees' certificates must be signed by. Setting it turns TLS on for calls."`
	TLSCallCert string `name:"tls-call-cert" env:"MERIDIAN_TLS_CALL_CERT" help:"File of the certificate that is shown to callees that ask, PEM. Empty: that of tls-cert."`
	TLSCallKey  string `name:"tls-call-key" env:"MERIDIAN_TLS_CALL_KEY" help:"File of its key, PEM."`

	Overload overload.Limits `embed:""`

	EventHost  string        `name:"event-host" env:"MERIDIAN_EVENT_HOST" default:"meridian.localhost" help:"Host in the source of events: //HOST/workspaces/..."`
	Reflection bool          `name:"reflection" env:"MERIDIAN_REFLECTION" help:"Offer gRPC reflection; for development."`
	DrainDelay time.Duration `name:"drain-delay" env:"MERIDIAN_DRAIN_DELAY" default:"0s" help:"How long to go on serving after /readyz says no, so that balancers notice and callers have found the other replicas; at least 2s where replicas are replaced one by one. 5s in Kubernetes."`
	LogLevel   string        `name:"log-level" env:"MERIDIAN_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"What is logged: ${enum}."`
}

// Base returns the configuration itself, so that Main finds it in a service's own.
func (c Config) Base() Config { return c }

// defaultEventHost stands in for configurations made in code.
const defaultEventHost = "meridian.localhost"

// identity is the service's own, without a key when none is set.
func (c Config) identity(name string) (auth.Identity, error) {
	if c.IdentityKey == "" {
		return auth.Identity{}, nil
	}
	key, err := secret.Parse(c.IdentityKey, func(text string) (ed25519.PrivateKey, error) {
		seed, err := decodeKey(text, ed25519.SeedSize)
		if err != nil {
			return nil, err
		}
		return ed25519.NewKeyFromSeed(seed), nil
	})
	if err != nil {
		return auth.Identity{}, fmt.Errorf("identity-key: %w", err)
	}
	return auth.Identity{Name: name, Current: key.Get}, nil
}

// serviceKeys are the public keys of the services that may call, as they are at each time.
func (c Config) serviceKeys() (func() auth.ServiceKeys, error) {
	if c.ServiceKeys == "" {
		return nil, nil
	}
	keys, err := secret.Parse(c.ServiceKeys, parseServiceKeys)
	if err != nil {
		return nil, fmt.Errorf("service-keys: %w", err)
	}
	return keys.Get, nil
}

// parseServiceKeys reads name=key, each in a line or parted by semicolons.
func parseServiceKeys(text string) (auth.ServiceKeys, error) {
	keys := auth.ServiceKeys{}
	for each := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ';' || r == '\n' }) {
		name, value, found := strings.Cut(strings.TrimSpace(each), "=")
		if !found || name == "" {
			return nil, errors.New("must be name=key;name=key")
		}
		key, err := decodeKey(value, ed25519.PublicKeySize)
		if err != nil {
			return nil, fmt.Errorf("the key of %s: %w", name, err)
		}
		keys[name] = append(keys[name], key)
	}
	return keys, nil
}

// decodeKey takes base64 of either alphabet, with padding or without. Its error does not quote the key.
func decodeKey(text string, size int) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil || len(key) != size {
		return nil, fmt.Errorf("must be %d bytes in base64", size)
	}
	return key, nil
}

// maxDrain leaves calls that are under way time to end within lifecycle.DefaultStopTimeout.
const maxDrain = 30 * time.Second

// validate finds what makes no sense, by its flag. The zero Config is well.
func (c Config) validate() error {
	for flag, addr := range map[string]string{"grpc-addr": c.GRPCAddr, "admin-addr": c.AdminAddr} {
		if _, _, err := net.SplitHostPort(addr); addr != "" && err != nil {
			return fmt.Errorf("%s: must be host:port, such as 0.0.0.0:9090", flag)
		}
	}
	for flag, number := range map[string]int64{
		"database-conns": int64(c.DatabaseConns), "max-in-work": int64(c.Overload.InWork),
		"max-queued": int64(c.Overload.Queued), "max-wait": int64(c.Overload.Patience), "drain-delay": int64(c.DrainDelay),
	} {
		if number < 0 {
			return fmt.Errorf("%s: must not be negative", flag)
		}
	}
	switch {
	case (c.DatabaseURL == "") != (c.DatabaseOwnerURL == ""):
		return errors.New("database-url and database-owner-url belong together")
	case c.DatabaseAdminURL != "" && c.DatabaseURL == "":
		return errors.New("database-admin-url needs database-url")
	case c.DrainDelay > maxDrain:
		return fmt.Errorf("drain-delay: must be at most %s", maxDrain)
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return errors.New("tls-cert and tls-key belong together")
	case c.TLSClientCA != "" && c.TLSCert == "":
		return errors.New("tls-client-ca needs tls-cert")
	case c.TLSClear && c.TLSClientCA == "":
		return errors.New("tls-clear-text needs tls-client-ca")
	case (c.TLSCallCert == "") != (c.TLSCallKey == ""):
		return errors.New("tls-call-cert and tls-call-key belong together")
	case c.TLSCallCert != "" && c.TLSServerCA == "":
		return errors.New("tls-call-cert needs tls-server-ca")
	case strings.ContainsAny(c.EventHost, "/ ?#"):
		return errors.New("event-host: must be a host's name, without a scheme or a path")
	}
	if err := c.Stream.Validate(); err != nil {
		return err
	}
	return BrokerURLs("nats-url", c.NATSURL)
}

// BrokerURLs fails when a setting's value is no address of a broker, nor several parted by commas. Empty is well. The error
// does not quote the value, which may hold a password.
func BrokerURLs(flag, value string) error {
	for each := range strings.SplitSeq(value, ",") {
		if !strings.Contains(each, "://") {
			each = "nats://" + each
		}
		u, err := url.Parse(strings.TrimSpace(each))
		if value != "" && (err != nil || u.Hostname() == "" || !slices.Contains([]string{"nats", "tls", "ws", "wss"}, u.Scheme)) {
			return fmt.Errorf("%s: must be nats://host:port or tls://host:port, or several parted by commas", flag)
		}
	}
	return nil
}

// HTTPURL fails when a setting's value is not what the URL of a resource can begin with.
func HTTPURL(flag, value string) error {
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%s: must be a URL such as https://meridian.example.com", flag)
	}
	return nil
}

// ServerTLS is what callers are served with: nothing where no certificate is set.
func (c Config) ServerTLS() rpcserver.TLS {
	return rpcserver.TLS{CertFile: c.TLSCert, KeyFile: c.TLSKey, ClientCAFile: c.TLSClientCA, ClearText: c.TLSClear}
}

// ClientTLS is what callees are called with: nothing where no CA is set.
func (c Config) ClientTLS() rpcclient.TLS {
	tls := rpcclient.TLS{CAFile: c.TLSServerCA, CertFile: c.TLSCallCert, KeyFile: c.TLSCallKey}
	switch {
	case c.TLSServerCA == "":
		return rpcclient.TLS{}
	case c.TLSCallCert == "":
		tls.CertFile, tls.KeyFile = c.TLSCert, c.TLSKey
	}
	return tls
}
