{{/*
Everything that a long-running process of the platform consists of: ServiceAccount, ConfigMap, Deployment, PodDisruptionBudget
and, where its values offer one, HorizontalPodAutoscaler. Services and NetworkPolicies differ, and are each chart's own.
Arguments:
  context         the chart's root context
  image           full name of the image
  command         the process; the value `command` wins
  config          map of environment variables that are no secret
  ports           list of {name, containerPort}
  probes          {port, live, ready}: HTTP paths
  connections     list of {env, volumes, volumeMounts}
  initContainers  list of containers, without what all containers share
*/}}
{{- define "library.workload" -}}
{{- $ := .context -}}
{{- $values := $.Values -}}
{{- $name := include "library.name" $ -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  labels:
    {{- include "library.labels" $ | nindent 4 }}
  {{- with $values.serviceAccountAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
# No process talks to Kubernetes.
automountServiceAccountToken: false
---
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $name }}
  labels:
    {{- include "library.labels" $ | nindent 4 }}
data:
  {{- range $variable, $value := .config }}
  {{ $variable }}: {{ $value | toString | quote }}
  {{- end }}
---
{{ include "library.deployment" . }}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels:
    {{- include "library.labels" $ | nindent 4 }}
spec:
  maxUnavailable: {{ $values.podDisruptionBudget.maxUnavailable }}
  # A pod that is not Ready serves nobody, and must not keep a node from being drained.
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "library.selector" $ | nindent 6 }}
{{- if and $values.autoscaling $values.autoscaling.enabled }}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: {{ $name }}
  labels:
    {{- include "library.labels" $ | nindent 4 }}
spec:
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: {{ $name }}
  minReplicas: {{ $values.replicas }}
  maxReplicas: {{ $values.autoscaling.maxReplicas }}
  metrics:
    - type: Resource
      resource:
        name: cpu
        target:
          type: Utilization
          averageUtilization: {{ $values.autoscaling.targetCpuPercent }}
  behavior:
    scaleDown:
      # Each pod that goes makes its Kafka partitions move, so pods go one at a time.
      policies:
        - type: Pods
          value: 1
          periodSeconds: 60
{{- end }}
{{- end -}}

{{- define "library.deployment" -}}
{{- $ := .context -}}
{{- $values := $.Values -}}
{{- $global := $values.global -}}
{{- $name := include "library.name" $ -}}
{{- $env := list -}}
{{- $volumes := list (dict "name" "tmp" "emptyDir" (dict "sizeLimit" "64Mi")) -}}
{{- $mounts := list (dict "name" "tmp" "mountPath" "/tmp") -}}
{{- range .connections -}}
{{- $env = concat $env (.env | default list) -}}
{{- $volumes = concat $volumes (.volumes | default list) -}}
{{- $mounts = concat $mounts (.volumeMounts | default list) -}}
{{- end -}}
{{- range $variable, $value := $values.extraEnv -}}
{{- $env = append $env (dict "name" $variable "value" ($value | toString)) -}}
{{- end -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels:
    {{- include "library.labels" $ | nindent 4 }}
spec:
  {{- if not (and $values.autoscaling $values.autoscaling.enabled) }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 3
  strategy:
    type: RollingUpdate
    # A new pod is Ready before an old one goes, so that an upgrade costs no capacity.
    rollingUpdate: {maxSurge: 1, maxUnavailable: 0}
  selector:
    matchLabels:
      {{- include "library.selector" $ | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "library.labels" $ | nindent 8 }}
        {{- with $values.podLabels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        checksum/config: {{ .config | toJson | sha256sum }}
        {{- if and $global.metrics.scrapeAnnotations .metricsPort }}
        prometheus.io/scrape: "true"
        prometheus.io/port: {{ .metricsPort | quote }}
        prometheus.io/path: {{ .metricsPath | default "/metrics" }}
        {{- end }}
        {{- with $values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      automountServiceAccountToken: false
      # Without it, every Service of the namespace becomes a variable of the environment.
      enableServiceLinks: false
      {{- with $global.imagePullSecrets }}
      imagePullSecrets:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        {{- toYaml ($values.podSecurityContext | default $global.podSecurityContext) | nindent 8 }}
      # The pause before SIGTERM, the 20 s that a process gives itself to finish what it has in hand, and some air.
      terminationGracePeriodSeconds: {{ add $global.preStopSeconds 25 }}
      {{- with .initContainers }}
      initContainers:
        {{- range . }}
        - name: {{ .name }}
          image: {{ $.image | default .image }}
          imagePullPolicy: {{ $values.image.pullPolicy | default $global.image.pullPolicy }}
          command: {{ toJson .command }}
          {{- with .envFrom }}
          envFrom:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          {{- with .env }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- toYaml $global.containerSecurityContext | nindent 12 }}
          volumeMounts:
            {{- toYaml (concat (list (dict "name" "tmp" "mountPath" "/tmp")) (.volumeMounts | default list)) | nindent 12 }}
        {{- end }}
      {{- end }}
      containers:
        - name: {{ $.Chart.Name }}
          image: {{ .image }}
          imagePullPolicy: {{ $values.image.pullPolicy | default $global.image.pullPolicy }}
          {{- with $values.command | default .command }}
          command: {{ toJson . }}
          {{- end }}
          envFrom:
            - configMapRef:
                name: {{ $name }}
          {{- with $env }}
          env:
            {{- toYaml . | nindent 12 }}
          {{- end }}
          ports:
            {{- toYaml .ports | nindent 12 }}
          # Waiting for a database or a registry is no failure: it ends the wait for readiness, not the process.
          startupProbe:
            httpGet: {path: {{ .probes.live }}, port: {{ .probes.port }}}
            periodSeconds: 1
            timeoutSeconds: 2
            failureThreshold: {{ .probes.startupSeconds | default 60 }}
          readinessProbe:
            httpGet: {path: {{ .probes.ready }}, port: {{ .probes.port }}}
            periodSeconds: 3
            timeoutSeconds: 2
            failureThreshold: 2
          livenessProbe:
            httpGet: {path: {{ .probes.live }}, port: {{ .probes.port }}}
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 6
          lifecycle:
            # Until every client and proxy has learnt that the pod is going, it goes on serving.
            preStop:
              sleep:
                seconds: {{ $global.preStopSeconds }}
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          securityContext:
            {{- toYaml $global.containerSecurityContext | nindent 12 }}
          volumeMounts:
            {{- toYaml $mounts | nindent 12 }}
      volumes:
        {{- toYaml $volumes | nindent 8 }}
      {{- include "library.placement" $ | nindent 6 }}
{{- end -}}

{{/* Where pods run: spread over nodes and zones, unless the values say more. */}}
{{- define "library.placement" -}}
{{- $global := .Values.global -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $global.topologySpread }}
    labelSelector:
      matchLabels:
        {{- include "library.selector" $ | nindent 8 }}
    # Pods of an older version, which an upgrade is about to remove, do not count.
    matchLabelKeys: [pod-template-hash]
  {{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector | default $global.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations | default $global.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $global.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- end -}}
