{{/*
The services: whom each calls, whether it has a schema, and which settings of the chart it is told beside those of all.
A new service is one block here.
*/}}
{{- define "meridian.services" -}}
directory:
  calls: []
  database: true
availability:
  calls: [directory]
  database: true
threads:
  calls: [directory, availability]
  database: true
tasks:
  calls: [directory, availability]
  database: true
notifications:
  calls: [directory, availability, threads, tasks]
  database: true
gateway:
  calls: [directory, availability, threads, tasks, notifications]
  database: false
{{- end -}}

{{/* A service's workload: the defaults with its own over them. Takes root and name. */}}
{{- define "meridian.workload" -}}
{{- $own := get .root.Values.services .name | default (dict) -}}
{{- mergeOverwrite (deepCopy .root.Values.defaults) (deepCopy $own) | toYaml -}}
{{- end -}}

{{/* The reference of a service's image. Takes root, name and workload. */}}
{{- define "meridian.image" -}}
{{- $image := .root.Values.image -}}
{{- $repository := .workload.image.repository | default (printf "%s/%sd" $image.repository .name) -}}
{{- $whole := ternary (printf "%s/%s" $image.registry $repository) $repository (ne $image.registry "") -}}
{{- if .workload.image.digest -}}
{{- printf "%s@%s" $whole .workload.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $whole ($image.tag | default .root.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* A quantity of bytes as their number. */}}
{{- define "meridian.bytes" -}}
{{- $units := dict "" 1 "k" 1000 "M" 1000000 "G" 1000000000 "Ki" 1024 "Mi" 1048576 "Gi" 1073741824 -}}
{{- $number := regexFind "^[0-9]+" (toString .) -}}
{{- $unit := trimPrefix $number (toString .) -}}
{{- mul (int64 $number) (int64 (get $units $unit)) -}}
{{- end -}}

{{/* Nine tenths of a memory limit, in bytes: what Go's heap is held to. */}}
{{- define "meridian.memory" -}}
{{- div (mul (include "meridian.bytes" . | int64) 9) 10 -}}
{{- end -}}

{{/* What no pod may do without, by the Pod Security Standard "restricted". */}}
{{- define "meridian.podSecurity" -}}
runAsNonRoot: true
{{- if not (kindIs "invalid" .Values.runAsUser) }}
runAsUser: {{ int .Values.runAsUser }}
runAsGroup: {{ int .Values.runAsUser }}
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "meridian.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}

{{/* Where images are pulled from. */}}
{{- define "meridian.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}
