package live

import (
	"sync"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/meridianhq/meridian/pkg/eventbus"
	gatewayv1 "github.com/meridianhq/meridian/proto/gen/go/meridian/gateway/v1"
)

// event is one message of the stream, decoded once and written in each format at most once, for all watchers.
type event struct {
	meta     eventbus.Meta
	payload  proto.Message
	sequence uint64
	size     int

	cloud func() (*gatewayv1.CloudEvent, error)
	json  func() ([]byte, error)
}

// decode reads a message; one that does not keep the contract is an error.
func decode(msg jetstream.Msg, sequence uint64) (*event, error) {
	meta, payload, err := eventbus.Decode(msg.Headers(), msg.Subject(), msg.Data())
	if err != nil {
		return nil, err
	}
	meta.Stream = sequence
	e := &event{meta: meta, payload: payload, sequence: sequence, size: len(msg.Data())}
	e.cloud = sync.OnceValues(e.toCloud)
	e.json = sync.OnceValues(func() ([]byte, error) { return eventbus.JSON(meta, payload) })
	return e, nil
}

func (e *event) toCloud() (*gatewayv1.CloudEvent, error) {
	data, err := anypb.New(e.payload)
	if err != nil {
		return nil, err
	}
	return &gatewayv1.CloudEvent{
		Id:            e.meta.ID.String(),
		Source:        e.meta.Source,
		Type:          e.meta.Type,
		Subject:       e.meta.Subject,
		Time:          timestamppb.New(e.meta.Time),
		Workspace:     "workspaces/" + e.meta.Workspace.String(),
		PartitionKey:  e.meta.Aggregate,
		Sequence:      e.meta.Version,
		Actor:         e.meta.Actor,
		CausationId:   e.meta.Causation,
		CorrelationId: e.meta.Correlation,
		Data:          data,
	}, nil
}
