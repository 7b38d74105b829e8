package backup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/meridianhq/meridian/pkg/clock"
)

func TestADamagedBackupIsRefused(t *testing.T) {
	t.Parallel()
	now := clock.Machine().Now()
	whole := Manifest{
		Format: format, Version: "test", StateTime: now, StreamCreated: now, Migrations: map[string]map[string]int64{"threads": {"threads": 1}},
	}
	for name, c := range map[string]struct {
		damage func(t *testing.T, folder string, m map[string]any)
		says   string
	}{
		"nothing":         {func(*testing.T, string, map[string]any) {}, ""},
		"the dump":        {func(t *testing.T, folder string, _ map[string]any) { t.Helper(); put(t, folder, dumpFile, "other") }, dumpFile + " is not what was written"},
		"no checksum":     {func(_ *testing.T, _ string, m map[string]any) { m["checksums"] = map[string]string{} }, "is not what was written"},
		"no instant":      {func(_ *testing.T, _ string, m map[string]any) { delete(m, "state_time") }, "state_time"},
		"no migrations":   {func(_ *testing.T, _ string, m map[string]any) { delete(m, "migrations") }, "migrations"},
		"another version": {func(_ *testing.T, _ string, m map[string]any) { m["format"] = format + 1 }, "use the version that made it, test"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			put(t, folder, dumpFile, "dump")
			put(t, folder, recentFile, "")
			require.NoError(t, whole.write(folder))
			text, err := os.ReadFile(filepath.Join(folder, manifestFile))
			require.NoError(t, err)
			written := map[string]any{}
			require.NoError(t, json.Unmarshal(text, &written))
			c.damage(t, folder, written)
			text, err = json.Marshal(written)
			require.NoError(t, err)
			put(t, folder, manifestFile, string(text))
			_, err = readManifest(folder)
			if c.says == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.says)
			}
		})
	}
}

func put(t *testing.T, folder, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
}

func TestOneBackupWritesIntoAFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), dumpFile)
	require.NoError(t, claim(path))
	require.ErrorContains(t, claim(path), "another backup into the folder is under way")
}
