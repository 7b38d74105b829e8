package channel

import (
	"context"
	"errors"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/meridianhq/meridian/services/notifications/internal/app"
)

// Counted counts what a channel that leaves the database was handed, by its outcome: sent, refused for good, or failed and so to be tried
// again. Counting never keeps a channel from sending.
func Counted(channels []app.Channel, provider metric.MeterProvider) []app.Channel {
	sends, _ := provider.Meter("github.com/meridianhq/meridian/services/notifications").Int64Counter("meridian.deliveries",
		metric.WithDescription("What was handed to a channel: sent, refused for good, or failed and tried again later."))
	all := make([]app.Channel, len(channels))
	for i, c := range channels {
		all[i] = c
		if c.Leaves() {
			all[i] = newCounted(c, sends)
		}
	}
	return all
}

type counted struct {
	app.Channel

	sends                 metric.Int64Counter
	sent, refused, failed metric.AddOption
}

func newCounted(c app.Channel, sends metric.Int64Counter) counted {
	result := func(word string) metric.AddOption {
		return metric.WithAttributes(attribute.String("service", "notifications"),
			attribute.String("channel", strings.ToLower(string(c.Kind()))), attribute.String("result", word))
	}
	counting := counted{Channel: c, sends: sends, sent: result("sent"), refused: result("refused"), failed: result("failed")}
	for _, of := range []metric.AddOption{counting.sent, counting.refused, counting.failed} {
		sends.Add(context.Background(), 0, of) // so that it is there before the first
	}
	return counting
}

// Send implements app.Channel.
func (c counted) Send(ctx context.Context, p app.Parcel) error {
	err := c.Channel.Send(ctx, p)
	switch {
	case err == nil:
		c.sends.Add(ctx, 1, c.sent)
	case errors.Is(err, app.ErrRefused):
		c.sends.Add(ctx, 1, c.refused)
	default:
		c.sends.Add(ctx, 1, c.failed)
	}
	return err
}
