import type { CancelReason } from '@order-payments/contracts/events.ts';
import type { AccountId, EventId, OrderId, TransactionId, UserId } from '@order-payments/kernel/ids.ts';
import type { Account, Debit, Payment } from './account.ts';

/** What an OrderCreated event says. */
export interface CreatedOrder {
  readonly eventId: EventId;
  readonly orderId: OrderId;
  readonly userId: UserId;
  readonly amount: bigint;
}

export interface AccountChange {
  readonly accountId: AccountId;
  /** The version that the decision was made on. */
  readonly expectedVersion: bigint;
  readonly version: bigint;
  readonly balance: bigint;
}

export interface Settlement {
  /** One for each account that paid. */
  readonly accounts: readonly AccountChange[];
  readonly debits: readonly Debit[];
  /** Decided now. */
  readonly payments: readonly Payment[];
  /** To be told, in arrival order: those decided now, and those decided before whose order was told again. */
  readonly outcomes: readonly Payment[];
  readonly rejected: ReadonlyArray<{ readonly eventId: EventId; readonly why: string }>;
}

/**
 * Decides the orders in their arrival order, on locked accounts and on what was decided before. An order that does not
 * fit consumes nothing, so a later, smaller one may pass: a window sum over the batch would charge refused orders too.
 */
export function settle(facts: {
  readonly accounts: readonly Account[];
  readonly payments: readonly Payment[];
  readonly orders: readonly CreatedOrder[];
  readonly now: Date;
  readonly newTransactionId: () => TransactionId;
}): Settlement {
  const ledger = new Map(facts.accounts.map((account) => [account.userId, openPage(account)]));
  const known = new Map(facts.payments.map((payment) => [payment.orderId, payment]));
  const told = new Set<OrderId>();
  const debits: Debit[] = [];
  const payments: Payment[] = [];
  const outcomes: Payment[] = [];
  const rejected: Array<{ eventId: EventId; why: string }> = [];

  for (const order of facts.orders) {
    let payment = known.get(order.orderId);
    if (payment === undefined) {
      const page = ledger.get(order.userId);
      payment = decide(order, page, facts.now);
      if (page !== undefined && payment.status === 'SUCCEEDED')
        debits.push(debit(page, order, { id: facts.newTransactionId(), createdAt: facts.now }));
      known.set(order.orderId, payment);
      payments.push(payment);
    } else if (payment.userId !== order.userId || payment.amount !== order.amount) {
      rejected.push({ eventId: order.eventId, why: 'the order was decided with another user or amount' });
      continue;
    }
    if (told.has(order.orderId)) continue;
    told.add(order.orderId);
    outcomes.push(payment);
  }
  return { accounts: changesOf(ledger.values()), debits, payments, outcomes, rejected };
}

/** An account while the batch is decided. */
interface Page {
  readonly account: Account;
  balance: bigint;
  version: bigint;
}

function openPage(account: Account): Page {
  return { account, balance: account.balance, version: account.version };
}

function decide(order: CreatedOrder, page: Page | undefined, now: Date): Payment {
  const decided = { orderId: order.orderId, userId: order.userId, amount: order.amount, createdAt: now };
  const refused = (reason: CancelReason): Payment => ({ ...decided, status: 'FAILED', reason });
  if (page === undefined) return refused('ACCOUNT_NOT_FOUND');
  if (page.balance < order.amount) return refused('INSUFFICIENT_FUNDS');
  return { ...decided, status: 'SUCCEEDED' };
}

function debit(page: Page, order: CreatedOrder, made: { id: TransactionId; createdAt: Date }): Debit {
  page.balance -= order.amount;
  page.version += 1n;
  return {
    ...made,
    type: 'DEBIT',
    accountId: page.account.id,
    accountVersion: page.version,
    amount: order.amount,
    orderId: order.orderId,
    balanceAfter: page.balance,
  };
}

function changesOf(pages: Iterable<Page>): AccountChange[] {
  return [...pages]
    .filter(({ account, version }) => version !== account.version)
    .map(({ account, version, balance }) => ({
      accountId: account.id,
      expectedVersion: account.version,
      version,
      balance,
    }));
}
