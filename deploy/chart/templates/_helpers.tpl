{{/* Everything in the release's namespace is called as the release. */}}
{{- define "daemun.name" -}}
{{ .Release.Name | trunc 58 | trimSuffix "-" }}
{{- end }}

{{/* The name of what has no namespace. */}}
{{- define "daemun.clusterName" -}}
{{ printf "%s-%s" .Release.Name .Release.Namespace | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* The Secret with the certificates of xDS. */}}
{{- define "daemun.secret" -}}
{{ include "daemun.name" . }}-xds
{{- end }}

{{- define "daemun.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "daemun.selector" -}}
app.kubernetes.io/name: daemun
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "daemun.labels" -}}
{{ include "daemun.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}
