package natsd

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// Cluster is what a node must know of its cluster. Each node needs a server name and an Addr of its own, and the same
// everything else.
type Cluster struct {
	// Addr is where the other nodes reach this one, as host:port.
	Addr string
	// Peers are the addresses of all nodes; a node's own among them does no harm.
	Peers []string
	// Password is what the nodes know each other by.
	Password string
	// Hidden keeps the nodes' addresses from clients, who then reach each node only by the address that they were given.
	Hidden bool
}

// routeUser is the name that the nodes of a cluster sign in with.
const routeUser = "node"

// section is the cluster's part of the configuration text.
func (c *Cluster) section() (string, error) {
	if c == nil {
		return "", nil
	}
	if c.Addr == "" || len(c.Peers) == 0 || c.Password == "" {
		return "", errors.New("natsd: a cluster needs an address, peers and a password")
	}
	routes := make([]string, 0, len(c.Peers))
	for _, peer := range c.Peers {
		route := url.URL{Scheme: "nats-route", User: url.UserPassword(routeUser, c.Password), Host: peer}
		routes = append(routes, route.String())
	}
	for _, text := range append([]string{c.Addr, c.Password}, routes...) {
		if strings.ContainsAny(text, "\"\\\n\r") {
			return "", errors.New("natsd: a cluster's setting holds a quote, a backslash or a line end")
		}
	}
	return fmt.Sprintf(`
cluster {
  name: meridian
  listen: "%s"
  no_advertise: %t
  routes: ["%s"]
  authorization { user: %s, password: "%s", timeout: 5 }
}
`, c.Addr, c.Hidden, strings.Join(routes, `", "`), routeUser, c.Password), nil
}
