// Package importer brings a mail archive into a space.
//
// It promises: a message's thread is decided by the archive alone (its parent, never its subject) and by what is
// already in the space; every message is there once however often, and from wherever, an import is repeated or
// resumed; what could not be brought in is in the report with its position, and the rest is there; memory holds an
// index of the archive, never its bodies.
package importer

import (
	"context"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	directoryv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/directory/v1"
	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
)

// Members is what the importer needs of the directory.
type Members interface {
	ListMembers(ctx context.Context, in *directoryv1.ListMembersRequest, opts ...grpc.CallOption) (*directoryv1.ListMembersResponse, error)
	ImportMembers(ctx context.Context, in *directoryv1.ImportMembersRequest, opts ...grpc.CallOption) (*directoryv1.ImportMembersResponse, error)
}

// Messages is what the importer needs of the threads.
type Messages interface {
	ImportMessages(ctx context.Context, in *threadsv1.ImportMessagesRequest, opts ...grpc.CallOption) (*threadsv1.ImportMessagesResponse, error)
}

// Stage names what an import is doing.
type Stage string

// The stages of an import, in order. Reading is measured in bytes, the others in members and messages.
const (
	Reading Stage = "reading"
	Joining Stage = "members"
	Sending Stage = "sending"
)

// Config of an Importer.
type Config struct {
	Members  Members
	Messages Messages
	// Workspace and Space are resource names.
	Workspace, Space string
	// Now is the time of the import: messages dated later are not believed.
	Now time.Time
	// Progress is told how far a stage is; it may be nil.
	Progress func(stage Stage, done, total int64)
}

// Importer imports archives into one space.
type Importer struct {
	config Config
	report *Report
}

// New returns an importer.
func New(config Config) *Importer {
	if config.Progress == nil {
		config.Progress = func(Stage, int64, int64) {}
	}
	return &Importer{config: config}
}

// Run imports the archive of that many bytes. The report is good, and says what was done, also with an error: then
// the import stopped, and running it again goes on from there.
func (i *Importer) Run(ctx context.Context, archive io.ReaderAt, size int64) (*Report, error) {
	i.report = newReport(i.config.Space)
	index, err := i.scan(ctx, archive, size)
	if err != nil {
		return i.report, fmt.Errorf("reading the archive: %w", err)
	}
	members, err := i.members(ctx, index)
	if err != nil {
		return i.report, fmt.Errorf("making members of the senders: %w", err)
	}
	if err := i.send(ctx, archive, index, members); err != nil {
		return i.report, fmt.Errorf("sending messages: %w", err)
	}
	i.report.sort()
	return i.report, nil
}
