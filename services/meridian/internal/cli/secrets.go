package cli

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/meridianhq/meridian/pkg/natsd"
)

// SecretsCmd makes the secrets of a first installation, on Kubernetes or elsewhere.
type SecretsCmd struct {
	Folder    string `help:"Write them here as files, SECRET/KEY, and nats.env for the broker, instead of printing them. It must not be there. For containers without Kubernetes." placeholder:"FOLDER"`
	Namespace string `help:"Namespace of the Secrets." default:"meridian"`
	Postgres  string `help:"Host and port of Postgres." default:"meridian-postgres-rw:5432" placeholder:"HOST:PORT"`
	Database  string `help:"Name of the database." default:"meridian"`
	Options   string `help:"Parameters of the database's URLs." default:"sslmode=require"`
	NATS      string `name:"nats-release" help:"Helm release of the chart nats: its nodes find each other by it." default:"nats"`
	MailURL   string `help:"Where mail goes: smtp://user:password@host:587. Empty: no Secret for it." placeholder:"URL"`
}

// natsNodes is how many nodes deploy/helm/examples/nats-values.yaml makes.
const natsNodes = 3

// kubeSecret is a Secret of Kubernetes.
type kubeSecret struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   kubeMetadata      `json:"metadata"`
	Type       string            `json:"type,omitempty"`
	StringData map[string]string `json:"stringData"`
}

type kubeMetadata struct {
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

// Run prints the Secrets as one List for `kubectl create -f -`, which makes nothing anew that is there, or writes them into a
// folder that is not there. They are made at random and kept nowhere else.
func (c *SecretsCmd) Run(streams Streams) error {
	database, err := c.database()
	if err != nil {
		return err
	}
	broker, err := c.broker()
	if err != nil {
		return err
	}
	items := append(append(database, broker...), c.identity()...)
	if c.MailURL != "" {
		items = append(items, c.secret("meridian-mail", map[string]string{"url": c.MailURL}))
	}
	if c.Folder != "" {
		return writeSecrets(c.Folder, items)
	}
	encoder := json.NewEncoder(streams.Out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(struct {
		APIVersion string       `json:"apiVersion"`
		Kind       string       `json:"kind"`
		Items      []kubeSecret `json:"items"`
	}{"v1", "List", items})
}

func (c *SecretsCmd) secret(name string, data map[string]string) kubeSecret {
	return kubeSecret{APIVersion: "v1", Kind: "Secret", Metadata: kubeMetadata{Name: name, Namespace: c.Namespace}, StringData: data}
}

// schemaOwners are the services with a schema.
func schemaOwners() []string {
	return []string{"directory", "availability", "threads", "tasks", "notifications"}
}

// database makes the URLs of the services' roles and of the role that makes them.
func (c *SecretsCmd) database() ([]kubeSecret, error) {
	if _, _, err := net.SplitHostPort(c.Postgres); err != nil {
		return nil, fmt.Errorf("postgres: must be HOST:PORT: %w", err)
	}
	as := func(role, word string) string {
		return (&url.URL{Scheme: "postgres", User: url.UserPassword(role, word), Host: c.Postgres, Path: "/" + c.Database, RawQuery: c.Options}).String()
	}
	urls := map[string]string{}
	for _, service := range schemaOwners() {
		urls[service+"-url"], urls[service+"-owner-url"] = as(service+"_app", password()), as(service+"_owner", password())
	}
	const role = "meridian_admin"
	word := password()
	admin := c.secret("meridian-postgres-admin", map[string]string{"username": role, "password": word, "url": as(role, word)})
	admin.Type = "kubernetes.io/basic-auth"
	return []kubeSecret{admin, c.secret("meridian-database", urls)}, nil
}

// broker makes the users and keys of the broker: the services', the directory's, and the server's own.
func (c *SecretsCmd) broker() ([]kubeSecret, error) {
	made, err := natsd.NewCredentials()
	if err != nil {
		return nil, err
	}
	issuer, err := publicKey(made.IssuerKey())
	if err != nil {
		return nil, err
	}
	xkey, err := publicKey(made.XKey())
	if err != nil {
		return nil, err
	}
	const node = "node"
	word := password()
	var routes []string
	for i := range natsNodes {
		route := url.URL{Scheme: "nats-route", User: url.UserPassword(node, word), Host: fmt.Sprintf("%[1]s-%[2]d.%[1]s-headless:6222", c.NATS, i)}
		routes = append(routes, fmt.Sprintf("%q", route.String()))
	}
	return []kubeSecret{
		c.secret("meridian-nats", map[string]string{"user": made.User, "password": password()}),
		c.secret("meridian-nats-edge", map[string]string{
			"callout-user": made.CalloutUser, "callout-password": password(), "system-user": made.SystemUser, "system-password": password(),
			"issuer-seed": made.IssuerSeed, "xkey-seed": made.XKeySeed,
		}),
		c.secret("meridian-nats-server", map[string]string{
			"callout-issuer": issuer, "callout-xkey": xkey,
			"cluster-user": node, "cluster-password": word, "cluster-routes": "[" + strings.Join(routes, ", ") + "]",
		}),
	}, nil
}

func publicKey(pair interface{ PublicKey() (string, error) }, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return pair.PublicKey()
}

// identity makes the services' keys, that of an operator who makes workspaces, and the gateway's for resume tokens.
func (c *SecretsCmd) identity() []kubeSecret {
	const operator = "meridian"
	seeds, public := map[string]string{}, []string{}
	for _, name := range append(schemaOwners(), "gateway", operator) {
		key := ed25519.NewKeyFromSeed(random())
		seeds[name] = base64.StdEncoding.EncodeToString(key.Seed())
		public = append(public, name+"="+base64.StdEncoding.EncodeToString(key[ed25519.SeedSize:]))
	}
	own := map[string]string{"identity-key": seeds[operator]}
	delete(seeds, operator)
	seeds["service-keys"] = strings.Join(public, ";")
	return []kubeSecret{
		c.secret("meridian-identity", seeds), c.secret("meridian-operator", own),
		c.secret("meridian-gateway", map[string]string{"resume-key": base64.StdEncoding.EncodeToString(random())}),
	}
}

// random is 256 random bits.
func random() []byte {
	bits := make([]byte, ed25519.SeedSize)
	_, _ = rand.Read(bits) // it never fails
	return bits
}

// password needs no quoting in a URL, and none in a nats-server's configuration, where what begins with a digit is a number.
func password() string { return "m" + hex.EncodeToString(random()) }
