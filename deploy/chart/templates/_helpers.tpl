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

{{/* Values of Gloo's chart, put where this one has them. Every template begins with it. */}}
{{- define "daemun.gloo" -}}
{{- $deployment := .Values.gloo.deployment | default dict }}
{{- range list "replicas" "resources" "nodeSelector" "tolerations" "affinity" }}
{{- if get $deployment . }}
{{- $_ := set $.Values . (get $deployment .) }}
{{- end }}
{{- end }}
{{- with $deployment.xdsPort }}
{{- $_ := set $.Values.xds "port" . }}
{{- end }}
{{- with .Values.gloo.logLevel }}
{{- $_ := set $.Values "logLevel" (get (dict "debug" "debug" "info" "info" "warn" "warning") . | default "error") }}
{{- end }}
{{- with dig "gatewayParameters" "glooGateway" "service" "type" "" .Values.kubeGateway }}
{{- $_ := set $.Values.proxies "serviceType" . }}
{{- end }}
{{- $limits := .Values.global.extensions.rateLimit }}
{{- with $limits.deployment.replicas }}
{{- $_ := set $limits "replicas" . }}
{{- end }}
{{- with $limits.deployment.redisUrl }}
{{- $_ := set $limits.redis "url" . }}
{{- end }}
{{- if not .Values.watchNamespaces }}
{{- if .Values.settings.singleNamespace }}
{{- $_ := set .Values "watchNamespaces" (list .Release.Namespace) }}
{{- else if .Values.settings.watchNamespaces }}
{{- $_ := set .Values "watchNamespaces" (append .Values.settings.watchNamespaces .Release.Namespace | uniq) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The spec of Gloo's Settings, as YAML; empty where the values say nothing of it. */}}
{{- define "daemun.settings" -}}
{{- $said := .Values.settings }}
{{- $gloo := pick $said "circuitBreakers" "disableKubernetesDestinations" "regexMaxProgramSize" }}
{{- $policy := merge (dict) ($said.invalidConfigPolicy | default dict) (pick $said "replaceInvalidRoutes") }}
{{- with $policy }}
{{- $_ := set $gloo "invalidConfigPolicy" . }}
{{- end }}
{{- with dig "istioIntegration" dict .Values.global }}
{{- if .enabled }}
{{- $_ := set $gloo "istioOptions" (dict "enableIntegration" true "enableAutoMtls" (.enableAutoMtls | default false)) }}
{{- end }}
{{- end }}
{{- $gateway := pick .Values.gateway "isolateVirtualHostsBySslConfig" "readGatewaysFromAllNamespaces" }}
{{- $spec := pick $said "secretOptions" "linkerd" "ratelimitServer" "extensions" "watchNamespaceSelectors" "devMode" }}
{{- $renamed := dict "gloo" $gloo "gateway" $gateway "ratelimit" $said.rateLimit "discoveryNamespace" $said.writeNamespace }}
{{- $_ := set $renamed "consul" (dig "integrations" "consul" dict $said) }}
{{- $_ := set $renamed "consulDiscovery" (dig "integrations" "consulUpstreamDiscovery" dict $said) }}
{{- $_ := set $renamed "watchNamespaces" $said.watchNamespaces }}
{{- $_ := set $renamed "discovery" (pick .Values.discovery "udsOptions") }}
{{- range $name, $value := $renamed }}
{{- with $value }}
{{- $_ := set $spec $name . }}
{{- end }}
{{- end }}
{{- if and $spec (ne (toString $said.create) "false") }}
{{- toYaml $spec }}
{{- end }}
{{- end }}

{{/* The spec of GatewayParameters for the class `gloo-gateway`, as YAML; empty where the values say nothing of it. */}}
{{- define "daemun.parameters" -}}
{{- $said := dig "gatewayParameters" "glooGateway" dict .Values.kubeGateway }}
{{- $kube := pick $said "envoyContainer" "podTemplate" "service" "serviceAccount" "stats" "floatingUserId" }}
{{- with $said.proxyDeployment }}
{{- $_ := set $kube "deployment" . }}
{{- end }}
{{- if $kube }}
{{- toYaml (dict "kube" $kube) }}
{{- end }}
{{- end }}

{{/* Where istiod is, if proxies are to be part of its mesh. */}}
{{- define "daemun.istiod" -}}
{{- if dig "istioIntegration" "enabled" false .Values.global }}
{{- dig "gatewayParameters" "glooGateway" "istio" "istioProxyContainer" "istioDiscoveryAddress" "istiod.istio-system.svc:15012" .Values.kubeGateway }}
{{- end }}
{{- end }}

{{/* Whether Settings would be where they count: in namespace gloo-system. */}}
{{- define "daemun.settingsCount" -}}
{{- if or (eq .Release.Namespace "gloo-system") (lookup "v1" "Namespace" "" "gloo-system") }}true{{ end }}
{{- end }}

{{/* The values of Gloo's chart that have no meaning here, a line each. Of a dict `at`, `value` and `served`. */}}
{{- define "daemun.idle" -}}
{{- $it := . }}
{{- range $name, $value := .value }}
{{- $at := printf "%s.%s" $it.at $name }}
{{- $within := false }}
{{- range $it.served }}
{{- $within = or $within (hasPrefix (printf "%s." $at) .) }}
{{- end }}
{{- if and $within (kindIs "map" $value) }}
{{- include "daemun.idle" (dict "at" $at "value" $value "served" $it.served) }}
{{- else if and $value (not (has $at $it.served)) }}
  {{ $at }}
{{- end }}
{{- end }}
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

{{/* The same of a server beside the control plane, whose pods are not its own: of a dict `root` and `command`. */}}
{{- define "daemun.serverSelector" -}}
app.kubernetes.io/name: daemun-{{ .command }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "daemun.serverLabels" -}}
{{ include "daemun.serverSelector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
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
