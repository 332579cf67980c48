# One file, a target for each process: docker build --target gateway -t order-payments/gateway:0.1.0 .
# Node runs the TypeScript as it is, so nothing is compiled: an image is the base, the production dependencies of one
# workspace, and the sources it imports, in the order in which they change.

FROM node:24-bookworm-slim AS manifests
WORKDIR /app
# Of the workspaces, those that an image holds; npm does without the others.
COPY package.json package-lock.json .npmrc ./
COPY packages/kernel/package.json packages/kernel/
COPY packages/contracts/package.json packages/contracts/
COPY packages/platform/package.json packages/platform/
COPY gateway/package.json gateway/
COPY services/orders/package.json services/orders/
COPY services/payments/package.json services/payments/
COPY services/outbox-relay/package.json services/outbox-relay/
COPY ops/package.json ops/
# Type declarations and source maps are half of what npm installs, and nothing here reads them.
RUN printf '%s\n' '#!/bin/sh -e' \
  'npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund -w "$1"' \
  "find . -path '*/node_modules/*' -type f \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' \) -delete" \
  'rm package-lock.json .npmrc' > /usr/local/bin/install-for \
  && chmod +x /usr/local/bin/install-for

FROM manifests AS gateway-dependencies
RUN install-for gateway

FROM manifests AS orders-dependencies
RUN install-for services/orders

FROM manifests AS payments-dependencies
RUN install-for services/payments

FROM manifests AS outbox-relay-dependencies
RUN install-for services/outbox-relay

FROM manifests AS ops-dependencies
RUN install-for ops

FROM node:24-bookworm-slim AS runtime
# What installs packages has no place where nothing is to be installed.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
  /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
ENV NODE_ENV=production NODE_OPTIONS=--disable-warning=ExperimentalWarning
WORKDIR /app
# The user `node` of the base. Nothing in the image belongs to it, and the root file system may be read-only.
USER 1000:1000
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.vendor="order-payments" \
  org.opencontainers.image.licenses="Apache-2.0" \
  org.opencontainers.image.base.name="docker.io/library/node:24-bookworm-slim" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"

FROM runtime AS gateway
LABEL org.opencontainers.image.title="order-payments gateway" \
  org.opencontainers.image.description="REST outside, gRPC inside"
COPY --from=gateway-dependencies /app ./
COPY proto proto
COPY packages packages
COPY gateway gateway
CMD ["node", "gateway/src/main.ts"]

FROM runtime AS orders
LABEL org.opencontainers.image.title="order-payments orders" \
  org.opencontainers.image.description="Takes orders and settles them by the outcome of their payment; also migrates its database and registers the schemas"
COPY --from=orders-dependencies /app ./
COPY proto proto
COPY schemas schemas
COPY packages packages
COPY services/orders services/orders
CMD ["node", "services/orders/src/main.ts"]

FROM runtime AS payments
LABEL org.opencontainers.image.title="order-payments payments" \
  org.opencontainers.image.description="Keeps accounts and decides payments; also migrates its database and registers the schemas"
COPY --from=payments-dependencies /app ./
COPY proto proto
COPY schemas schemas
COPY packages packages
COPY services/payments services/payments
CMD ["node", "services/payments/src/main.ts"]

FROM runtime AS outbox-relay
LABEL org.opencontainers.image.title="order-payments outbox-relay" \
  org.opencontainers.image.description="Moves rows of an outbox to Kafka"
COPY --from=outbox-relay-dependencies /app ./
COPY packages/kernel packages/kernel
COPY packages/platform packages/platform
COPY services/outbox-relay services/outbox-relay
CMD ["node", "services/outbox-relay/src/main.ts"]

FROM runtime AS ops
LABEL org.opencontainers.image.title="order-payments ops" \
  org.opencontainers.image.description="The operator's command: reconcile, dead-letters, timeline"
COPY --from=ops-dependencies /app ./
COPY schemas schemas
COPY packages packages
COPY ops ops
ENTRYPOINT ["node", "ops/src/main.ts"]
