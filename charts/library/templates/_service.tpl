{{/*
The Deployment of a gRPC service with its database: migrations and schemas come first, in init containers that wait. They run
before every new pod, so that an install and an upgrade are the same, and find nothing to do most of the time; an earlier
version runs on while they do, so a migration keeps its statements working. Arguments: context, config (beside what both have).
*/}}
{{- define "library.service" -}}
{{- $ := .context -}}
{{- $values := $.Values -}}
{{- $part := $.Chart.Name -}}
{{- $shared := dict
  "LOG_LEVEL" $values.global.logLevel
  "GRPC_HOST" "0.0.0.0"
  "GRPC_PORT" 50051
  "GRPC_CONNECTION_AGE_MS" (int $values.grpcConnectionAgeMs)
  "METRICS_HOST" "0.0.0.0"
  "METRICS_PORT" 9100
  "DATABASE_POOL_SIZE" (int $values.databasePoolSize)
  "KAFKA_BROKERS" (include "library.kafkaBrokers" $)
  "KAFKA_GROUP_ID" (index $values.global.kafka.groups $part)
  "KAFKA_SESSION_TIMEOUT_MS" (int $values.kafkaSessionTimeoutMs)
  "ORDERS_TOPIC" $values.global.kafka.topics.orders
  "PAYMENTS_TOPIC" $values.global.kafka.topics.payments
  "SCHEMA_REGISTRY_URL" (include "library.registryUrl" $)
  "SCHEMA_PATIENCE_MS" (int $values.schemaPatienceMs)
  "INBOX_RETENTION_HOURS" (int $values.retention.inboxHours)
  "DEAD_LETTER_RETENTION_HOURS" (int $values.retention.deadLetterHours)
  "RETENTION_INTERVAL_MS" (int $values.retention.intervalMs) -}}
{{- $owner := include "library.database" (dict "context" $ "database" $part "role" "owner") | fromYaml -}}
{{- $service := include "library.database" (dict "context" $ "database" $part "role" "service" "watched" true) | fromYaml -}}
{{- $kafka := include "library.kafka" $ | fromYaml -}}
{{- $image := include "library.image" (dict "context" $ "image" $values.image) -}}
{{- $migrate := dict
  "name" "migrate"
  "image" $image
  "command" (list "node" (printf "services/%s/src/migrate.ts" $part))
  "env" (append $owner.env (dict "name" "LOG_LEVEL" "value" $values.global.logLevel))
  "volumeMounts" ($owner.volumeMounts | default list) -}}
{{- $schemas := dict
  "name" "register-schemas"
  "image" $image
  "command" (list "node" "packages/contracts/src/register-schemas.ts")
  "env" (list (dict "name" "SCHEMA_REGISTRY_URL" "value" (include "library.registryUrl" $))) -}}
{{ include "library.workload" (dict
  "context" $
  "image" $image
  "command" (list "node" (printf "services/%s/src/main.ts" $part))
  "config" (merge .config $shared)
  "ports" (list (dict "name" "grpc" "containerPort" 50051) (dict "name" "metrics" "containerPort" 9100))
  "metricsPort" 9100
  "probes" (dict "port" "metrics" "live" "/health/live" "ready" "/health/ready")
  "connections" (list $service $kafka)
  "initContainers" (list $migrate $schemas)
) }}
{{- end -}}
