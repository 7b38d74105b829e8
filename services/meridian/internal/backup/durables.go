package backup

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/meridianhq/meridian/pkg/brokeredge"
	"github.com/meridianhq/meridian/pkg/eventbus"
)

// consumers are the services' durables; integrators' are not among them.
func (p *place) consumers(ctx context.Context) ([]*jetstream.ConsumerInfo, error) {
	stream, err := p.js.Stream(ctx, eventbus.Stream)
	if err != nil {
		return nil, fmt.Errorf("read the stream %s: %w", eventbus.Stream, err)
	}
	var found []*jetstream.ConsumerInfo
	lister := stream.ListConsumers(ctx)
	for info := range lister.Info() {
		if info.Config.Durable != "" && !brokeredge.IsConsumer(info.Name) {
			found = append(found, info)
		}
	}
	if err := lister.Err(); err != nil && !errors.Is(err, jetstream.ErrEndOfData) {
		return nil, fmt.Errorf("list the consumers: %w", err)
	}
	return found, nil
}

// durables are, for each of the services' consumers, the first sequence that it may not have handled. What it has
// acknowledged was committed before.
func (p *place) durables(ctx context.Context) (map[string]uint64, error) {
	found := map[string]uint64{}
	stream, err := p.stream(ctx)
	if err != nil {
		return nil, err
	}
	all, err := p.consumers(ctx)
	if err != nil {
		return nil, err
	}
	for _, info := range all {
		// An idle consumer's floor is its last event's, however long ago. A reader made anew sees what came after it, where
		// the consumer's own count lags a moment behind.
		r := reading{from: info.AckFloor.Stream + 1, subjects: subjects(info.Config)}
		first := stream.State.LastSeq + 1
		err := p.read(ctx, r, func(_ jetstream.Msg, at *jetstream.MsgMetadata) error {
			first = min(first, at.Sequence.Stream)
			return errEnough
		})
		if err != nil {
			return nil, err
		}
		found[info.Name] = first
	}
	return found, nil
}

func subjects(cfg jetstream.ConsumerConfig) []string {
	if cfg.FilterSubject != "" {
		return []string{cfg.FilterSubject}
	}
	return cfg.FilterSubjects
}

// rewind puts the services' durables back to where a backup saw them. One that it did not see is deleted, and so are
// projections', which know better where they are: the service makes them anew and reads from where it must, the inbox
// leaving out what was handled.
func (p *place) rewind(ctx context.Context, from map[string]uint64, kept uint64) error {
	all, err := p.consumers(ctx)
	if err != nil {
		return err
	}
	for _, info := range all {
		if err := p.js.DeleteConsumer(ctx, eventbus.Stream, info.Name); err != nil {
			return fmt.Errorf("delete the consumer %s: %w", info.Name, err)
		}
		first, seen := from[info.Name]
		if !seen || strings.HasSuffix(info.Name, projections) {
			continue
		}
		cfg := info.Config
		cfg.DeliverPolicy, cfg.OptStartSeq, cfg.OptStartTime = jetstream.DeliverByStartSequencePolicy, max(min(first, kept+1), 1), nil
		if _, err := p.js.CreateConsumer(ctx, eventbus.Stream, cfg); err != nil {
			return fmt.Errorf("make the consumer %s: %w", info.Name, err)
		}
	}
	return nil
}

// projections end the names of durables whose readers keep their place in the database.
const projections = "_projection"

// pulling are the services' durables that somebody asks for messages.
func (p *place) pulling(ctx context.Context) ([]string, error) {
	all, err := p.consumers(ctx)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil
	}
	var found []string
	for _, info := range all {
		if info.NumWaiting > 0 {
			found = append(found, "consumer "+info.Name)
		}
	}
	return found, err
}
