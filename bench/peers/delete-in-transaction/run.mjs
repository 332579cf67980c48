import { Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { keyOf, mode, payloadOf, settings } from '../relay.mjs';

const client = new pg.Client({ connectionString: settings.databaseUrl });
await client.connect();
if (mode === 'fill') {
  await client.query(
    'create table outbox (id bigint generated always as identity primary key, topic text not null, key text not null, payload bytea not null)',
  );
  await client.query(
    `insert into outbox (topic, key, payload) select $1, ${keyOf}, ${payloadOf} from generate_series(1, $2::int) as n`,
    [settings.topic, settings.events],
  );
  await client.end();
} else {
  const producer = new Kafka({ brokers: settings.brokers, logLevel: logLevel.ERROR }).producer({
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  for (;;) {
    await client.query('begin');
    const { rows } = await client.query({
      name: 'take',
      text: `delete from outbox where id in (select id from outbox order by id limit 1000 for update skip locked)
             returning id, topic, key, payload`,
    });
    rows.sort((a, b) => Number(a.id) - Number(b.id));
    if (rows.length > 0)
      await producer.sendBatch({
        acks: -1,
        topicMessages: [{ topic: settings.topic, messages: rows.map(({ key, payload }) => ({ key, value: payload })) }],
      });
    await client.query('commit');
    if (rows.length === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
