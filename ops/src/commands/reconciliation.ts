import type { Databases } from '../databases.ts';
import { services, type Service } from '../config.ts';
import type { Invariant, Violation } from '../domain/invariants.ts';
import { eventDueAtOrders, eventDueAtPayments, judgeOrder } from '../domain/judge-order.ts';
import { mergeById } from '../domain/merge.ts';
import type { OrderFacts } from '../domain/order-facts.ts';
import { createSuspects, type Finding, type Suspects } from '../domain/suspects.ts';
import { findAccountPage, judgeAccountPage, judgeAccountsOf } from '../store/accounts.ts';
import { selectDecisionPage, selectDecisionsOf } from '../store/decision-pages.ts';
import {
  countDeadLetters,
  findLateOutboxRows,
  prunedBefore,
  withoutReceived,
  withoutWaiting,
} from '../store/events.ts';
import { selectOrderPage, selectOrders } from '../store/order-pages.ts';
import type { Ages } from '../store/rows.ts';

export interface ReconcileOptions {
  readonly settleWithinSeconds: number;
  /** Between the first look and the second. */
  readonly pause: () => Promise<void>;
  readonly examplesMax: number;
  readonly pageSize: number;
  readonly suspectsMax: number;
  readonly onProgress: (sentence: string) => void;
}

export interface Reconciliation {
  readonly checked: Readonly<Record<Invariant, number>>;
  readonly findings: Readonly<Record<Invariant, Finding>>;
  /** Since when each service's inbox remembers events; older ones are not looked for. Null: since ever. */
  readonly inboxSince: Readonly<Record<Service, string | null>>;
  /** Letters that wait for an operator: no violation. */
  readonly deadLetters: Readonly<Record<Service, number>>;
}

const firstId = '00000000-0000-0000-0000-000000000000';

/**
 * Checks both databases while they work. Tables are read once, in pages, and whatever looks wrong is looked at again
 * after a pause, in the order in which facts are made (orders, then payments, then inboxes): what is in flight is then
 * no difference any more.
 */
export async function reconcile(databases: Databases, options: ReconcileOptions): Promise<Reconciliation> {
  const inboxSince = await rememberedSince(databases);
  const check: Check = {
    databases,
    options,
    ages: agesOf(inboxSince, options),
    checked: { I1: 0, I2: 0, I3: 0, I4: 0, I6: 0 },
  };
  const suspects = createSuspects({
    pause: options.pause,
    lookAgain: (invariant, subjects) => lookAgain(check, invariant, subjects),
    examplesMax: options.examplesMax,
    suspectsMax: options.suspectsMax,
  });
  await checkAccounts(check, suspects);
  await checkOrders(check, suspects);
  suspects.add(await judgeOutboxes(check));
  await suspects.confirm();
  return {
    checked: check.checked,
    findings: suspects.findings(),
    inboxSince,
    deadLetters: {
      orders: await countDeadLetters(databases.orders),
      payments: await countDeadLetters(databases.payments),
    },
  };
}

interface Check {
  readonly databases: Databases;
  readonly options: ReconcileOptions;
  readonly ages: AgesOfBoth;
  readonly checked: Record<Invariant, number>;
}

/** An order's event is remembered by Payments' inbox, a payment's by Orders'. */
interface AgesOfBoth {
  readonly order: Ages;
  readonly payment: Ages;
}

// The rows' times are of several clocks, so an event that is hardly older may have been pruned, too.
const clockToleranceMs = 60_000;

/** Since when each inbox remembers every event: after what the retention may have pruned. */
async function rememberedSince(databases: Databases): Promise<Record<Service, string | null>> {
  const since = async (service: Service): Promise<string | null> => {
    const pruned = await prunedBefore(databases[service]);
    return pruned === null ? null : new Date(pruned.getTime() + clockToleranceMs).toISOString();
  };
  return { orders: await since('orders'), payments: await since('payments') };
}

function agesOf(inboxSince: Record<Service, string | null>, { settleWithinSeconds }: ReconcileOptions): AgesOfBoth {
  return {
    order: { settleWithinSeconds, rememberedSince: inboxSince.payments },
    payment: { settleWithinSeconds, rememberedSince: inboxSince.orders },
  };
}

async function checkAccounts(check: Check, suspects: Suspects): Promise<void> {
  const { payments } = check.databases;
  let afterId = firstId;
  for (;;) {
    const { lastId, accounts } = await findAccountPage(payments, { afterId, limit: check.options.pageSize });
    if (lastId === null) return;
    suspects.add(await judgeAccountPage(payments, { afterId, lastId }));
    if (suspects.isFull()) await suspects.confirm();
    check.checked.I1 += accounts;
    check.options.onProgress(`checked ${check.checked.I1} accounts`);
    afterId = lastId;
  }
}

async function checkOrders(check: Check, suspects: Suspects): Promise<void> {
  const { orders, payments } = check.databases;
  const limit = check.options.pageSize;
  const pages = mergeById(
    readPages((afterId) => selectOrderPage(orders, { afterId, limit }, check.ages.order)),
    readPages((afterId) => selectDecisionPage(payments, { afterId, limit }, check.ages.payment)),
  );
  for await (const page of pages) {
    suspects.add(page.flatMap(judgeOrder));
    const events = await lookForEvents(check, page);
    suspects.add([...events.missing.values()]);
    check.checked.I6 += events.due;
    if (suspects.isFull()) await suspects.confirm();
    count(check, page);
    check.options.onProgress(`checked ${check.checked.I1} accounts and ${check.checked.I4} orders`);
  }
}

/** The pages of a keyset, each read while the one before is worked on. */
async function* readPages<Row extends { readonly id: string }>(
  read: (afterId: string) => Promise<readonly Row[]>,
): AsyncGenerator<readonly Row[]> {
  let next = read(firstId);
  for (;;) {
    const page = await next;
    const last = page.at(-1);
    if (last === undefined) return;
    next = read(last.id);
    // Awaited in the next round, unless whoever reads gives up before.
    next.catch(() => {});
    yield page;
  }
}

function count(check: Check, page: readonly OrderFacts[]): void {
  for (const { order, decision } of page) {
    check.checked.I2 += decision?.debits?.count ?? 0;
    if (order === undefined) continue;
    check.checked.I4 += 1;
    if (order.status !== 'NEW') check.checked.I3 += 1;
  }
}

/** I6: every event that is due is in its consumer's inbox, or among its dead letters. */
async function lookForEvents(
  { databases: { orders, payments }, options: { settleWithinSeconds } }: Check,
  page: readonly OrderFacts[],
): Promise<{ due: number; missing: Map<string, Violation> }> {
  const dueAtPayments = eventsDue(page, eventDueAtPayments);
  const dueAtOrders = eventsDue(page, eventDueAtOrders);
  const notAtPayments = await withoutReceived(payments, [...dueAtPayments.keys()]);
  const notAtOrders = await withoutWaiting(payments, await withoutReceived(orders, [...dueAtOrders.keys()]));
  const missing = new Map([
    ...eachMissing(notAtPayments, dueAtPayments, "decided, but its OrderCreated is not in Payments' inbox"),
    ...eachMissing(
      notAtOrders,
      dueAtOrders,
      `its outcome is not in Orders' inbox: lost, or unread for longer than ${settleWithinSeconds} s`,
    ),
  ]);
  return { due: dueAtPayments.size + dueAtOrders.size, missing };
}

/**
 * The second look. The services may prune while it takes place, and write before it how far: so only what is still to be
 * remembered after the inboxes were looked at is missing.
 */
async function lookForEventsAgain(check: Check, page: readonly OrderFacts[]): Promise<Violation[]> {
  const { missing } = await lookForEvents(check, page);
  if (missing.size === 0) return [];
  const ages = agesOf(await rememberedSince(check.databases), check.options);
  const subjects = [...missing.values()].map(({ subject }) => subject);
  const pageNow = await readOrdersAgain(check, [...new Set(subjects)], ages);
  const stillDue = new Map([...eventsDue(pageNow, eventDueAtPayments), ...eventsDue(pageNow, eventDueAtOrders)]);
  return [...missing].flatMap(([eventId, violation]) => (stillDue.has(eventId) ? [violation] : []));
}

function eventsDue(page: readonly OrderFacts[], due: (facts: OrderFacts) => string | undefined): Map<string, string> {
  const orderIds = new Map<string, string>();
  for (const facts of page) {
    const eventId = due(facts);
    if (eventId !== undefined) orderIds.set(eventId, facts.id);
  }
  return orderIds;
}

function eachMissing(
  eventIds: ReadonlySet<string>,
  orderIds: ReadonlyMap<string, string>,
  what: string,
): Array<[string, Violation]> {
  return [...eventIds].map((eventId) => [
    eventId,
    { invariant: 'I6', subject: orderIds.get(eventId) ?? eventId, what: `${what} (event ${eventId})` },
  ]);
}

/** I6 before the topic: no row waits in an outbox for longer than an order may take. */
async function judgeOutboxes({ databases, options }: Check): Promise<Violation[]> {
  const violations: Violation[] = [];
  for (const service of services) {
    const { rows, oldest } = await findLateOutboxRows(databases[service], options.settleWithinSeconds);
    if (oldest === null) continue;
    const what = `${rows} events wait to be published, the oldest since ${oldest.toISOString()}; does the relay of ${service} run?`;
    violations.push({ invariant: 'I6', subject: outboxOf(service), what });
  }
  return violations;
}

const outboxOf = (service: Service): string => `outbox of ${service}`;

async function lookAgain(
  check: Check,
  invariant: Invariant,
  subjects: readonly string[],
): Promise<readonly Violation[]> {
  if (invariant === 'I1') return await judgeAccountsOf(check.databases.payments, subjects);
  const outboxes = services.map(outboxOf);
  const orderIds = subjects.filter((subject) => !outboxes.includes(subject));
  const page = await readOrdersAgain(check, orderIds, check.ages);
  if (invariant !== 'I6') return page.flatMap(judgeOrder);
  const late = (await judgeOutboxes(check)).filter(({ subject }) => subjects.includes(subject));
  return [...(await lookForEventsAgain(check, page)), ...late];
}

async function readOrdersAgain(check: Check, ids: readonly string[], ages: AgesOfBoth): Promise<OrderFacts[]> {
  const orders = await selectOrders(check.databases.orders, ids, ages.order);
  const decisions = await selectDecisionsOf(check.databases.payments, ids, ages.payment);
  const page: OrderFacts[] = [];
  for await (const pairs of mergeById(onePage(orders), onePage(decisions))) page.push(...pairs);
  return page;
}

async function* onePage<Row>(page: readonly Row[]): AsyncGenerator<readonly Row[]> {
  yield page;
}
