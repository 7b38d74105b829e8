//go:build unix

package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOnlyBuildsForItCanBeSabotaged: what reads the switch is compiled with the tag and not otherwise.
func TestOnlyBuildsForItCanBeSabotaged(t *testing.T) {
	t.Parallel()
	var readers []string
	for _, module := range []string{"../../pkg", "../../proto", ".."} {
		require.NoError(t, filepath.WalkDir(module, func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || filepath.Dir(path) == "../chaos" {
				return err
			}
			text, err := os.ReadFile(path)
			if err == nil && bytes.Contains(text, []byte(sabotageVariable)) {
				require.True(t, bytes.HasPrefix(text, []byte("//go:build sabotage\n")), path)
				readers = append(readers, filepath.Dir(path))
			}
			return err
		}))
	}
	require.Equal(t, []string{"../../pkg/due", "../../pkg/inbox", "../../pkg/outbox"}, readers)
}
