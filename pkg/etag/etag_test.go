package etag_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/etag"
	"github.com/meridianhq/meridian/pkg/fault"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	require.Equal(t, `"12"`, etag.Of(12))
	require.NoError(t, etag.Check("etag", "", 12), "none asks for no check")
	for _, version := range []int64{0, 1, 12, math.MaxInt64} {
		require.NoError(t, etag.Check("etag", etag.Of(version), version))
	}

	err := etag.Check("thread.etag", `"11"`, 12)
	require.True(t, fault.Is(err, fault.Aborted))
	require.True(t, fault.HasReason(err, fault.ReasonEtagStale))
	require.Equal(t, `"12"`, fault.From(err).Metadata["etag"])
}

func TestCheckRefusesWhatIsNoTag(t *testing.T) {
	t.Parallel()
	for _, given := range []string{
		"11", `"`, `""`, `"a"`, `W/"11"`, `"011"`, `"+11"`, `"11`, `11"`, ` "11"`, `"99999999999999999999"`,
	} {
		err := etag.Check("thread.etag", given, 12)
		require.True(t, fault.Is(err, fault.Invalid), given)
		require.Equal(t, "thread.etag", fault.From(err).Fields[0].Path)
	}
}
