import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import {
  createReplicationSegmentMutexConcurrencyController,
  DatabaseSetup,
  getDisabledLogger,
  initializeReplicationMessageListener,
} from 'pg-transactional-outbox';
import { keyOf, mode, settings } from '../relay.mjs';

const { hostname, port, username, password, pathname } = new URL(settings.databaseUrl);
const database = pathname.slice(1);
const connection = { host: hostname, port: Number(port), user: username, password, database };
const setup = {
  outboxOrInbox: 'outbox',
  database,
  schema: 'public',
  table: 'outbox',
  listenerRole: username,
  publication: `${database}_publication`,
  replicationSlot: `${database}_slot`,
};
if (mode === 'fill') {
  const client = new pg.Client({ connectionString: settings.databaseUrl });
  await client.connect();
  await client.query(DatabaseSetup.dropAndCreateTable(setup));
  await client.query(DatabaseSetup.setupReplicationCore(setup));
  for (const statement of DatabaseSetup.setupReplicationSlot(setup).split(/;\s*\n/)) await client.query(statement);
  await client.query(
    `insert into outbox (id, aggregate_type, aggregate_id, message_type, segment, payload)
     select gen_random_uuid(), 'order', n::text, 'OrderCreated', ${keyOf}, jsonb_build_object('data', repeat(md5(n::text), 5))
     from generate_series(1, $1::int) as n`,
    [settings.events],
  );
  await client.end();
} else {
  // Not idempotent: that would allow one request in flight, and each message is a request of its own here.
  const producer = new Kafka({ brokers: settings.brokers, logLevel: logLevel.ERROR }).producer();
  await producer.connect();
  initializeReplicationMessageListener(
    {
      outboxOrInbox: 'outbox',
      dbListenerConfig: connection,
      dbHandlerConfig: { ...connection, max: 40 },
      settings: {
        dbSchema: 'public',
        dbTable: 'outbox',
        dbPublication: setup.publication,
        dbReplicationSlot: setup.replicationSlot,
        enableMaxAttemptsProtection: false,
        enablePoisonousMessageProtection: false,
      },
    },
    {
      handle: async ({ segment, payload }) => {
        const messages = [{ key: segment, value: JSON.stringify(payload) }];
        await producer.send({ topic: settings.topic, acks: -1, messages });
      },
    },
    getDisabledLogger(),
    { concurrencyStrategy: createReplicationSegmentMutexConcurrencyController() },
  );
}
