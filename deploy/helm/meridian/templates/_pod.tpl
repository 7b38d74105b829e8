{{/* The pod of a service. Takes root, name, fixed and workload. */}}
{{- define "meridian.podSpec" -}}
{{- $values := .root.Values -}}
{{- $fullname := printf "%s-%s" (include "meridian.fullname" .root) .name -}}
serviceAccountName: {{ .workload.serviceAccount.name | default (ternary $fullname "default" .workload.serviceAccount.create) }}
automountServiceAccountToken: false
# A variable MERIDIAN_* that is no setting stops the start, and links to services would be such.
enableServiceLinks: false
{{- include "meridian.pullSecrets" .root }}
{{- with .workload.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
# A stop takes 40 s at most, the drain within, and the last telemetry 5 s more.
terminationGracePeriodSeconds: 50
securityContext:
  {{- include "meridian.podSecurity" .root | nindent 2 }}
{{- with .workload.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .workload.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .workload.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- include "meridian.topologySpread" . }}
containers:
  - name: {{ .name }}
    {{- include "meridian.container" . | nindent 4 }}
volumes:
  {{- include "meridian.secretsVolume" . | nindent 2 }}
  {{- if $values.tls.enabled }}
  - name: tls
    secret:
      secretName: {{ $fullname }}-tls
      defaultMode: 0444
  {{- end }}
  {{- if and (eq .name "gateway") $values.gateway.tls.existingSecret }}
  - name: clients-tls
    secret:
      secretName: {{ $values.gateway.tls.existingSecret }}
      defaultMode: 0444
  {{- end }}
  {{- include "meridian.caVolume" .root | nindent 2 }}
  {{- with .workload.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "meridian.topologySpread" -}}
{{- $keys := dict "zone" "topology.kubernetes.io/zone" "host" "kubernetes.io/hostname" -}}
{{- $spread := .workload.topologySpread -}}
{{- if or $spread.zone $spread.host }}
topologySpreadConstraints:
  {{- range $kind := list "zone" "host" }}
  {{- with get $spread $kind }}
  - maxSkew: 1
    topologyKey: {{ get $keys $kind }}
    whenUnsatisfiable: {{ . }}
    matchLabelKeys: [pod-template-hash]
    labelSelector:
      matchLabels:
        {{- include "meridian.selector" $.root | nindent 8 }}
        app.kubernetes.io/component: {{ $.name }}
  {{- end }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "meridian.container" -}}
image: {{ include "meridian.image" . }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- include "meridian.containerSecurity" .root | nindent 2 }}
env:
  {{- $settings := include "meridian.settings" . | fromYaml }}
  {{- include "meridian.env" (dict "settings" $settings "extra" .workload.extraEnv "where" (printf "services.%s" .name)) | nindent 2 }}
ports:
  {{- if eq .name "gateway" }}
  - {name: http, containerPort: 8080, protocol: TCP}
  {{- end }}
  - {name: grpc, containerPort: 9090, protocol: TCP}
  - {name: admin, containerPort: 9091, protocol: TCP}
# The admin port opens when database and broker were reached, which are waited for half a minute each.
startupProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 1
  failureThreshold: 120
livenessProbe:
  httpGet: {path: /livez, port: admin}
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
# It asks for two seconds at most.
readinessProbe:
  httpGet: {path: /readyz, port: admin}
  periodSeconds: 5
  timeoutSeconds: 3
  failureThreshold: 2
resources:
  {{- toYaml .workload.resources | nindent 2 }}
volumeMounts:
  - {name: secrets, mountPath: /etc/meridian/secrets, readOnly: true}
  {{- if .root.Values.tls.enabled }}
  - {name: tls, mountPath: /etc/meridian/tls, readOnly: true}
  {{- end }}
  {{- if and (eq .name "gateway") .root.Values.gateway.tls.existingSecret }}
  - {name: clients-tls, mountPath: /etc/meridian/clients-tls, readOnly: true}
  {{- end }}
  {{- if .root.Values.trustedCAs.configMap }}
  - {name: ca, mountPath: /etc/meridian/ca, readOnly: true}
  {{- end }}
  {{- with .workload.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
