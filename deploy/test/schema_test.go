package test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/action"
	"sigs.k8s.io/yaml"

	"github.com/meridianhq/meridian/deploy/test/chart"
)

// TestHelmFindsNothingToSay lints the chart with every set of values.
func TestHelmFindsNothingToSay(t *testing.T) {
	t.Parallel()
	for _, name := range matrix() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lint := action.NewLint()
			lint.Strict, lint.Namespace = true, "team"
			result := lint.Run([]string{chartFolder}, values(t, name))
			require.Empty(t, result.Errors)
			for _, message := range result.Messages {
				require.Contains(t, message.Error(), "icon is recommended")
			}
		})
	}
}

// TestWrongValuesAreRefusedByName: the error says which value it is.
func TestWrongValuesAreRefusedByName(t *testing.T) {
	t.Parallel()
	for wrong, names := range map[string][]string{
		`databse: {existingSecret: x}`:                                          {"databse"},
		`database: {existingSecrets: x}`:                                        {"database", "existingSecrets"},
		`database: {existingSecret: ""}`:                                        {"database/existingSecret"},
		`database: {existingSecret: Not_A_Name}`:                                {"database/existingSecret"},
		`nats: {url: "http://nats:4222"}`:                                       {"nats/url"},
		`nats: {url: "nats://user:secret@nats:4222"}`:                           {"nats/url"},
		`nats: {replicas: 2}`:                                                   {"nats/replicas"},
		`nats: {replicas: "three"}`:                                             {"nats/replicas"},
		`nats: {stream: {maxAge: 23h}}`:                                         {"nats/stream/maxAge"},
		`nats: {stream: {maxAge: 87601h}}`:                                      {"nats/stream/maxAge"},
		`nats: {stream: {maxAge: 30d}}`:                                         {"nats/stream/maxAge"},
		`nats: {stream: {maxBytes: 63Mi}}`:                                      {"nats/stream/maxBytes"},
		`nats: {stream: {maxBytes: 8589934592}}`:                                {"nats/stream/maxBytes"},
		`nats: {stream: {maxMsgs: 1}}`:                                          {"nats/stream", "maxMsgs"},
		`services: {thread: {}}`:                                                {"services", "thread"},
		`services: {threads: {replica: 3}}`:                                     {"services/threads", "replica"},
		`services: {threads: {replicas: -1}}`:                                   {"services/threads/replicas"},
		`services: {gateway: {image: {digest: "sha256:12"}}}`:                   {"services/gateway/image/digest"},
		`defaults: {resources: {limits: {memory: 1.5Gi}}}`:                      {"defaults/resources/limits/memory"},
		`defaults: {resources: {limits: {memory: 512}}}`:                        {"defaults/resources/limits/memory"},
		`defaults: {logLevel: verbose}`:                                         {"defaults/logLevel"},
		`defaults: {extraEnv: [{value: x}]}`:                                    {"defaults/extraEnv/0", "name"},
		`defaults: {topologySpread: {zone: Always}}`:                            {"defaults/topologySpread/zone"},
		`drainDelay: 1s`:                                                        {"drainDelay"},
		`drainDelay: 60s`:                                                       {"drainDelay"},
		`runAsUser: 0`:                                                          {"runAsUser"},
		`image: {pullPolicy: Sometimes}`:                                        {"image/pullPolicy"},
		`ingress: {enabled: true}`:                                              {"ingress/host"},
		`ingress: {enabled: true, host: a.b, grpc: {enabled: true}}`:            {"ingress/grpc/host"},
		`gatewayAPI: {enabled: true}`:                                           {"gatewayAPI/parentRefs"},
		`networkPolicy: {postgres: {port: 0}}`:                                  {"networkPolicy/postgres/port"},
		`networkPolicy: {postgres: {to: [{pods: {}}]}}`:                         {"networkPolicy/postgres/to/0", "pods"},
		`telemetry: {ratio: 2}`:                                                 {"telemetry/ratio"},
		`calendars: {networks: [10.0.0.0]}`:                                     {"calendars/networks/0"},
		`urls: {api: "https://example.com/"}`:                                   {"urls/api"},
		`tls: {duration: 90d}`:                                                  {"tls/duration"},
		`tls: {enabled: true, duration: 24h, renewBefore: 1440m}`:               {"tls.renewBefore", "tls.duration"},
		`tls: {enabled: true, renewBefore: 2161h}`:                              {"tls.renewBefore", "tls.duration"},
		`nats: {url: "tls://nats:4223"}`:                                        {"networkPolicy.nats.port", "nats.url"},
		`networkPolicy: {nats: {port: 4223}}`:                                   {"networkPolicy.nats.port", "nats.url"},
		`nats: {url: "nats://[::1]:4223,nats://b:4224/"}`:                       {"networkPolicy.nats.port", "nats.url"},
		`tls: {clearText: some}`:                                                {"tls/clearText"},
		`identity: {existingSecret: null}`:                                      {"identity", "existingSecret"},
		`nats: null`:                                                            {"nats"},
		`nats: {url: "nats://a,http://b"}`:                                      {"nats/url"},
		`nats: {integrators: {publicURL: events.example.com}}`:                  {"nats/integrators/publicURL"},
		`nameOverride: a.b`:                                                     {"nameOverride"},
		`fullnameOverride: A_b`:                                                 {"fullnameOverride"},
		`image: {registry: "https://registry.example.com"}`:                     {"image/registry"},
		`image: {tag: "a b"}`:                                                   {"image/tag"},
		`mail: {from: Meridian}`:                                                {"mail/from"},
		`runAsUser: 4294967296`:                                                 {"runAsUser"},
		`defaults: {disruptionBudget: {maxUnavailable: 0%}}`:                    {"defaults/disruptionBudget/maxUnavailable"},
		`defaults: {disruptionBudget: {maxUnavailable: 101%}}`:                  {"defaults/disruptionBudget/maxUnavailable"},
		`ingress: {enabled: true, host: "https://a.b"}`:                         {"ingress/host"},
		`ingress: {enabled: true, host: a.b, grpc: {enabled: true, host: a.b}}`: {"ingress.grpc.host"},
		`gatewayAPI: {requestTimeout: 1.5s}`:                                    {"gatewayAPI/requestTimeout"},
		`gatewayAPI: {hostnames: [A_b]}`:                                        {"gatewayAPI/hostnames/0"},
		`gatewayAPI: {enabled: true, parentRefs: [{name: x}], hostnames: [a.b], grpcHostnames: [a.b]}`:  {"gatewayAPI.grpcHostnames"},
		`gateway: {service: {httpPort: 80, grpcPort: 80}}`:                                              {"gateway.service", "grpcPort"},
		`gateway: {corsOrigins: [app.example.com]}`:                                                     {"gateway/corsOrigins/0"},
		`gateway: {tls: {plain: true, existingSecret: x}}`:                                              {"gateway.tls", "existingSecret"},
		`gatewayAPI: {enabled: true, parentRefs: [{name: x}], hostnames: [a.b], backendCAConfigMap: x}`: {"gatewayAPI.backendCAConfigMap", "tls.enabled"},
		`urls: {eventHost: "https://example.com"}`:                                                      {"urls/eventHost"},
		`urls: {api: "https://exa mple.com"}`:                                                           {"urls/api"},
		`telemetry: {endpoint: "http://collector:x"}`:                                                   {"telemetry/endpoint"},
		`defaults: {autoscaling: {enabled: true}, resources: {requests: {cpu: null}}}`:                  {"autoscaling", "resources.requests.cpu"},
		`services: {threads: {extraEnv: [{name: MERIDIAN_GRPC_ADDR}]}}`:                                 {"services.threads.extraEnv", "MERIDIAN_GRPC_ADDR"},
		`services: {tasks: {extraEnv: [{name: A}, {name: A}]}}`:                                         {"services.tasks.extraEnv", "A is set"},
		`services: {tasks: {autoscaling: {enabled: true, minReplicas: 9}}}`:                             {"services.tasks.autoscaling"},
		`backup: {enabled: true, existingClaim: x}`:                                                     {"database/admin/existingSecret"},
		`backup: {enabled: true}`:                                                                       {"backup/existingClaim"},
		`backup: {keep: 0}`:                                                                             {"backup/keep"},
		`backup: {alarmAfter: 2d}`:                                                                      {"backup/alarmAfter"},
		`backup: {schedule: daily}`:                                                                     {"backup/schedule"},
	} {
		t.Run(wrong, func(t *testing.T) {
			t.Parallel()
			values := map[string]any{}
			require.NoError(t, yaml.Unmarshal([]byte(wrong), &values))
			_, err := chart.Render(release("team"), values)
			require.Error(t, err)
			for _, name := range names {
				require.ErrorContains(t, err, name)
			}
		})
	}
}

// TestValuesThatAgreeAreTaken: they differ from those that are refused by little.
func TestValuesThatAgreeAreTaken(t *testing.T) {
	t.Parallel()
	for _, right := range []string{
		`tls: {enabled: true, duration: 24h, renewBefore: 1439m}`,
		`tls: {enabled: false, duration: 1h}`,
		`{nats: {url: "tls://nats:4223"}, networkPolicy: {nats: {port: 4223}}}`,
		`{nats: {url: "tls://nats:4223"}, networkPolicy: {enabled: false}}`,
		`nats: {url: "nats://a:4223,nats://b:4222"}`,
		`{nats: {url: "nats://nats"}, networkPolicy: {nats: {port: 4223}}}`,
	} {
		t.Run(right, func(t *testing.T) {
			t.Parallel()
			values := map[string]any{}
			require.NoError(t, yaml.Unmarshal([]byte(right), &values))
			_, err := chart.Render(release("team"), values)
			require.NoError(t, err)
		})
	}
}
