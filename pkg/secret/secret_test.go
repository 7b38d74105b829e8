package secret_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/secret"
)

func TestAValueIsTheSecretOrNamesItsFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(path, []byte("first\n"), 0o600))

	plain, err := secret.Read("pass@word")
	require.NoError(t, err)
	require.Equal(t, "pass@word", plain)
	none, err := secret.Read("")
	require.NoError(t, err)
	require.Empty(t, none)
	read, err := secret.Read("@" + path)
	require.NoError(t, err)
	require.Equal(t, "first", read)

	require.NoError(t, os.WriteFile(path, []byte("second"), 0o600))
	read, err = secret.Read("@" + path)
	require.NoError(t, err)
	require.Equal(t, "second", read)
}

func TestAFileThatHoldsNoSecretIsNamed(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	empty, large := filepath.Join(folder, "empty"), filepath.Join(folder, "large")
	require.NoError(t, os.WriteFile(empty, []byte("\n"), 0o600))
	require.NoError(t, os.WriteFile(large, []byte(strings.Repeat("x", 64<<10+1)), 0o600))
	for path, why := range map[string]string{empty: "is empty", large: "more than 64 KiB", filepath.Join(folder, "none"): "cannot be read"} {
		_, err := secret.Read("@" + path)
		require.ErrorContains(t, err, path)
		require.ErrorContains(t, err, why)
	}
}

func TestAParsedSecretFollowsItsFileAndKeepsWhatWasGood(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "number")
	_, err := secret.Parse("@"+path, strconv.Atoi)
	require.ErrorContains(t, err, path)
	require.NoError(t, os.WriteFile(path, []byte("1"), 0o600))
	number, err := secret.Parse("@"+path, strconv.Atoi)
	require.NoError(t, err)
	require.Equal(t, 1, number.Get())

	require.NoError(t, os.WriteFile(path, []byte("2\n"), 0o600))
	require.Equal(t, 2, number.Get())
	require.NoError(t, os.WriteFile(path, []byte("two"), 0o600))
	require.Equal(t, 2, number.Get(), "what cannot be used changes nothing")
	require.NoError(t, os.Remove(path))
	require.Equal(t, 2, number.Get(), "nor does a file that is gone")

	_, err = secret.Parse("two", strconv.Atoi)
	require.Error(t, err)
}
