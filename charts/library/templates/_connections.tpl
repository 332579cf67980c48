{{/*
What a container needs to reach something, as {env, volumes, volumeMounts}. A process watches the files that variables
ending in _FILE name, and exits to be started again when the operator that made them renews them.
*/}}

{{/* The secret of a role in a database. Arguments: context, database, role. */}}
{{- define "library.databaseSecret" -}}
{{- $database := index .context.Values.global.databases .database -}}
{{- $cluster := include "library.partName" (dict "context" .context "part" (printf "%s-db" .database)) -}}
{{- $made := ternary "app" .role (eq .role "owner") -}}
{{- index $database.secrets .role | default (printf "%s-%s" $cluster $made) -}}
{{- end -}}

{{/* The secret with the CA of a database's server, or nothing where the server is the user's and has none. Arguments: context, database. */}}
{{- define "library.databaseCaSecret" -}}
{{- $database := index .context.Values.global.databases .database -}}
{{- $cluster := include "library.partName" (dict "context" .context "part" (printf "%s-db" .database)) -}}
{{- $database.caSecret | default (ternary (printf "%s-ca" $cluster) "" $database.install) -}}
{{- end -}}

{{/*
A database in one role. Arguments: context, database, role, prefix (of the variables' names, may be empty), watched (by a process
that is to start again with a new password).
*/}}
{{- define "library.database" -}}
{{- $prefix := .prefix | default "" -}}
{{- $directory := printf "/etc/order-payments/%s-db" .database -}}
{{- $secret := include "library.databaseSecret" . -}}
{{- $ca := include "library.databaseCaSecret" . -}}
env:
  - name: {{ $prefix }}DATABASE_URL
    valueFrom:
      secretKeyRef:
        name: {{ $secret }}
        key: uri
{{- if .watched }}
  - name: {{ $prefix }}DATABASE_URL_FILE
    value: {{ $directory }}-user/uri
{{- end }}
{{- if $ca }}
  - name: {{ $prefix }}DATABASE_CA_FILE
    value: {{ $directory }}/ca.crt
{{- end }}
{{- if or $ca .watched }}
volumes:
{{- if .watched }}
  - name: {{ .database }}-db-user
    secret:
      secretName: {{ $secret }}
      items:
        - key: uri
          path: uri
{{- end }}
{{- if $ca }}
  - name: {{ .database }}-db-ca
    secret:
      secretName: {{ $ca }}
      # The secret that CloudNativePG makes holds the CA's private key too.
      items:
        - key: ca.crt
          path: ca.crt
{{- end }}
volumeMounts:
{{- if .watched }}
  - name: {{ .database }}-db-user
    mountPath: {{ $directory }}-user
    readOnly: true
{{- end }}
{{- if $ca }}
  - name: {{ .database }}-db-ca
    mountPath: {{ $directory }}
    readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{- define "library.kafkaBrokers" -}}
{{- if .Values.global.kafka.install -}}
{{ .Release.Name }}-kafka-bootstrap:9093
{{- else -}}
{{ .Values.global.kafka.bootstrapServers }}
{{- end -}}
{{- end -}}

{{/* Kafka, as the user whose certificate the workload's own secret holds. */}}
{{- define "library.kafka" -}}
{{- $kafka := .Values.global.kafka -}}
{{- $ca := $kafka.caSecret | default (ternary (printf "%s-cluster-ca-cert" .Release.Name) "" $kafka.install) -}}
{{- $user := .Values.kafkaUserSecret | default (ternary (include "library.name" .) "" $kafka.install) -}}
env:
{{- if $ca }}
  - name: KAFKA_CA_FILE
    value: /etc/order-payments/kafka-ca/ca.crt
{{- end }}
{{- if $user }}
  - name: KAFKA_CERT_FILE
    value: /etc/order-payments/kafka-user/user.crt
  - name: KAFKA_KEY_FILE
    value: /etc/order-payments/kafka-user/user.key
{{- end }}
{{- if or $ca $user }}
volumes:
{{- if $ca }}
  - name: kafka-ca
    secret:
      secretName: {{ $ca }}
      items:
        - key: ca.crt
          path: ca.crt
{{- end }}
{{- if $user }}
  - name: kafka-user
    secret:
      secretName: {{ $user }}
      items:
        - key: user.crt
          path: user.crt
        - key: user.key
          path: user.key
{{- end }}
volumeMounts:
{{- if $ca }}
  - name: kafka-ca
    mountPath: /etc/order-payments/kafka-ca
    readOnly: true
{{- end }}
{{- if $user }}
  - name: kafka-user
    mountPath: /etc/order-payments/kafka-user
    readOnly: true
{{- end }}
{{- end }}
{{- end -}}

{{/* The base address of the registry's Confluent-compatible API. */}}
{{- define "library.registryUrl" -}}
{{- if .Values.global.registry.install -}}
http://{{ .Release.Name }}-apicurio-registry:8080/apis/ccompat/v7
{{- else -}}
{{ .Values.global.registry.url }}
{{- end -}}
{{- end -}}
