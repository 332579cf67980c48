import type { Client } from 'pg';
import { isFinal } from './client-with-history.ts';
import type { Wish } from './client-with-history.ts';

// An oracle of its own: plain SQL over both databases and what the client was told. It shares no code with the services,
// the kernel or the operator's command, so that a mistake in one of them cannot hide here too.

export interface Violation {
  readonly invariant: 'I1' | 'I2' | 'I3' | 'I4' | 'I5' | 'I6' | 'I7' | 'I8';
  readonly what: string;
}

interface Order {
  readonly id: string;
  readonly user_id: string;
  readonly amount: string;
  readonly description: string;
  readonly status: string;
  readonly cancel_reason: string | null;
  readonly idempotency_key: string | null;
}

interface Debit {
  readonly reference_order_id: string;
  readonly user_id: string;
  readonly amount: string;
}

interface Credit {
  readonly id: string;
  readonly user_id: string;
  readonly amount: string;
  readonly balance_after: string;
  readonly idempotency_key: string | null;
}

interface Decision {
  readonly order_id: string;
  readonly status: string;
  readonly reason: string | null;
}

/** The databases at rest, with nothing in flight. With `others`, users that the history does not know may have orders and top-ups. */
export async function checkFromOutside(
  { orders, payments }: { orders: Client; payments: Client },
  history: readonly Wish[],
  { others = false }: { others?: boolean } = {},
): Promise<Violation[]> {
  const users = new Set(history.map(({ userId }) => userId));
  const isOfClient = ({ user_id }: { user_id: string }): boolean => !others || users.has(user_id);
  const { rows: orderRows } = await orders.query<Order>(
    'select id, user_id, amount, description, status, cancel_reason, idempotency_key from orders',
  );
  const { rows: debits } = await payments.query<Debit>(
    `select reference_order_id, user_id, amount from transactions join accounts on accounts.id = account_id
     where type = 'DEBIT'`,
  );
  const { rows: credits } = await payments.query<Credit>(
    `select transactions.id, user_id, amount, balance_after, idempotency_key
     from transactions join accounts on accounts.id = account_id where type = 'CREDIT'`,
  );
  const { rows: decisions } = await payments.query<Decision>('select order_id, status, reason from payments');
  return [
    ...(await checkBalances(payments)),
    ...checkDebits(orderRows, debits),
    ...checkAgreement(orderRows, debits, decisions),
    ...checkOrdersOfClient(orderRows.filter(isOfClient), history),
    ...checkTopUpsOfClient(credits.filter(isOfClient), history),
  ];
}

/** I1: money is neither made nor lost, and no account was ever below nothing. */
async function checkBalances(payments: Client): Promise<Violation[]> {
  const { rows } = await payments.query<{ what: string }>(`
    with ledger as (
      select account_id, account_version, balance_after,
        case type when 'CREDIT' then amount else -amount end as change,
        sum(case type when 'CREDIT' then amount else -amount end)
          over (partition by account_id order by account_version) as running
      from transactions)
    select format('account %s has %s, its transactions say %s', id, balance, coalesce(sum(change), 0)) as what
    from accounts left join ledger on account_id = id
    group by id, balance having balance <> coalesce(sum(change), 0) or balance < 0
    union all
    select format('account %s has %s after transaction %s, and should have %s',
      account_id, balance_after, account_version, running)
    from ledger where balance_after <> running or running < 0`);
  return rows.map(({ what }) => ({ invariant: 'I1', what }));
}

/** I2: at most one debit an order, of its amount and its user. */
function checkDebits(orders: readonly Order[], debits: readonly Debit[]): Violation[] {
  const orderById = new Map(orders.map((order) => [order.id, order]));
  const debited = new Set<string>();
  return debits.flatMap(({ reference_order_id: id, user_id, amount }): Violation[] => {
    const violations: string[] = [];
    if (debited.has(id)) violations.push(`order ${id} was debited again`);
    debited.add(id);
    const order = orderById.get(id);
    if (order === undefined) violations.push(`order ${id} was debited and is not there`);
    else if (order.amount !== amount) violations.push(`order ${id} of ${order.amount} was debited ${amount}`);
    else if (order.user_id !== user_id) violations.push(`order ${id} was debited from ${user_id}`);
    return violations.map((what) => ({ invariant: 'I2', what }));
  });
}

/** I3: both services say the same of every order, and it is settled. */
function checkAgreement(
  orders: readonly Order[],
  debits: readonly Debit[],
  decisions: readonly Decision[],
): Violation[] {
  const debited = new Set(debits.map((debit) => debit.reference_order_id));
  const decisionById = new Map(decisions.map((decision) => [decision.order_id, decision]));
  const violations: string[] = [];
  for (const { id, status, cancel_reason } of orders) {
    const decision = decisionById.get(id);
    decisionById.delete(id);
    const paid = status === 'FINISHED' && cancel_reason === null && decision?.status === 'SUCCEEDED' && debited.has(id);
    const refused =
      status === 'CANCELED' &&
      cancel_reason !== null &&
      decision?.status === 'FAILED' &&
      decision.reason === cancel_reason &&
      !debited.has(id);
    if (!paid && !refused)
      violations.push(
        `order ${id} is ${status} ${cancel_reason ?? ''}, Payments says ${decision?.status ?? 'nothing'} ` +
          `${decision?.reason ?? ''} and it was ${debited.has(id) ? '' : 'not '}debited`,
      );
  }
  for (const id of decisionById.keys()) violations.push(`Payments decided on order ${id}, which is not there`);
  return violations.map((what) => ({ invariant: 'I3', what }));
}

/** I5 and I7 of orders: what was answered is there, what was refused is not, one key is one order, and no order came from nowhere. */
function checkOrdersOfClient(orders: readonly Order[], history: readonly Wish[]): Violation[] {
  const orderByKey = new Map<string, Order[]>();
  for (const order of orders) {
    const key = order.idempotency_key ?? 'none';
    orderByKey.set(key, [...(orderByKey.get(key) ?? []), order]);
  }
  const violations: Violation[] = [];
  for (const wish of history.filter(({ kind }) => kind === 'order')) {
    const made = orderByKey.get(wish.key) ?? [];
    orderByKey.delete(wish.key);
    violations.push(...judgeAnswers(wish, made));
    const [order] = made;
    if (order === undefined) continue;
    if (order.user_id !== wish.userId || order.amount !== String(wish.amount) || order.description !== wish.description)
      violations.push({ invariant: 'I5', what: `order ${order.id} is not what was asked for` });
    violations.push(...judgeStates(wish, order));
  }
  for (const key of orderByKey.keys())
    violations.push({ invariant: 'I7', what: `nobody asked for the order with key ${key}` });
  return violations;
}

/** I3: an order that was seen FINISHED or CANCELED stays so. */
function judgeStates(wish: Wish, order: Order): Violation[] {
  return wish.answers
    .filter(({ status, body }) => status === 201 && body['status'] !== 'NEW')
    .filter(({ body }) => body['status'] !== order.status || body['cancel_reason'] !== order.cancel_reason)
    .map(({ body }) => ({
      invariant: 'I3',
      what: `order ${order.id} was seen ${String(body['status'])} and is ${order.status}`,
    }));
}

function checkTopUpsOfClient(credits: readonly Credit[], history: readonly Wish[]): Violation[] {
  const creditsByKey = Map.groupBy(credits, (credit) => credit.idempotency_key ?? 'none');
  const violations: Violation[] = [];
  for (const wish of history.filter(({ kind }) => kind === 'top-up')) {
    const made = creditsByKey.get(wish.key) ?? [];
    creditsByKey.delete(wish.key);
    violations.push(...judgeAnswers(wish, made));
    const [credit] = made;
    if (credit === undefined) continue;
    const told = wish.answers.filter(({ status }) => status === 201).map(({ body }) => String(body['balance_after']));
    if (credit.user_id !== wish.userId || credit.amount !== String(wish.amount))
      violations.push({ invariant: 'I5', what: `top-up ${credit.id} is not what was asked for` });
    if (told.some((balance) => balance !== credit.balance_after))
      violations.push({ invariant: 'I7', what: `top-up ${credit.id} was answered with another balance` });
  }
  for (const key of creditsByKey.keys())
    violations.push({ invariant: 'I7', what: `nobody asked for the top-up with key ${key}` });
  return violations;
}

function judgeAnswers(wish: Wish, made: ReadonlyArray<{ readonly id: string }>): Violation[] {
  const what = `${wish.kind} with key ${wish.key}`;
  const violations: Violation[] = [];
  const done = wish.answers.filter(({ status }) => status === 201);
  const told = new Set(done.map(({ body }) => body['id']));
  if (!wish.answers.some(isFinal)) violations.push({ invariant: 'I7', what: `${what} never got an answer` });
  if (made.length > 1) violations.push({ invariant: 'I7', what: `${what} is there ${made.length} times` });
  if (told.size > 1) violations.push({ invariant: 'I7', what: `${what} was answered with ${told.size} ids` });
  for (const id of told)
    if (!made.some((one) => one.id === id))
      violations.push({ invariant: 'I5', what: `${what} was answered 201 as ${String(id)} and is not there` });
  if (done.length === 0 && made.length > 0 && wish.answers.some(isFinal))
    violations.push({ invariant: 'I7', what: `${what} was refused and is there` });
  return violations;
}
