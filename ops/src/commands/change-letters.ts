import type { Database, Transaction } from '@order-payments/platform/db/pool.ts';
import { appendToOutbox } from '@order-payments/platform/outbox/outbox.ts';
import {
  judgeDiscard,
  judgeRedrive,
  type DeadLetter,
  type LetterState,
  type RedrivenRecord,
  type Verdict,
} from '../domain/dead-letter.ts';
import {
  findLetters,
  lastLetterId,
  lockLetters,
  markDiscarded,
  markRedriven,
  selectLetterIds,
} from '../store/dead-letters.ts';

export type Change = 'redrive' | 'discard';

/** What became of one letter, or would become of it. */
export interface Outcome {
  readonly letter: DeadLetter;
  readonly result: 'done' | 'already' | 'refused';
  /** Why not, or what is worth knowing. */
  readonly note: string | undefined;
}

export interface ChangeOptions {
  readonly dryRun: boolean;
  readonly force: boolean;
}

// A transaction's locks and memory stay small: a letter is at most a Kafka record, 1 MiB, and most are 200 bytes.
const lettersPerTransaction = 100;

/** Those of the ids that exist, in id order. Each transaction is whole: interrupted, the command can be given again. */
export async function* changeLetters(
  database: Database,
  change: Change,
  ids: readonly bigint[],
  options: ChangeOptions,
): AsyncGenerator<readonly Outcome[]> {
  for (let start = 0; start < ids.length; start += lettersPerTransaction) {
    const some = ids.slice(start, start + lettersPerTransaction);
    yield options.dryRun
      ? (await findLetters(database, some)).map((letter) => judge(letter, change, options).outcome)
      : await database.transaction((transaction) => changeSome(transaction, change, some, options));
  }
}

/** All letters that are DEAD now, of one topic where it is given. */
export async function* changeAllLetters(
  database: Database,
  change: Change,
  filter: { topic?: string },
  options: ChangeOptions,
): AsyncGenerator<readonly Outcome[]> {
  const states: readonly LetterState[] = ['DEAD'];
  // A redriven record whose cause is not mended is buried anew, and must not be redriven in circles.
  const throughId = await lastLetterId(database);
  let afterId = 0n;
  for (;;) {
    const page = { afterId, throughId, limit: lettersPerTransaction };
    const ids = await selectLetterIds(database, { ...filter, states }, page);
    const last = ids.at(-1);
    if (last === undefined) return;
    yield* changeLetters(database, change, ids, options);
    afterId = last;
  }
}

/** Outbox rows and states are one transaction: a letter is redriven if and only if its record is on its way. */
async function changeSome(
  transaction: Transaction,
  change: Change,
  ids: readonly bigint[],
  options: ChangeOptions,
): Promise<readonly Outcome[]> {
  const judged = (await lockLetters(transaction, ids)).map((letter) => judge(letter, change, options));
  const done = judged.filter(({ outcome }) => outcome.result === 'done').map(({ outcome }) => outcome.letter.id);
  if (done.length === 0) return judged.map(({ outcome }) => outcome);
  if (change === 'redrive') {
    await appendToOutbox(
      transaction,
      judged.flatMap(({ record }) => record ?? []),
    );
    await markRedriven(transaction, done);
  } else {
    await markDiscarded(transaction, done);
  }
  return judged.map(({ outcome }) => outcome);
}

function judge(
  letter: DeadLetter,
  change: Change,
  options: ChangeOptions,
): { outcome: Outcome; record: RedrivenRecord | undefined } {
  const verdict: Verdict<RedrivenRecord | 'discard'> =
    change === 'redrive' ? judgeRedrive(letter, options) : judgeDiscard(letter, options);
  if (verdict.kind !== 'do') return { outcome: { letter, result: verdict.kind, note: verdict.why }, record: undefined };
  const record = verdict.what === 'discard' ? undefined : verdict.what;
  return { outcome: { letter, result: 'done', note: verdict.note }, record };
}
