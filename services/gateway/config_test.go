package gateway_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/boot"
	"github.com/meridianhq/meridian/services/gateway"
	"github.com/meridianhq/meridian/services/gateway/internal/edge"
)

func TestASenselessSettingIsToldByItsFlag(t *testing.T) {
	t.Parallel()
	const addr = "127.0.0.1:0"
	for flag, cfg := range map[string]gateway.Config{
		"http-addr":       {},
		"cors-origins":    {HTTPAddr: addr, CORSOrigins: []string{"*", "https://app.example.com/"}},
		"principal-rate":  {HTTPAddr: addr, Limits: edge.Limits{PrincipalRate: -1}},
		"workspace-rate":  {HTTPAddr: addr, Limits: edge.Limits{WorkspaceRate: math.NaN()}},
		"address-burst":   {HTTPAddr: addr, Limits: edge.Limits{AddressBurst: -1}},
		"trusted-proxies": {HTTPAddr: addr, TrustedProxies: []string{"10.0.0.0"}},
	} {
		_, err := gateway.New(t.Context(), cfg, boot.Deps{})
		require.ErrorContains(t, err, flag+": ")
	}
}
