package channel

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/meridianhq/meridian/services/notifications/internal/app"
	"github.com/meridianhq/meridian/services/notifications/internal/channel/inapp"
	"github.com/meridianhq/meridian/services/notifications/internal/domain"
)

// road is a channel that leaves the house with the outcome it is told.
type road struct{ outcome error }

func (*road) Kind() domain.Channel                     { return domain.Email }
func (*road) Unable(domain.Recipient) string           { return "" }
func (*road) Leaves() bool                             { return true }
func (r *road) Send(context.Context, app.Parcel) error { return r.outcome }

func TestWhatLeavesIsCountedByItsOutcome(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	out := &road{}
	channels := Counted([]app.Channel{inapp.New(), out}, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	require.Equal(t, domain.InApp, channels[0].Kind())
	require.Equal(t, domain.Email, channels[1].Kind())
	away := errors.New("away")
	for _, outcome := range []error{nil, nil, fmt.Errorf("no such address: %w", app.ErrRefused), away} {
		out.outcome = outcome
		require.Equal(t, outcome, channels[1].Send(t.Context(), app.Parcel{}))
	}
	var seen metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &seen))
	counts := map[string]int64{}
	sum, ok := seen.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64])
	require.True(t, ok)
	for _, point := range sum.DataPoints {
		result, _ := point.Attributes.Value("result")
		counts[result.AsString()] = point.Value
	}
	require.Equal(t, map[string]int64{"sent": 2, "refused": 1, "failed": 1}, counts)
}
