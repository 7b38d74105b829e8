package stack

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// errHeld is said when another process uses the data folder.
var errHeld = errors.New("another meridian runs on this data folder")

// openFolder makes the data folder where there is none and holds it until the returned file is closed.
func openFolder(data string) (*os.File, error) {
	mode := os.FileMode(0o700)
	if os.Geteuid() == 0 {
		// The cluster's own user passes through; what it may read is up to each file's mode.
		mode = 0o711
	}
	if err := os.MkdirAll(data, mode); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	if err := os.Chmod(data, mode); err != nil {
		return nil, fmt.Errorf("close the data folder to others: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(data, "lock"), os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s", errHeld, data)
		}
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	return lock, nil
}

// clusterFolder is where the private cluster lives: in the data folder, or, where this process is root and the
// cluster's own user cannot pass to there (a checkout below /root), in a place of its own that hangs on the data
// folder's path.
func clusterFolder(data string) (string, error) {
	inside := filepath.Join(data, "postgres")
	if os.Geteuid() != 0 {
		return inside, nil
	}
	place, err := filepath.EvalSymlinks(data)
	if err != nil {
		return "", fmt.Errorf("find the data folder: %w", err)
	}
	for at := place; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		if err != nil {
			return "", fmt.Errorf("look at the way to the data folder: %w", err)
		}
		if info.Mode().Perm()&0o001 == 0 {
			sum := sha256.Sum256([]byte(place))
			return "/var/lib/meridian/cluster-" + hex.EncodeToString(sum[:8]), nil
		}
		if at == filepath.Dir(at) {
			return inside, nil
		}
	}
}

// writeFile replaces a file so that a crash leaves the old one or the new one, whole and on disk.
func writeFile(path string, data []byte) error {
	aside := path + ".new"
	file, err := os.OpenFile(aside, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600) //nolint:gosec // the operator's own folder
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(aside, path)
	}
	if err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
