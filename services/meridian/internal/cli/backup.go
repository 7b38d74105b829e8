package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/meridianhq/meridian/pkg/natsd"
	"github.com/meridianhq/meridian/services/meridian/internal/backup"
	"github.com/meridianhq/meridian/services/meridian/stack"
)

// BackupCmd writes a backup.
type BackupCmd struct {
	backup.Config

	Up     bool   `help:"The broker is that of 'meridian up': its user and password are taken from the data folder."`
	Keep   int    `help:"Write it into a folder of its own within FOLDER, named for the time, and delete those that are older than the newest so many. 0: FOLDER is the backup." placeholder:"N"`
	Folder string `arg:"" help:"Folder for it; made where there is none, and must be empty but with --keep."`
}

// Run writes it and says what it holds.
func (c *BackupCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	cfg := c.Config
	if c.Up {
		credentials, err := natsd.LoadCredentials(stack.CredentialsFile(client.Data))
		if err != nil {
			return err
		}
		cfg.NATSUser, cfg.NATSPassword = credentials.User, credentials.Password
	}
	made, folder, err := c.write(ctx, cfg)
	if err != nil {
		return err
	}
	return output{streams: streams, json: client.JSON}.printValue(made, func(w io.Writer) {
		row(w, "backup", folder)
		row(w, "state of", made.StateTime.UTC().Format(time.RFC3339Nano))
		row(w, "stream up to", fmt.Sprint(made.StreamSequence))
	})
}

func (c *BackupCmd) write(ctx context.Context, cfg backup.Config) (made backup.Manifest, folder string, err error) {
	if c.Keep != 0 {
		return backup.Rotate(ctx, cfg, c.Folder, c.Keep)
	}
	made, err = backup.Backup(ctx, cfg, c.Folder)
	return made, c.Folder, err
}

// RestoreCmd puts a backup back.
type RestoreCmd struct {
	backup.RestoreConfig

	Up     bool   `help:"The broker is that of 'meridian up': it is started on the data folder, for as long as the restore takes."`
	Folder string `arg:"" help:"Folder of the backup; with --to, of one from before the instant. What the stream loses is written there."`
}

// Run puts it back and says what was lost.
func (c *RestoreCmd) Run(ctx context.Context, client *Client, streams Streams) (err error) {
	cfg := c.RestoreConfig
	if c.Up {
		broker, credentials, stop, failed := stack.StartBroker(ctx, client.Data)
		if failed != nil {
			return failed
		}
		defer func() {
			ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
			defer cancel()
			err = errors.Join(err, stop(ending))
		}()
		cfg.NATSURL, cfg.NATSUser, cfg.NATSPassword = broker.URL(), credentials.User, credentials.Password
	}
	done, err := backup.Restore(ctx, cfg, c.Folder)
	if err != nil {
		return err
	}
	return output{streams: streams, json: client.JSON}.printValue(done, func(w io.Writer) {
		row(w, "state of", done.StateTime.UTC().Format(time.RFC3339Nano))
		row(w, "stream kept up to", fmt.Sprint(done.KeptSequence))
		row(w, "events taken back", fmt.Sprint(done.Gone))
		row(w, "events that come again", fmt.Sprint(done.Again))
		if done.Gone+done.Again > 0 {
			row(w, "written to", done.LostFile)
		}
	})
}
