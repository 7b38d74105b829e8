package backup

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOldBackupsGoAndNothingElse tells apart finished, unfinished and restored ones, and what is no backup.
func TestOldBackupsGoAndNothingElse(t *testing.T) {
	t.Parallel()
	within := t.TempDir()
	for folder, file := range map[string]string{
		"20260101T000000Z": manifestFile, "20260102T000000Z": "lost-20260103T000000.000000Z.jsonl", "20260103T000000Z": manifestFile,
		"20260104T000000Z": dumpFile, "20260105T000000Z": manifestFile, "lost+found": manifestFile, "mine": manifestFile,
	} {
		require.NoError(t, os.Mkdir(filepath.Join(within, folder), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(within, folder, file), nil, 0o600))
	}
	require.NoError(t, os.WriteFile(filepath.Join(within, "20250101T000000Z"), nil, 0o600))
	stands := func() (names []string) {
		entries, err := os.ReadDir(within)
		require.NoError(t, err)
		for _, entry := range entries {
			names = append(names, entry.Name())
		}
		return names
	}
	require.NoError(t, prune(within, 2))
	require.ElementsMatch(t, []string{"20250101T000000Z", "20260102T000000Z", "20260103T000000Z", "20260105T000000Z", "lost+found", "mine"}, stands())
	_, err := readManifest(within)
	require.ErrorContains(t, err, "no finished backup")
	require.ErrorContains(t, err, "in it are 20260103T000000Z, 20260105T000000Z, lost+found, mine")
	require.NoError(t, prune(within, 1))
	require.ElementsMatch(t, []string{"20250101T000000Z", "20260102T000000Z", "20260105T000000Z", "lost+found", "mine"}, stands())
}

// TestABackupThatFailsLeavesNothing: neither a folder of its own, nor a hole among the others.
func TestABackupThatFailsLeavesNothing(t *testing.T) {
	t.Parallel()
	within := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(within, "20260101T000000Z"), 0o700))
	nowhere := Config{DatabaseAdminURL: "postgres://127.0.0.1:1/meridian", NATSURL: "nats://127.0.0.1:1"}
	_, _, err := Rotate(t.Context(), nowhere, within, 1)
	require.ErrorContains(t, err, "database-admin-url")
	entries, err := os.ReadDir(within)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	_, _, err = Rotate(t.Context(), nowhere, within, 0)
	require.ErrorContains(t, err, "keep")
}
