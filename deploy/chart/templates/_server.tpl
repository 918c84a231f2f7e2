{{/*
A server beside the control plane, in as many replicas as it takes: of a dict `root`, the `command` that it is and that its
name ends with, its `values`, `port`, `health` (the port of its health), the `entry` of its certificate in the Secret, and as
YAML more `args`, `initContainers`, `mounts` and `volumes`.
*/}}
{{- define "daemun.server" -}}
{{- $it := . }}
{{- $values := .values }}
{{- $labels := dict "root" .root "command" .command }}
{{- with .root }}
{{- $name := printf "%s-%s" (include "daemun.name" .) $it.command }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "daemun.serverLabels" $labels | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "daemun.serverLabels" $labels | nindent 4 }}
spec:
  # Without an address of its own: proxies spread their requests over all replicas.
  clusterIP: None
  selector: {{- include "daemun.serverSelector" $labels | nindent 4 }}
  ports:
  - name: grpc-{{ $it.command }}
    port: {{ $it.port }}
    targetPort: grpc
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "daemun.serverLabels" $labels | nindent 4 }}
spec:
  replicas: {{ $values.replicas }}
  selector:
    matchLabels: {{- include "daemun.serverSelector" $labels | nindent 6 }}
  template:
    metadata:
      labels: {{- include "daemun.serverLabels" $labels | nindent 8 }}
      annotations:
        prometheus.io/scrape: "true"
        prometheus.io/port: {{ $it.health | quote }}
        prometheus.io/path: /metrics
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      {{- with .Values.imagePullSecrets }}
      imagePullSecrets: {{- toYaml . | nindent 6 }}
      {{- end }}
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile:
          type: RuntimeDefault
      {{- with $it.initContainers }}
      initContainers: {{- . | nindent 6 }}
      {{- end }}
      containers:
      - name: {{ $it.command }}
        image: {{ $values.image | default (include "daemun.image" .) }}
        imagePullPolicy: {{ .Values.image.pullPolicy }}
        args:
        - {{ $it.command }}
        - --xds={{ include "daemun.name" . }}.{{ .Release.Namespace }}.svc:{{ .Values.xds.port }}
        - --ca=/etc/daemun/ca.crt
        - --token-file=/run/secrets/daemun/token
        - --listen=0.0.0.0:{{ $it.port }}
        - --certificate=/etc/daemun/tls.crt
        - --key=/etc/daemun/tls.key
        - --client-ca=/etc/daemun/ca.crt
        - --health=0.0.0.0:{{ $it.health }}
        - --log-level={{ .Values.logLevel }}
        {{- with $it.args }}
        {{- . | nindent 8 }}
        {{- end }}
        {{- if or $values.redis.secret $values.redis.url }}
        env:
        - name: DAEMUN_REDIS
          {{- if $values.redis.secret }}
          valueFrom: {secretKeyRef: {name: {{ $values.redis.secret | quote }}, key: url}}
          {{- else }}
          value: {{ $values.redis.url | quote }}
          {{- end }}
        {{- end }}
        ports:
        - name: grpc
          containerPort: {{ $it.port }}
        - name: health
          containerPort: {{ $it.health }}
        readinessProbe:
          httpGet: {path: /readyz, port: health}
          periodSeconds: 2
        livenessProbe:
          httpGet: {path: /healthz, port: health}
          initialDelaySeconds: 10
          periodSeconds: 10
          timeoutSeconds: 5
        # Proxies look for its replicas every five seconds: until all know that this one ends, it answers.
        lifecycle:
          preStop:
            exec: {command: [sleep, "12"]}
        resources: {{- toYaml $values.resources | nindent 10 }}
        securityContext:
          allowPrivilegeEscalation: false
          readOnlyRootFilesystem: true
          capabilities:
            drop: [ALL]
        volumeMounts:
        {{- with $it.mounts }}
        {{- . | nindent 8 }}
        {{- end }}
        - name: tmp
          mountPath: /tmp
        - name: token
          mountPath: /run/secrets/daemun
          readOnly: true
        - name: certificates
          mountPath: /etc/daemun
          readOnly: true
      volumes:
      {{- with $it.volumes }}
      {{- . | nindent 6 }}
      {{- end }}
      - name: tmp
        emptyDir: {}
      - name: token
        projected:
          sources:
          - serviceAccountToken: {audience: daemun-xds, expirationSeconds: 3600, path: token}
      # The control plane makes it, and renews what is in it. The keys of the authority and of xDS stay there.
      - name: certificates
        secret:
          secretName: {{ include "daemun.secret" . }}
          items:
          - {key: trust.crt, path: ca.crt}
          - {key: {{ $it.entry }}.crt, path: tls.crt}
          - {key: {{ $it.entry }}.key, path: tls.key}
      {{- if gt (int $values.replicas) 1 }}
      topologySpreadConstraints:
      - maxSkew: 1
        topologyKey: kubernetes.io/hostname
        whenUnsatisfiable: ScheduleAnyway
        labelSelector:
          matchLabels: {{- include "daemun.serverSelector" $labels | nindent 12 }}
      {{- end }}
      {{- with .Values.nodeSelector }}
      nodeSelector: {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with .Values.tolerations }}
      tolerations: {{- toYaml . | nindent 6 }}
      {{- end }}
      {{- with .Values.affinity }}
      affinity: {{- toYaml . | nindent 8 }}
      {{- end }}
{{- if gt (int $values.replicas) 1 }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  namespace: {{ .Release.Namespace }}
  labels: {{- include "daemun.serverLabels" $labels | nindent 4 }}
spec:
  maxUnavailable: 1
  selector:
    matchLabels: {{- include "daemun.serverSelector" $labels | nindent 6 }}
{{- end }}
{{- end }}
{{- end }}
