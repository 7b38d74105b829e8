package stack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneProcessHoldsAFolder(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "a", "b")
	lock, err := openFolder(data)
	require.NoError(t, err)
	_, err = openFolder(data)
	require.ErrorIs(t, err, errHeld)
	require.NoError(t, lock.Close())
	lock, err = openFolder(data)
	require.NoError(t, err)
	require.NoError(t, lock.Close())
	info, err := os.Stat(data)
	require.NoError(t, err)
	require.Zero(t, info.Mode().Perm()&0o066)
}

func TestSecretsAreMadeOnceAndCompletedAfterAnUpgrade(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	first, err := loadSecrets(data)
	require.NoError(t, err)
	again, err := loadSecrets(data)
	require.NoError(t, err)
	require.Equal(t, first, again)
	info, err := os.Stat(filepath.Join(data, "secrets.json"))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	delete(again.IdentitySeeds, "threads")
	delete(again.AppPasswords, "threads")
	require.False(t, again.complete())
	require.Equal(t, first.IdentitySeeds["gateway"], again.IdentitySeeds["gateway"])
	require.NotEmpty(t, again.IdentitySeeds["threads"])
	require.NotEqual(t, first.AppPasswords["threads"], again.AppPasswords["threads"])

	keys, err := first.publicKeys()
	require.NoError(t, err)
	require.Len(t, strings.Split(keys, ";"), len(callers()))

	require.NoError(t, os.WriteFile(filepath.Join(data, "secrets.json"), []byte("{broken secret"), 0o600))
	_, err = loadSecrets(data)
	require.Error(t, err)
	require.NotContains(t, err.Error(), "broken secret")
}

func TestRolesGetTheDatabasesURL(t *testing.T) {
	t.Parallel()
	url, err := roleURL("postgres://admin:pw@db.example:5432/meridian?sslmode=require", "threads_app", "s/e:c@t")
	require.NoError(t, err)
	require.Equal(t, "postgres://threads_app:s%2Fe%3Ac%40t@db.example:5432/meridian?sslmode=require", url)
	_, err = roleURL("host=x user=y", "threads_app", "x")
	require.Error(t, err)
}

func TestFilesAreReplacedWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, text := range []string{"one", "two"} {
		require.NoError(t, writeFile(path, []byte(text)))
		have, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(have))
	}
	left, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, left, 1)
}

func TestTheClusterLivesWhereItsUserCanPass(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		folder, err := clusterFolder("/somewhere")
		require.NoError(t, err)
		require.Equal(t, "/somewhere/postgres", folder)
		return
	}
	closed := filepath.Join(t.TempDir(), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	folder, err := clusterFolder(closed)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(folder, "/var/lib/meridian/cluster-"), folder)
	same, err := clusterFolder(closed)
	require.NoError(t, err)
	require.Equal(t, folder, same)
}
