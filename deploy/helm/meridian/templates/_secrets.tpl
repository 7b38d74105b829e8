{{/* The volume with all secrets of a service's pod: of every Secret the keys that it needs. Takes root, name and fixed. */}}
{{- define "meridian.secretsVolume" -}}
{{- $values := .root.Values -}}
- name: secrets
  projected:
    defaultMode: 0444
    sources:
      {{- if .fixed.database }}
      {{- include "meridian.databaseSecret" . | nindent 6 }}
      {{- end }}
      {{- include "meridian.natsSecret" .root | nindent 6 }}
      - secret:
          name: {{ $values.identity.existingSecret }}
          items:
            - {key: {{ .name }}, path: identity/key}
            - {key: service-keys, path: identity/service-keys}
      {{- if and (eq .name "directory") $values.nats.integrators.enabled }}
      - secret:
          name: {{ $values.nats.integrators.existingSecret }}
          items:
            {{- range list "callout-user" "callout-password" "system-user" "system-password" "issuer-seed" "xkey-seed" }}
            - {key: {{ . }}, path: nats-edge/{{ . }}}
            {{- end }}
      {{- end }}
      {{- if and (eq .name "notifications") $values.mail.existingSecret }}
      - secret:
          name: {{ $values.mail.existingSecret }}
          items:
            - {key: url, path: mail/url}
      {{- end }}
      {{- if and (eq .name "gateway") $values.gateway.resumeKeySecret }}
      - secret:
          name: {{ $values.gateway.resumeKeySecret }}
          items:
            - {key: resume-key, path: gateway/resume-key}
      {{- end }}
{{- end -}}

{{/* A service's two URLs of Postgres. */}}
{{- define "meridian.databaseSecret" -}}
- secret:
    name: {{ .root.Values.database.existingSecret }}
    items:
      - {key: {{ .name }}-url, path: database/url}
      - {key: {{ .name }}-owner-url, path: database/owner-url}
{{- end -}}

{{/* The URL of the role that makes the others, where there is one. */}}
{{- define "meridian.adminSecret" -}}
{{- with .Values.database.admin }}
{{- if .existingSecret }}
- secret:
    name: {{ .existingSecret }}
    items:
      - {key: {{ .key }}, path: database/admin-url}
{{- end }}
{{- end }}
{{- end -}}

{{- define "meridian.natsSecret" -}}
- secret:
    name: {{ .Values.nats.existingSecret }}
    items:
      - {key: user, path: nats/user}
      - {key: password, path: nats/password}
{{- end -}}

{{/* The CA certificates that are trusted beside the system's. */}}
{{- define "meridian.caVolume" -}}
{{- with .Values.trustedCAs.configMap }}
- name: ca
  configMap:
    name: {{ . }}
    defaultMode: 0444
{{- end }}
{{- end -}}
