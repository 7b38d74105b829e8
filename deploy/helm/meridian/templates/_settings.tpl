{{/*
The settings of a service's process as variables, a map. Secrets stand as the files that hold them. Takes root, name,
fixed (its block of meridian.services) and workload.
*/}}
{{- define "meridian.settings" -}}
{{- $values := .root.Values -}}
{{- $secrets := "@/etc/meridian/secrets" -}}
MERIDIAN_GRPC_ADDR: ":9090"
MERIDIAN_ADMIN_ADDR: ":9091"
MERIDIAN_PREPARED: "true"
MERIDIAN_DRAIN_DELAY: {{ $values.drainDelay }}
MERIDIAN_LOG_LEVEL: {{ .workload.logLevel }}
{{ include "meridian.settings.nats" . }}
MERIDIAN_IDENTITY_KEY: "{{ $secrets }}/identity/key"
MERIDIAN_SERVICE_KEYS: "{{ $secrets }}/identity/service-keys"
{{- if .fixed.database }}
MERIDIAN_DATABASE_URL: "{{ $secrets }}/database/url"
MERIDIAN_DATABASE_OWNER_URL: "{{ $secrets }}/database/owner-url"
{{- with int .workload.databaseConnections }}
MERIDIAN_DATABASE_CONNS: "{{ . }}"
{{- end }}
{{- end }}
{{- range .fixed.calls }}
MERIDIAN_{{ upper . }}_ADDR: dns:///{{ include "meridian.fullname" $.root }}-{{ . }}.{{ $.root.Release.Namespace }}.svc:9090
{{- end }}
{{- with $values.urls.eventHost }}
MERIDIAN_EVENT_HOST: {{ . | quote }}
{{- end }}
{{- with int .workload.overload.maxInWork }}
MERIDIAN_MAX_IN_WORK: "{{ . }}"
{{- end }}
{{- with int .workload.overload.maxQueued }}
MERIDIAN_MAX_QUEUED: "{{ . }}"
{{- end }}
{{- if ne .workload.overload.maxWait "0s" }}
MERIDIAN_MAX_WAIT: {{ .workload.overload.maxWait }}
{{- end }}
{{- if eq .name "gateway" }}
{{- include "meridian.settings.gatewayTLS" . }}
{{- else if $values.tls.enabled }}
MERIDIAN_TLS_CERT: /etc/meridian/tls/tls.crt
MERIDIAN_TLS_KEY: /etc/meridian/tls/tls.key
MERIDIAN_TLS_CLIENT_CA: /etc/meridian/tls/ca.crt
{{- if ne $values.tls.clearText "none" }}
MERIDIAN_TLS_CLEAR_TEXT: "true"
{{- end }}
{{- if ne $values.tls.clearText "spoken" }}
MERIDIAN_TLS_SERVER_CA: /etc/meridian/tls/ca.crt
{{- end }}
{{- end }}
{{- with .workload.resources }}
{{- with .limits }}
{{- with .memory }}
GOMEMLIMIT: {{ include "meridian.memory" . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with $values.telemetry }}
{{- if .endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ .endpoint | quote }}
OTEL_EXPORTER_OTLP_PROTOCOL: {{ .protocol }}
OTEL_TRACES_SAMPLER: {{ .sampler }}
OTEL_TRACES_SAMPLER_ARG: {{ .ratio | quote }}
{{- $resource := list }}
{{- range $key, $value := .resource }}
{{- $resource = append $resource (printf "%s=%s" $key $value) }}
{{- end }}
{{- with $resource }}
OTEL_RESOURCE_ATTRIBUTES: {{ join "," . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- with $values.trustedCAs.configMap }}
SSL_CERT_DIR: /etc/ssl/certs:/etc/meridian/ca
{{- end }}
{{ include (printf "meridian.settings.%s" .name) .root }}
{{- end -}}

{{/* The gateway's certificates: what clients see, of whom it asks none, and what the services see. */}}
{{- define "meridian.settings.gatewayTLS" -}}
{{- $clients := include "meridian.clientsTLS" .root -}}
{{- if ne $clients "none" }}
{{- $folder := ternary "tls" "clients-tls" (eq $clients "issuer") }}
MERIDIAN_TLS_CERT: /etc/meridian/{{ $folder }}/tls.crt
MERIDIAN_TLS_KEY: /etc/meridian/{{ $folder }}/tls.key
{{- end }}
{{- if and .root.Values.tls.enabled (ne .root.Values.tls.clearText "spoken") }}
MERIDIAN_TLS_SERVER_CA: /etc/meridian/tls/ca.crt
{{- if ne $clients "issuer" }}
MERIDIAN_TLS_CALL_CERT: /etc/meridian/tls/tls.crt
MERIDIAN_TLS_CALL_KEY: /etc/meridian/tls/tls.key
{{- end }}
{{- end }}
{{- end -}}

{{/* How the broker is reached. */}}
{{- define "meridian.settings.nats" -}}
MERIDIAN_NATS_URL: {{ .root.Values.nats.url | quote }}
MERIDIAN_NATS_USER: "@/etc/meridian/secrets/nats/user"
MERIDIAN_NATS_PASSWORD: "@/etc/meridian/secrets/nats/password"
{{- end -}}

{{/* The settings of one service alone. */}}
{{- define "meridian.settings.directory" -}}
{{- with .Values.nats.integrators }}
{{- if .enabled }}
{{- $edge := "@/etc/meridian/secrets/nats-edge" }}
MERIDIAN_NATS_CALLOUT_USER: "{{ $edge }}/callout-user"
MERIDIAN_NATS_CALLOUT_PASSWORD: "{{ $edge }}/callout-password"
MERIDIAN_NATS_SYSTEM_USER: "{{ $edge }}/system-user"
MERIDIAN_NATS_SYSTEM_PASSWORD: "{{ $edge }}/system-password"
MERIDIAN_NATS_ISSUER_SEED: "{{ $edge }}/issuer-seed"
MERIDIAN_NATS_XKEY_SEED: "{{ $edge }}/xkey-seed"
{{- with .publicURL }}
MERIDIAN_NATS_PUBLIC_URL: {{ . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "meridian.settings.availability" -}}
MERIDIAN_API_URL: {{ include "meridian.apiURL" . | quote }}
{{- with .Values.calendars.networks }}
MERIDIAN_CALENDAR_NETWORKS: {{ join "," . | quote }}
{{- end }}
{{- end -}}

{{- define "meridian.settings.threads" }}{{ end -}}
{{- define "meridian.settings.tasks" }}{{ end -}}

{{- define "meridian.settings.notifications" -}}
{{- if .Values.mail.existingSecret }}
MERIDIAN_MAIL_URL: "@/etc/meridian/secrets/mail/url"
MERIDIAN_MAIL_FROM: {{ .Values.mail.from | quote }}
{{- end }}
{{- with .Values.urls.client }}
MERIDIAN_PUBLIC_URL: {{ . | quote }}
{{- end }}
{{- end -}}

{{- define "meridian.settings.gateway" -}}
MERIDIAN_HTTP_ADDR: ":8080"
{{- with .Values.gateway }}
{{- if .resumeKeySecret }}
MERIDIAN_RESUME_KEY: "@/etc/meridian/secrets/gateway/resume-key"
{{- end }}
{{- if .reflection }}
MERIDIAN_REFLECTION: "true"
{{- end }}
{{- with .corsOrigins }}
MERIDIAN_CORS_ORIGINS: {{ join "," . | quote }}
{{- end }}
{{- with .trustedProxies }}
MERIDIAN_TRUSTED_PROXIES: {{ join "," . | quote }}
{{- end }}
{{- with .limits }}
MERIDIAN_PRINCIPAL_RATE: "{{ .principalRate }}"
MERIDIAN_PRINCIPAL_BURST: "{{ int64 .principalBurst }}"
MERIDIAN_WORKSPACE_RATE: "{{ .workspaceRate }}"
MERIDIAN_WORKSPACE_BURST: "{{ int64 .workspaceBurst }}"
MERIDIAN_ADDRESS_RATE: "{{ .addressRate }}"
MERIDIAN_ADDRESS_BURST: "{{ int64 .addressBurst }}"
{{- end }}
{{- end }}
{{- end -}}

{{/* A map of variables as a container's list, sorted. extra follows and may name none of them; where says whose it is. */}}
{{- define "meridian.env" -}}
{{- range $name, $value := .settings }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- $seen := .settings }}
{{- range .extra }}
{{- if hasKey $seen .name }}
{{- fail (printf "%s.extraEnv: %s is set by the chart or twice" $.where .name) }}
{{- end }}
{{- $seen = set (deepCopy $seen) .name "" }}
- {{ toYaml . | nindent 2 | trim }}
{{- end }}
{{- end -}}
