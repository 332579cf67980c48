{{/* The name of a part of this release. Arguments: context, part. */}}
{{- define "library.partName" -}}
{{- printf "%s-%s" .context.Release.Name .part -}}
{{- end -}}

{{/* The name of the chart's own part: a subchart is named as its alias is. */}}
{{- define "library.name" -}}
{{- include "library.partName" (dict "context" . "part" .Chart.Name) -}}
{{- end -}}

{{/* How a part's pods are selected. Arguments: context, part. */}}
{{- define "library.partSelector" -}}
app.kubernetes.io/name: {{ .part }}
app.kubernetes.io/instance: {{ .context.Release.Name }}
{{- end -}}

{{/* The recommended labels of a part. Arguments: context, part. */}}
{{- define "library.partLabels" -}}
{{ include "library.partSelector" . }}
app.kubernetes.io/component: {{ .part }}
app.kubernetes.io/part-of: order-payments
app.kubernetes.io/version: {{ .context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .context.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .context.Chart.Name .context.Chart.Version | replace "+" "_" }}
{{- with .context.Values.global.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "library.selector" -}}
{{- include "library.partSelector" (dict "context" . "part" .Chart.Name) -}}
{{- end -}}

{{- define "library.labels" -}}
{{- include "library.partLabels" (dict "context" . "part" .Chart.Name) -}}
{{- end -}}

{{/* The full name of an image. Arguments: context, image: {registry, repository, tag}. */}}
{{- define "library.image" -}}
{{- $default := .context.Values.global.image -}}
{{- $registry := .image.registry | default $default.registry -}}
{{- $tag := .image.tag | default $default.tag | default .context.Chart.AppVersion -}}
{{- if $registry }}{{ $registry }}/{{ end }}{{ .image.repository }}:{{ $tag -}}
{{- end -}}
