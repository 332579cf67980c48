import { withKafkaAdmin, type Sockets } from '../infrastructure/topics.ts';
import { eventually } from './eventually.ts';

/** Of each partition, in their order: where its next record will be. */
export async function endOffsets(brokers: string, topic: string, sockets: Sockets = {}): Promise<bigint[]> {
  const offsets = await withKafkaAdmin(brokers, (admin) => admin.fetchTopicOffsets(topic), sockets);
  return offsets.toSorted((a, b) => a.partition - b.partition).map(({ high }) => BigInt(high));
}

/** Resolves when the group has committed everything that was in the topic when it was called. */
export async function untilConsumed(
  brokers: string,
  { groupId, topic }: { groupId: string; topic: string },
  timeoutMs: number,
): Promise<void> {
  const ends = await eventually(() => endOffsets(brokers, topic), { timeoutMs });
  const check = async (): Promise<void> => {
    const [group] = await withKafkaAdmin(brokers, async (admin) => {
      // Without retries kafkajs finds no coordinator before it has asked for something else.
      await admin.fetchTopicMetadata({ topics: [topic] });
      return admin.fetchOffsets({ groupId, topics: [topic] });
    });
    const committed = new Map(group?.partitions.map(({ partition, offset }) => [partition, BigInt(offset)]));
    const behind = ends.findIndex((end, partition) => end > 0n && (committed.get(partition) ?? -1n) < end);
    if (behind !== -1)
      throw new Error(`${groupId} is at ${committed.get(behind)} of ${ends[behind]} in ${topic}[${behind}].`);
  };
  await eventually(check, { timeoutMs });
}

export interface GroupState {
  readonly state: string | undefined;
  readonly members: number | undefined;
}

/** How the broker sees the group now. */
export async function groupState(brokers: string, groupId: string): Promise<GroupState> {
  return withKafkaAdmin(brokers, async (admin) => {
    // The client has to know the brokers before it can look for the group's coordinator.
    await admin.describeCluster();
    const { groups } = await admin.describeGroups([groupId]);
    return { state: groups[0]?.state, members: groups[0]?.members.length };
  });
}

/** The group forgets how far it came. Its members must be gone. */
export async function forgetOffsets(brokers: string, groupId: string): Promise<void> {
  await eventually(() => withKafkaAdmin(brokers, (admin) => admin.deleteGroups([groupId])), { timeoutMs: 20_000 });
}
