package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meridianhq/meridian/pkg/clock"
	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/importer"
)

// ImportCmd groups the commands that bring messages in.
type ImportCmd struct {
	Mbox ImportMboxCmd `cmd:"" help:"Import a mail archive (mbox). It can be repeated and resumed without a double."`
}

// ImportMboxCmd imports a mail archive.
type ImportMboxCmd struct {
	File        string `arg:"" help:"The archive; - reads it from standard input." placeholder:"FILE"`
	Space       string `short:"s" required:"" help:"The space it goes to (name, id or display name)."`
	CreateSpace bool   `help:"Make the space (OPEN) where there is none of that display name."`
}

// Run imports the archive and prints the report.
func (c *ImportMboxCmd) Run(ctx context.Context, client *Client, streams Streams) error {
	file, size, done, err := archive(c.File, streams.In)
	if err != nil {
		return err
	}
	defer done()
	s, err := client.open(ctx, streams)
	if err != nil {
		return err
	}
	space, err := s.space(ctx, c.Space)
	if c.CreateSpace && status.Code(err) == codes.NotFound {
		var made *directoryv1.Space
		made, err = s.createSpace(ctx, &directoryv1.Space{DisplayName: c.Space, Visibility: directoryv1.Space_OPEN})
		space = made.GetName()
	}
	if err != nil {
		return err
	}
	bar := newProgress(streams.Err)
	report, err := importer.New(importer.Config{
		Members: s.members, Messages: s.messages, Workspace: s.workspace, Space: space, Now: clock.Machine().Now(),
		Progress: func(stage importer.Stage, done, total int64) { bar.show(string(stage), done, total) },
	}).Run(ctx, file, size)
	bar.end()
	if printed := s.printValue(report, func(w io.Writer) { showReport(w, report) }); printed != nil {
		return errors.Join(err, printed)
	}
	switch {
	case err != nil:
		return fmt.Errorf("the import stopped; run it again and it goes on from there: %w", err)
	case report.Found == 0 && len(report.Broken) > 0:
		return fmt.Errorf("%s: %s", c.File, report.Broken[0].Reason)
	default:
		return nil
	}
}

// archive opens the file; what cannot be read twice, such as a pipe, is copied to a temporary one first.
func archive(name string, in io.Reader) (file *os.File, size int64, done func(), err error) {
	if name != "-" {
		if file, err = os.Open(name); err != nil { //nolint:gosec // what the user asked for
			return nil, 0, nil, err
		}
		info, err := file.Stat()
		if err == nil && info.IsDir() {
			err = fmt.Errorf("%s is a folder, not an mbox file", name)
		}
		if err != nil {
			_ = file.Close()
			return nil, 0, nil, err
		}
		if info.Mode().IsRegular() {
			return file, info.Size(), func() { _ = file.Close() }, nil
		}
		defer func(pipe *os.File) { _ = pipe.Close() }(file)
		in = file
	}
	copied, err := os.CreateTemp("", "meridian-import-*.mbox")
	if err != nil {
		return nil, 0, nil, err
	}
	done = func() {
		_ = copied.Close()
		_ = os.Remove(copied.Name())
	}
	if size, err = io.Copy(copied, in); err != nil {
		done()
		return nil, 0, nil, err
	}
	return copied, size, done, nil
}

func showReport(w io.Writer, r *importer.Report) {
	row(w, "messages found", fmt.Sprint(r.Found))
	row(w, "imported", fmt.Sprint(r.Imported))
	row(w, "duplicates skipped", fmt.Sprintf("%d (%d twice in the archive, %d already in the space)", r.Duplicates.InArchive+r.Duplicates.InSpace, r.Duplicates.InArchive, r.Duplicates.InSpace))
	row(w, "threads made", fmt.Sprint(r.ThreadsCreated))
	row(w, "senders", fmt.Sprintf("%d, of whom %d became INVITED members", r.Senders, len(r.MembersCreated)))
	row(w, "odd dates", fmt.Sprint(len(r.OddDates)))
	row(w, "repaired", fmt.Sprint(len(r.Repaired)))
	row(w, "parts left out", fmt.Sprint(len(r.Dropped)))
	row(w, "threads joined", fmt.Sprint(len(r.Joins)))
	row(w, "broken", fmt.Sprint(len(r.Broken)))
	for _, o := range r.OddDates {
		line(w, "odd date", o.Position.String(), o.Detail)
	}
	for _, o := range r.Repaired {
		line(w, "repaired", o.Position.String(), o.Detail)
	}
	for _, d := range r.Dropped {
		line(w, "left out", d.Position.String(), fmt.Sprintf("%s %s, %d bytes", d.Name, d.MediaType, d.Size))
	}
	for _, j := range r.Joins {
		others := make([]string, 0, len(j.Others))
		for _, o := range j.Others {
			others = append(others, id(o))
		}
		line(w, "joins", j.Position.String(), fmt.Sprintf("went to the older thread %s, and not to %s", id(j.Thread), strings.Join(others, ", ")))
	}
	for _, b := range r.Broken {
		line(w, "broken", b.Position.String(), b.Reason)
	}
}

// line writes one finding below the table, outside its columns.
func line(w io.Writer, kind, where, what string) {
	_, _ = fmt.Fprintf(w, "%s: %s: %s\n", kind, where, cell1(what))
}
