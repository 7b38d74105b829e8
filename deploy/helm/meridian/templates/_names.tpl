{{/* The release's name in objects' names; a Service's takes no dots. */}}
{{- define "meridian.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- if contains $name $release -}}
{{- $release | trunc 40 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" $release $name | trunc 40 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* What pods of the release are selected by: immutable in a Deployment. */}}
{{- define "meridian.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* Labels of every object. */}}
{{- define "meridian.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: meridian
{{ include "meridian.selector" . }}
{{- end -}}

{{/*
The metadata of an object: root, name; component, labels, annotations where there are some. More specific labels and
annotations go before the common ones.
*/}}
{{- define "meridian.metadata" -}}
{{- $labels := include "meridian.labels" .root | fromYaml -}}
{{- if .component -}}
{{- $_ := set $labels "app.kubernetes.io/component" .component -}}
{{- end -}}
{{- $annotations := mergeOverwrite (dict) .root.Values.commonAnnotations (default (dict) .annotations) -}}
name: {{ .name }}
namespace: {{ .root.Release.Namespace }}
labels:
  {{- merge $labels (default (dict) .labels) .root.Values.commonLabels | toYaml | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Whose certificate the gateway serves clients with: issuer (that of tls.issuer), secret (an own one) or none. */}}
{{- define "meridian.clientsTLS" -}}
{{- $own := .Values.gateway.tls -}}
{{- if and $own.plain $own.existingSecret -}}
{{- fail "gateway.tls: plain and existingSecret exclude each other" -}}
{{- end -}}
{{- if $own.existingSecret -}}secret
{{- else if and .Values.tls.enabled (not $own.plain) -}}issuer
{{- else -}}none
{{- end -}}
{{- end -}}

{{/* Where clients reach the gateway over HTTP. */}}
{{- define "meridian.apiURL" -}}
{{- if .Values.urls.api -}}
{{- .Values.urls.api -}}
{{- else if and .Values.ingress.enabled .Values.ingress.host -}}
{{- printf "https://%s" .Values.ingress.host -}}
{{- else if and .Values.gatewayAPI.enabled .Values.gatewayAPI.hostnames -}}
{{- printf "https://%s" (first .Values.gatewayAPI.hostnames) -}}
{{- else -}}
{{- printf "%s://%s.%s.svc:%d" (ternary "http" "https" (eq (include "meridian.clientsTLS" .) "none")) (include "meridian.fullname" .) .Release.Namespace (int .Values.gateway.service.httpPort) -}}
{{- end -}}
{{- end -}}
