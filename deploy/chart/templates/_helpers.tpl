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

{{/* The same of the server of authorization, whose pods are not those of the control plane. */}}
{{- define "daemun.authSelector" -}}
app.kubernetes.io/name: daemun-extauth
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "daemun.authLabels" -}}
{{ include "daemun.authSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* Of Gloo's CRDs, as the cluster has them, those without a subresource for the status: group and names, as JSON. */}}
{{- define "daemun.statusInObject" -}}
{{- $found := list }}
{{- range (lookup "apiextensions.k8s.io/v1" "CustomResourceDefinition" "" "").items }}
{{- if has .spec.group (list "enterprise.gloo.solo.io" "gateway.gloo.solo.io" "gateway.solo.io" "gloo.solo.io" "ratelimit.solo.io") }}
{{- $subresources := (first .spec.versions).subresources | default dict }}
{{- if not (hasKey $subresources "status") }}
{{- $found = append $found (dict "group" .spec.group "names" .spec.names) }}
{{- end }}
{{- end }}
{{- end }}
{{- $found | toJson }}
{{- end }}

{{/* Two releases that serve the same namespace would undo each other's work for ever: the second is refused. */}}
{{- define "daemun.alone" -}}
{{- $ours := .Values.watchNamespaces }}
{{- range (lookup "apps/v1" "Deployment" "" "").items }}
{{- $labels := .metadata.labels | default dict }}
{{- $control := and (eq (get $labels "app.kubernetes.io/name") "daemun") (eq (get $labels "app.kubernetes.io/managed-by") "Helm") }}
{{- $self := and (eq .metadata.namespace $.Release.Namespace) (eq .metadata.name (include "daemun.name" $)) }}
{{- if and $control (not $self) }}
{{- $theirs := list }}
{{- range (first .spec.template.spec.containers).args }}
{{- if hasPrefix "--watch-namespace=" . }}
{{- $theirs = append $theirs (trimPrefix "--watch-namespace=" .) }}
{{- end }}
{{- end }}
{{- $both := list }}
{{- range $theirs }}
{{- if or (not $ours) (has . $ours) }}
{{- $both = append $both . }}
{{- end }}
{{- end }}
{{- if not $theirs }}
{{- $both = $ours | default (list "all namespaces") }}
{{- end }}
{{- if $both }}
{{- printf "release %s in namespace %s serves %s already; give each release its own watchNamespaces, or uninstall one" (get $labels "app.kubernetes.io/instance") .metadata.namespace (join ", " $both) | fail }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
