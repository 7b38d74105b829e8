package backup

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"
)

// Names of what stands in a backup's folder.
const (
	manifestFile = "manifest.json"
	dumpFile     = "database.dump"
	recentFile   = "recent.jsonl"
	// lostFiles are written by restores: what each took out of the stream.
	lostFiles = "lost-*.jsonl"
)

// format counts up when an older restore could not read a backup.
const format = 1

// Manifest says what a backup holds. It is written last: a folder without one is no backup.
type Manifest struct {
	Format int `json:"format"`
	// Version is Meridian's, Migrations the versions of its schemas, by schema and set.
	Version    string                      `json:"version"`
	Migrations map[string]map[string]int64 `json:"migrations"`
	// StateTime is the instant of the database's snapshot, by its own clock.
	StateTime time.Time `json:"state_time"`
	// Stream is the stream as it was: when it was made, and the last sequence that is in the snapshot for certain.
	StreamCreated  time.Time `json:"stream_created"`
	StreamSequence uint64    `json:"stream_sequence"`
	// Durables are, for each of the services' consumers, the first sequence that it may not have handled.
	Durables map[string]uint64 `json:"durables"`
	// Checksums are the SHA-256 of the folder's other files, in hex.
	Checksums map[string]string `json:"checksums"`
}

// revision is the commit that an image's binary is built of, put in by the linker: images are built without the repository,
// so the compiler does not know it.
var revision string //nolint:gochecknoglobals // the linker sets variables alone

// version is the program's own, as its build noted it.
func version() string {
	if revision != "" {
		return revision
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return info.Main.Version
}

// write seals the folder: the checksums first, then the manifest, whole or not at all.
func (m Manifest) write(folder string) error {
	m.Checksums = map[string]string{}
	for _, name := range []string{dumpFile, recentFile} {
		sum, err := checksum(filepath.Join(folder, name))
		if err != nil {
			return err
		}
		m.Checksums[name] = sum
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	path := filepath.Join(folder, manifestFile)
	if err := writeFile(path+".new", append(text, '\n')); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// claim makes a file that is not there yet, for our eyes alone: of two backups into one folder at the same time one fails.
func claim(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return fmt.Errorf("another backup into the folder is under way: %w", err)
	}
	return file.Close()
}

func writeFile(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Sync(), file.Close())
}

// readManifest reads a backup and refuses one that is not whole.
func readManifest(folder string) (Manifest, error) {
	var m Manifest
	text, err := os.ReadFile(filepath.Join(folder, manifestFile)) //nolint:gosec // the operator's own folder
	if errors.Is(err, fs.ErrNotExist) {
		return m, fmt.Errorf("%s is no finished backup: it has no %s%s", folder, manifestFile, finishedIn(folder))
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("%s is not readable: %w", manifestFile, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("the backup has format %d, and this version reads %d: use the version that made it, %s", m.Format, format, m.Version)
	}
	if m.StateTime.IsZero() || m.StreamCreated.IsZero() || len(m.Migrations) == 0 {
		return m, fmt.Errorf("%s is not what was written: it says no state_time, stream_created or migrations", manifestFile)
	}
	for _, name := range []string{dumpFile, recentFile} {
		want := m.Checksums[name]
		sum, err := checksum(filepath.Join(folder, name))
		if err != nil {
			return m, err
		}
		if sum != want {
			return m, fmt.Errorf("%s is not what was written: its SHA-256 is %s and must be %q", name, sum, want)
		}
	}
	return m, nil
}

// finishedIn names the finished backups within a folder, for whoever looks for theirs.
func finishedIn(folder string) string {
	manifests, err := filepath.Glob(filepath.Join(folder, "*", manifestFile))
	if err != nil || len(manifests) == 0 {
		return ""
	}
	names := make([]string, len(manifests))
	for i, path := range manifests {
		names[i] = filepath.Base(filepath.Dir(path))
	}
	return "; in it are " + strings.Join(names, ", ")
}

func checksum(path string) (string, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's own folder
	if err != nil {
		return "", err
	}
	hash := sha256.New()
	_, err = io.Copy(hash, file)
	return hex.EncodeToString(hash.Sum(nil)), errors.Join(err, file.Close())
}
