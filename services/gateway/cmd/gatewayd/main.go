// Command gatewayd runs Meridian's gateway: REST, gRPC and live events on one address.
package main

import (
	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/gateway"
)

func main() { boot.Main("gateway", "Meridian's gateway: REST, gRPC and live events.", gateway.New) }
