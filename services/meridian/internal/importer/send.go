package importer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	threadsv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/threads/v1"
	"github.com/meridianhq/meridian/services/meridian/internal/mailbox"
)

const (
	// maxBytes is how much text one call carries, so that it fits every transport however it is encoded.
	maxBytes  = 1 << 20
	maxTitle  = 200
	noSubject = "(no subject)"
)

// sent is a message on its way, with where it came from.
type sent struct {
	message  *threadsv1.ImportedMessage
	position mailbox.Position
}

// send reads the messages again, thread by thread, and imports them in calls of at most perCall and maxBytes.
func (i *Importer) send(ctx context.Context, archive io.ReaderAt, index *archiveIndex, members []string) error {
	var batch []sent
	bytes, total := 0, int64(len(index.entries))
	i.config.Progress(Sending, 0, total)
	for n, at := range index.order() {
		e := index.entries[at]
		if members[e.sender] == "" {
			i.report.broken(e.position, "the sender "+index.senders[e.sender].email+" cannot be made a member")
			continue
		}
		m, err := i.reread(archive, e)
		if err != nil {
			return err
		}
		message := i.message(m, e, index.entries[e.root].id, members[e.sender])
		if len(batch) == perCall || (len(batch) > 0 && bytes+len(m.Body) > maxBytes) {
			if err := i.call(ctx, batch); err != nil {
				return err
			}
			i.config.Progress(Sending, int64(n), total)
			batch, bytes = batch[:0], 0
		}
		batch = append(batch, sent{message: message, position: e.position})
		bytes += len(m.Body)
	}
	if err := i.call(ctx, batch); err != nil {
		return err
	}
	i.config.Progress(Sending, total, total)
	return nil
}

// reread parses the bytes of one message again.
func (i *Importer) reread(archive io.ReaderAt, e entry) (mailbox.Message, error) {
	section := io.NewSectionReader(archive, e.position.Offset, e.position.Length)
	m, err := mailbox.NewReader(section, mailbox.Options{Now: i.config.Now, Before: e.date}).Next()
	if err == nil && m.ID != e.id {
		err = errors.New("the archive changed while it was imported")
	}
	if err != nil {
		return mailbox.Message{}, fmt.Errorf("%s: %w", e.position, err)
	}
	return m, nil
}

func (i *Importer) message(m mailbox.Message, e entry, thread, author string) *threadsv1.ImportedMessage {
	subject := oneLine(m.Subject, maxTitle)
	if subject == "" {
		subject = noSubject
	}
	_, offset := e.date.Zone()
	return &threadsv1.ImportedMessage{
		ExternalId:       e.id,
		ParentExternalId: e.parent,
		ThreadExternalId: thread,
		Subject:          subject,
		Author:           author,
		Body:             m.Body,
		CreateTime:       timestamppb.New(e.date),
		UtcOffset:        durationpb.New(time.Duration(offset) * time.Second),
	}
}

// call imports a batch. A call is all or nothing, so one that is refused is halved until only the messages at fault
// are left out.
func (i *Importer) call(ctx context.Context, batch []sent) error {
	if len(batch) == 0 {
		return nil
	}
	request := &threadsv1.ImportMessagesRequest{Parent: i.config.Space}
	for _, s := range batch {
		request.Messages = append(request.Messages, s.message)
	}
	request.RequestId = requestID(request)
	response, err := i.config.Messages.ImportMessages(ctx, request)
	if err == nil {
		return i.count(batch, response)
	}
	if !refused(err) {
		return err
	}
	if len(batch) == 1 {
		i.report.broken(batch[0].position, "refused: "+status.Convert(err).Message())
		return nil
	}
	half := len(batch) / 2
	if err := i.call(ctx, batch[:half]); err != nil {
		return err
	}
	return i.call(ctx, batch[half:])
}

func (i *Importer) count(batch []sent, response *threadsv1.ImportMessagesResponse) error {
	if len(response.GetResults()) != len(batch) {
		return fmt.Errorf("%d results came back for %d messages", len(response.GetResults()), len(batch))
	}
	for n, result := range response.GetResults() {
		if result.GetOutcome() == threadsv1.ImportResult_DUPLICATE {
			i.report.Duplicates.InSpace++
			continue
		}
		i.report.Imported++
		if result.GetThreadCreated() {
			i.report.ThreadsCreated++
		}
		if others := result.GetJoinedThreads(); len(others) > 0 {
			i.report.Joins = append(i.report.Joins, Join{Position: batch[n].position, ID: result.GetExternalId(), Thread: result.GetThread(), Others: others})
		}
	}
	return nil
}

// requestID is made from the request itself: the same call, also by another run, has the same id, and another never
// has.
func requestID(request proto.Message) string {
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(request)
	if err != nil {
		return uuid.NewString()
	}
	sum := sha256.Sum256(append([]byte(request.ProtoReflect().Descriptor().FullName()+"\n"), data...))
	var id uuid.UUID
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return id.String()
}
