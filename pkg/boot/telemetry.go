package boot

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	promexport "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Telemetry sets OpenTelemetry up for the process and returns what flushes and ends it. Nothing leaves the process
// unless an OTEL_ variable names an exporter or an endpoint: then traces and metrics go there, sampled as
// OTEL_TRACES_SAMPLER says. Without, every call still has a trace id for its errors and log lines, and metrics stand
// on the admin port. It sets OpenTelemetry's globals, so call it once a process.
func Telemetry(ctx context.Context, service string, log *slog.Logger) (shutdown func(context.Context) error, err error) {
	res, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", service)),
		resource.WithTelemetrySDK(), resource.WithHost(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("telemetry: describe the process: %w", err)
	}
	traces, err := traceProvider(ctx, res)
	if err != nil {
		return nil, err
	}
	metrics, err := meterProvider(ctx, res)
	if err != nil {
		return nil, errors.Join(err, traces.Shutdown(ctx))
	}
	otel.SetTracerProvider(traces)
	otel.SetMeterProvider(metrics)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.WarnContext(ctx, "telemetry failed", slog.Any("error", err))
	}))
	return func(ctx context.Context) error {
		return errors.Join(traces.Shutdown(ctx), metrics.Shutdown(ctx))
	}, nil
}

func traceProvider(ctx context.Context, res *resource.Resource) (*sdktrace.TracerProvider, error) {
	if !exports("TRACES") {
		return sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithSampler(sdktrace.NeverSample())), nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("telemetry: the exporter of traces: %w", err)
	}
	return sdktrace.NewTracerProvider(sdktrace.WithResource(res), sdktrace.WithBatcher(exporter)), nil
}

func meterProvider(ctx context.Context, res *resource.Resource) (*sdkmetric.MeterProvider, error) {
	scraped, err := promexport.New(promexport.WithRegisterer(prometheus.DefaultRegisterer))
	if err != nil {
		return nil, fmt.Errorf("telemetry: metrics for the admin port: %w", err)
	}
	options := []sdkmetric.Option{sdkmetric.WithResource(res), sdkmetric.WithReader(scraped)}
	if exports("METRICS") {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return nil, fmt.Errorf("telemetry: the exporter of metrics: %w", err)
		}
		options = append(options, sdkmetric.WithReader(reader))
	}
	return sdkmetric.NewMeterProvider(options...), nil
}

// exports says whether the environment asks for a signal to be sent anywhere.
func exports(signal string) bool {
	if exporter := os.Getenv("OTEL_" + signal + "_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}
