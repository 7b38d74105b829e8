package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/meridianhq/meridian/pkg/clock"
)

// named is how backups of one folder are called, by their time in UTC: in the order of their names.
const named = "20060102T150405Z"

// Rotate writes a backup into a folder of its own within one, and then deletes what is older than the newest so many: 1 or
// more. It returns the backup's folder. A backup that fails leaves nothing, and deletes nothing.
//
// What stays beside those: whatever is not named for a time, and a backup that was restored, for what was lost stands in it.
// What another left unfinished is deleted, so one at a time may write.
func Rotate(ctx context.Context, cfg Config, within string, keep int) (m Manifest, folder string, err error) {
	if keep < 1 {
		return m, "", errors.New("keep: must be at least 1")
	}
	folder = filepath.Join(within, clock.Machine().Now().UTC().Format(named))
	if _, err := os.Stat(folder); err == nil {
		return m, "", fmt.Errorf("%s is there already: try again in a second", folder)
	}
	if m, err = Backup(ctx, cfg, folder); err != nil {
		return m, "", errors.Join(err, os.RemoveAll(folder))
	}
	return m, folder, prune(within, keep)
}

// prune deletes all but the newest so many finished backups, and what was never finished.
func prune(within string, keep int) error {
	entries, err := os.ReadDir(within)
	if err != nil {
		return err
	}
	for _, entry := range slices.Backward(entries) {
		folder := filepath.Join(within, entry.Name())
		if _, err := time.Parse(named, entry.Name()); err != nil || !entry.IsDir() {
			continue
		}
		if lost, err := filepath.Glob(filepath.Join(folder, lostFiles)); err != nil || len(lost) > 0 {
			continue
		}
		if _, err := os.Stat(filepath.Join(folder, manifestFile)); err == nil && keep > 0 {
			keep--
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("delete an old backup: %w", err)
		}
	}
	return nil
}
