import { isFinal, type Wish } from '@order-payments/local/test-kit/client-with-history.ts';
import { checkFromOutside } from '@order-payments/local/test-kit/outside-checker.ts';
import type { Databases } from './model-databases.ts';
import type { ModelPlatform } from './model-platform.ts';

/** What holds at every moment, also half way: I1 and I2. */
export async function judgeMoney({ outside }: Databases): Promise<string[]> {
  const violations = await checkFromOutside(outside, []);
  return violations
    .filter(({ invariant }) => invariant === 'I1' || invariant === 'I2')
    .map(({ invariant, what }) => `${invariant} half way: ${what}`);
}

/** Everything that must hold when nothing is under way any more: I1 to I7. */
export async function judgeAtRest(
  { outside }: Databases,
  wishes: readonly Wish[],
  platform: ModelPlatform,
): Promise<string[]> {
  const rivals = Map.groupBy(wishes, ({ key }) => key);
  const violations: string[] = [...platform.defects];
  const history = [...rivals.values()].map((bodies) => {
    const [winner, ...others] = bodies.toSorted((a, b) => told(b) - told(a));
    for (const { answers, key } of others)
      if (answers.some((answer) => isFinal(answer) && answer.status !== 422))
        violations.push(`I7: key ${key} was accepted with two bodies`);
    return winner ?? [];
  });
  for (const { invariant, what } of await checkFromOutside(outside, history.flat()))
    violations.push(`${invariant}: ${what}`);
  const { rows: fresh } = await outside.orders.query<{ id: string }>(`select id from orders where status = 'NEW'`);
  violations.push(...fresh.map(({ id }) => `I4: order ${id} is still NEW`));
  violations.push(...(await judgeEvents({ outside }, platform)));
  return violations;
}

const told = (wish: Wish): number => wish.answers.filter(({ status }) => status === 201).length;

/** I6: nothing waits in an outbox, and what was published was applied once, or is a dead letter. */
async function judgeEvents({ outside }: Pick<Databases, 'outside'>, platform: ModelPlatform): Promise<string[]> {
  const violations: string[] = [];
  for (const [service, topic, fact] of [
    ['payments', 'orders.events', 'select id as order_id from orders'],
    ['orders', 'payments.events', 'select order_id from payments'],
  ] as const) {
    const other = service === 'orders' ? outside.payments : outside.orders;
    const { rows: facts } = await other.query(fact);
    const { rows } = await outside[service].query<{ event_id: string }>('select event_id from inbox');
    const { rows: waiting } = await other.query('select event_id from outbox');
    if (waiting.length > 0) violations.push(`I6: ${waiting.length} rows wait for ever to be sent to ${topic}`);
    if (platform.applied[service] > rows.length)
      violations.push(
        `I6: ${service} applied ${platform.applied[service]} events, of which its inbox has ${rows.length}`,
      );
    if (rows.length !== facts.length)
      violations.push(`I6: of ${facts.length} events of ${topic}, ${rows.length} are in the inbox`);
    const records = platform.topics[topic].flat().length;
    if (records < facts.length) violations.push(`I6: ${facts.length} facts made ${records} records of ${topic}`);
  }
  return violations;
}
