{{/* The pods of a part, as a NetworkPolicyPeer in JSON. Arguments: context, part. */}}
{{- define "library.peer" -}}
{{- dict "podSelector" (dict "matchLabels" (include "library.partSelector" . | fromYaml)) | toJson -}}
{{- end -}}

{{/*
A NetworkPolicy that allows what it lists and nothing else, in both directions. Arguments:
  context, part
  selector  of the pods, where an operator makes them and they stay when the release goes
  ingress   list of {from: list of parts, or peers: list of peers (none: everyone), ports}
  egress    list of names (dns, kubernetes, kafka, registry, a database, a part) or of whole rules
  metricsPort  which Prometheus may reach, where the values say who that is
*/}}
{{- define "library.networkPolicy" -}}
{{- $ := .context -}}
{{- $policy := $.Values.global.networkPolicy -}}
{{- if $policy.enabled -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "library.partName" . }}
  labels:
    {{- include "library.partLabels" . | nindent 4 }}
  {{- if .selector }}
  annotations:
    # What `helm uninstall` leaves is left protected.
    helm.sh/resource-policy: keep
    # An operator makes the pods.
    kube-score/ignore: networkpolicy-targets-pod
  {{- end }}
spec:
  podSelector:
    matchLabels:
      {{- .selector | default (include "library.partSelector" . | fromYaml) | toYaml | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    {{- range .ingress }}
    - ports:
        {{- range .ports }}
        - {port: {{ . }}, protocol: TCP}
        {{- end }}
      {{- if or .from .peers }}
      from:
        {{- range .from }}
        - {{ include "library.peer" (dict "context" $ "part" .) }}
        {{- end }}
        {{- range .peers }}
        - {{ toJson . }}
        {{- end }}
      {{- end }}
    {{- end }}
    {{- if and .metricsPort $policy.metricsPeers }}
    - ports:
        - {port: {{ .metricsPort }}, protocol: TCP}
      from:
        {{- toYaml $policy.metricsPeers | nindent 8 }}
    {{- end }}
    {{- if not (or .ingress (and .metricsPort $policy.metricsPeers)) }} []{{ end }}
  egress:
    {{- range .egress }}
    - {{ include "library.egress" (dict "context" $ "to" .) }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* One rule of egress, in JSON. Arguments: context, to. */}}
{{- define "library.egress" -}}
{{- $ := .context -}}
{{- $global := $.Values.global -}}
{{- $policy := $global.networkPolicy -}}
{{- if kindIs "map" .to -}}
{{- toJson .to -}}
{{- else if eq .to "dns" -}}
{{- dict "to" $policy.dnsPeers "ports" (list (dict "port" 53 "protocol" "UDP") (dict "port" 53 "protocol" "TCP")) | toJson -}}
{{- else if eq .to "kubernetes" -}}
{{- include "library.outside" $policy.kubernetesApi -}}
{{- else if eq .to "kafka" -}}
{{- if $global.kafka.install -}}
{{- dict "to" (list (dict "podSelector" (dict "matchLabels" (dict "strimzi.io/cluster" $.Release.Name)))) "ports" (list (dict "port" 9093 "protocol" "TCP")) | toJson -}}
{{- else -}}
{{- include "library.outside" $policy.existing.kafka -}}
{{- end -}}
{{- else if eq .to "registry" -}}
{{- if $global.registry.install -}}
{{- dict "to" (list (include "library.peer" (dict "context" $ "part" "apicurio-registry") | fromJson)) "ports" (list (dict "port" 8080 "protocol" "TCP")) | toJson -}}
{{- else -}}
{{- include "library.outside" $policy.existing.registry -}}
{{- end -}}
{{- else if hasSuffix "-db" .to -}}
{{- if (index $global.databases (trimSuffix "-db" .to)).install -}}
{{- $cluster := include "library.partName" (dict "context" $ "part" .to) -}}
{{- dict "to" (list (dict "podSelector" (dict "matchLabels" (dict "cnpg.io/cluster" $cluster)))) "ports" (list (dict "port" 5432 "protocol" "TCP")) | toJson -}}
{{- else -}}
{{- include "library.outside" $policy.existing.postgres -}}
{{- end -}}
{{- else -}}
{{- $port := ternary 8080 50051 (eq .to "gateway") -}}
{{- dict "to" (list (include "library.peer" (dict "context" $ "part" .to) | fromJson)) "ports" (list (dict "port" $port "protocol" "TCP")) | toJson -}}
{{- end -}}
{{- end -}}

{{/* A rule for what runs elsewhere: these ports of these peers, or of any address. Arguments: peers, ports. */}}
{{- define "library.outside" -}}
{{- $ports := list -}}
{{- range .ports -}}{{- $ports = append $ports (dict "port" (int .) "protocol" "TCP") -}}{{- end -}}
{{- $rule := dict "ports" $ports -}}
{{- if .peers -}}{{- $_ := set $rule "to" .peers -}}{{- end -}}
{{- toJson $rule -}}
{{- end -}}
