import { setTimeout as sleep } from 'node:timers/promises';
import type { Wish } from '@order-payments/local/test-kit/client-with-history.ts';
import type { UserId } from '@order-payments/kernel/ids.ts';
import { seededRandom } from '../../src/random.ts';
import { chanceOf, type Chance } from './chance.ts';
import { judgeAtRest, judgeMoney } from './judge.ts';
import type { Databases, ServiceName } from './model-databases.ts';
import { LostLinkError, ModelPlatform, partitions, type Replica } from './model-platform.ts';
import { Scheduler, type Turn } from './scheduler.ts';

export interface Played {
  readonly turns: number;
  readonly faults: number;
  readonly violations: readonly string[];
  /** Every choice, in order. */
  readonly trace: readonly string[];
}

const users = 3;
const refusedAmount = 7n;
const runningMax = 9;
const healingRoundsMax = 60;

/** What can happen next, and how often it does. */
const actions = {
  order: 8,
  'order again': 3,
  'order of another body': 1,
  'top up': 3,
  'top up again': 1,
  'open account': 2,
  consume: 12,
  'consume again': 3,
  'consume in disorder': 2,
  'copy a record': 2,
  'poison a topic': 0.5,
  'refuse an amount': 0.7,
  'mend the refusal': 0.7,
  redrive: 1,
  sweep: 2,
  'second relay': 0.4,
} as const;

/** One seeded interleaving of both services' real code, with faults; then everything heals and is judged. */
export async function playSchedule(databases: Databases, seed: number): Promise<Played> {
  await databases.empty();
  await databases.refuse(undefined);
  const chance = chanceOf(seededRandom(seed, 'interleavings'));
  const scheduler = new Scheduler(databases.outside.orders, databases.names);
  const platform = new ModelPlatform(databases, scheduler);
  const play = new Play(databases, platform, chance);
  try {
    await play.run(20 + chance.below(30));
    const violations = await judgeMoney(databases);
    await play.heal();
    violations.push(...(await judgeAtRest(databases, play.wishes, platform)));
    return { turns: play.turns, faults: play.faults, trace: play.trace, violations };
  } finally {
    await platform.end();
  }
}

class Play {
  readonly trace: string[] = [];
  readonly wishes: Wish[] = [];
  readonly #users: readonly UserId[];
  readonly #platform: ModelPlatform;
  readonly #databases: Databases;
  readonly #chance: Chance;
  turns = 0;
  faults = 0;
  #sweeps = 0;
  #linkWasLost = false;

  constructor(databases: Databases, platform: ModelPlatform, chance: Chance) {
    this.#databases = databases;
    this.#platform = platform;
    this.#chance = chance;
    this.#users = Array.from({ length: users }, () => chance.uuid() as UserId);
  }

  async run(actionsLeft: number): Promise<void> {
    const { scheduler } = this.#platform;
    for (const replica of this.#platform.replicas.slice(-1))
      for (const user of this.#users.slice(1))
        this.#platform.begin('open account', () => this.#platform.openAccount(replica, user));
    for (let left = actionsLeft; ;) {
      await scheduler.quiet();
      // Whoever lost a link tries again after a pause, which is next to nothing here.
      if (this.#linkWasLost) await sleep(5).then(() => scheduler.quiet());
      this.#linkWasLost = false;
      if (left === 0 && this.#chance.happens(0.1)) return;
      const mayAct = left > 0 && this.#platform.underWay < runningMax;
      if (mayAct && this.#chance.happens(0.3)) {
        left -= 1;
        await this.#act();
      } else this.#letOneGoOn();
    }
  }

  /** One waiting operation goes on, or its process dies, or its link breaks. */
  #letOneGoOn(): void {
    const { scheduler } = this.#platform;
    // Which of two came first is the machine's mood, and must not decide.
    const turns = scheduler.turns.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    const busy = turns.filter(({ label }) => label !== 'idle');
    const turn = this.#chance.pickAny(busy.length > 0 && this.#chance.happens(0.8) ? busy : turns);
    if (turn === undefined) return;
    this.turns += 1;
    const fate = this.#chance.weighted({ go: 40, die: 1, 'lose the link': 1 });
    this.trace.push(`${turn.process.name}: ${turn.label}${fate === 'go' ? '' : `, ${fate}`}`);
    if (fate !== 'go') this.faults += 1;
    this.#endWith(turn, fate);
  }

  #endWith(turn: Turn, fate: 'go' | 'die' | 'lose the link'): void {
    // An operator's command is given again, not restarted; its link is lost like any other.
    if (fate === 'die' && !turn.process.name.endsWith('ops')) this.#platform.kill(turn.process);
    else if (fate === 'go') turn.go();
    else {
      turn.fail(new LostLinkError());
      this.#linkWasLost = true;
    }
  }

  async #act(): Promise<void> {
    const action = this.#chance.weighted(actions);
    this.trace.push(`-> ${action}`);
    switch (action) {
      case 'order':
      case 'top up':
        return this.#ask(this.#newWish(action === 'order' ? 'order' : 'top-up'));
      case 'order again':
        return this.#ask(this.#chance.pickAny(this.#wishesOf('order')));
      case 'top up again':
        return this.#ask(this.#chance.pickAny(this.#wishesOf('top-up')));
      case 'order of another body': {
        const wish = this.#chance.pickAny(this.#wishesOf('order'));
        if (wish === undefined) return;
        return this.#ask(this.#rivalOf(wish));
      }
      case 'open account': {
        const [user] = this.#users;
        const replica = this.#replica('payments');
        if (user) this.#platform.begin(action, () => this.#platform.openAccount(replica, user));
        return;
      }
      case 'sweep': {
        const replica = this.#replica('orders');
        return this.#platform.begin(action, () => replica.sweep(this.#sweepTime()));
      }
      case 'consume':
      case 'consume again':
      case 'consume in disorder':
        return this.#consume(action);
      case 'copy a record':
      case 'poison a topic':
        return this.#append(action);
      case 'refuse an amount':
        return await this.#databases.refuse(refusedAmount);
      case 'mend the refusal':
        return await this.#databases.refuse(undefined);
      case 'redrive': {
        const service = this.#service();
        return this.#platform.begin(action, () => this.#platform.redrive(service));
      }
      case 'second relay':
        return this.#platform.startRelay(this.#service());
    }
  }

  #ask(wish: Wish | undefined): void {
    if (wish === undefined) return;
    const replica = this.#replica(wish.kind === 'order' ? 'orders' : 'payments');
    this.#platform.begin(wish.kind, async () => wish.answers.push(await this.#platform.ask(replica, wish)));
  }

  #newWish(kind: Wish['kind']): Wish {
    const userId = this.#chance.pickAny(this.#users) ?? '';
    const amount = 1 + this.#chance.below(12);
    const wish = {
      kind,
      key: this.#chance.uuid(),
      userId,
      amount,
      description: kind === 'order' ? 'books' : '',
      answers: [],
    };
    this.wishes.push(wish);
    return wish;
  }

  /** The same key for another amount; of the two, one is accepted. */
  #rivalOf(wish: Wish): Wish {
    const found = this.wishes.find(({ key, amount }) => key === wish.key && amount !== wish.amount);
    const rival = found ?? { ...wish, amount: wish.amount + 1, answers: [] };
    if (found === undefined) this.wishes.push(rival);
    return rival;
  }

  /** Those that are asked for again while nobody knows, and those that were answered long ago. */
  #wishesOf(kind: Wish['kind']): readonly Wish[] {
    return this.wishes.filter((wish) => wish.kind === kind);
  }

  #consume(how: 'consume' | 'consume again' | 'consume in disorder'): void {
    const service = this.#service();
    const replica = this.#replica(service);
    const partition = this.#chance.below(partitions);
    const { topic, from, to } = this.#platform.nextOf(service, partition);
    const start = how === 'consume' ? from : this.#chance.below(from + 1);
    const end = start + 1 + this.#chance.below(Math.max(to - start, 1));
    const records = this.#platform.records(topic, partition, start, Math.min(end, to));
    if (records.length === 0) return;
    const isWhole = how === 'consume' || (how === 'consume again' && end >= from);
    const taken = how === 'consume in disorder' ? this.#chance.shuffled(records) : records;
    const commit = isWhole ? { partition, to: Math.min(end, to) } : undefined;
    this.#platform.begin(how, () => this.#platform.consume(replica, taken, commit));
  }

  /** A record that stands in a topic already, once more or broken, behind all that came after it. */
  #append(how: 'copy a record' | 'poison a topic'): void {
    const topic = this.#chance.pickAny(['orders.events', 'payments.events'] as const) ?? 'orders.events';
    const record = this.#chance.pickAny(this.#platform.topics[topic].flat());
    if (record === undefined || record.value === null) return;
    const value = how === 'copy a record' ? record.value : record.value.subarray(0, -3);
    this.#platform.append(topic, record.key?.toString() ?? '', value);
  }

  #sweepTime(): Date {
    this.#sweeps += 1;
    return new Date(Date.now() + this.#sweeps * 1_000);
  }

  #service(): ServiceName {
    return this.#chance.pickAny(['orders', 'payments'] as const) ?? 'orders';
  }

  #replica(service: ServiceName): Replica {
    const replica = this.#chance.pickAny(this.#platform.replicas.filter((one) => one.service === service));
    if (replica === undefined) throw new Error(`There is no ${service}.`);
    return replica;
  }

  /** No more faults: clients repeat what they got no answer to, letters are redriven, and everything that waits is consumed. */
  async heal(): Promise<void> {
    this.trace.push('-> heal');
    const platform = this.#platform;
    platform.scheduler.release();
    await this.#databases.refuse(undefined);
    for (const wish of this.wishes)
      wish.answers.push(await platform.ask(this.#replica(wish.kind === 'order' ? 'orders' : 'payments'), wish));
    for (let round = 0; round < healingRoundsMax && !(await this.#isSettled(round)); round++) {
      for (const service of ['payments', 'orders'] as const) {
        // What was in hand when the refusal ended may have been buried a moment later, so twice; poison stays poison.
        if (round === 1 || round === 3) await platform.redrive(service);
        for (let partition = 0; partition < partitions; partition++) {
          const { topic, from, to } = platform.nextOf(service, partition);
          const records = platform.records(topic, partition, from, to);
          if (records.length > 0) await platform.consume(this.#replica(service), records, { partition, to });
        }
      }
      if (round % 4 === 3) await this.#replica('orders').sweep(this.#sweepTime());
      await sleep(5);
    }
  }

  async #isSettled(round: number): Promise<boolean> {
    if (round < 5) return false;
    const { orders, payments } = this.#databases.outside;
    const waiting = `(select count(*) from outbox)::int`;
    const ofOrders = `select (select count(*) from orders where status = 'NEW')::int + ${waiting} as count`;
    const { rows: left } = await orders.query<{ count: number }>(ofOrders);
    const { rows: more } = await payments.query<{ count: number }>(`select ${waiting} as count`);
    const isConsumed = (['orders', 'payments'] as const).every((service) =>
      Array.from({ length: partitions }, (_, partition) => this.#platform.nextOf(service, partition)).every(
        ({ from, to }) => from === to,
      ),
    );
    return isConsumed && left[0]?.count === 0 && more[0]?.count === 0;
  }
}

const nameOf = ({ process, label }: Turn): string => `${process.name}: ${label}`;
