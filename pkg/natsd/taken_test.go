package natsd_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/natsd"
)

func TestATakenAddressIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	dir := t.TempDir()
	credentials, err := natsd.LoadCredentials(dir + "/credentials.json")
	require.NoError(t, err)
	_, err = natsd.Start(t.Context(), natsd.Config{Addr: taken.Addr().String(), StoreDir: dir + "/store", Credentials: credentials})
	require.ErrorContains(t, err, "address already in use")
}
