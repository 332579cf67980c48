// K: raw kafkajs, sendBatch of 1,000 records after another, of as many bytes as the events have, in a process of its own.
// node kafkajs.ts <brokers> <topic> <records> <payload bytes> <batch>: writes records a second.
import { randomBytes } from 'node:crypto';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import { userId } from '../data.ts';

const [brokers = '', topic = '', ...numbers] = process.argv.slice(2);
const [records = 0, payloadBytes = 0, batch = 0] = numbers.map(Number);
const producer = new Kafka({ brokers: [brokers], logLevel: logLevel.NOTHING }).producer({
  createPartitioner: Partitioners.DefaultPartitioner,
  allowAutoTopicCreation: false,
});
await producer.connect();
const make = () =>
  Array.from({ length: batch }, () => ({
    key: userId(1 + Math.floor(Math.random() * 10_000)),
    value: randomBytes(payloadBytes),
  }));
// Made in advance, so that what is timed is kafkajs.
const batches = Array.from({ length: 20 }, make);
const send = async (count: number): Promise<void> => {
  for (let sent = 0; sent < count; sent += batch)
    await producer.sendBatch({ acks: -1, topicMessages: [{ topic, messages: batches[(sent / batch) % 20] ?? [] }] });
};
await send(10 * batch);
const startedMs = performance.now();
await send(records);
process.stdout.write(`${(records / (performance.now() - startedMs)) * 1_000}\n`);
await producer.disconnect();
