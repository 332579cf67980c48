import { parseCommandLine, parseCount, parseService, type Command, type Context } from '../command-line.ts';
import { services, type Service } from '../config.ts';
import { withDatabases, type Databases } from '../databases.ts';
import { letterStates, type DeadLetter, type LetterState, type ListedLetter } from '../domain/dead-letter.ts';
import { printable, toJson } from '../output/printable.ts';
import { CannotRunError, UsageError, type ExitCode } from '../problem.ts';
import { findLetters, listLetters } from '../store/dead-letters.ts';
import { changeAllLetters, changeLetters, type Change, type Outcome } from './change-letters.ts';
import { decodeLetter } from './decode-letter.ts';
import { letterForMachines, lettersTable, listedForMachines, placeOf, showLetter } from './show-letters.ts';

const help = `npm run ops -- dead-letters list    [--service S] [--topic T] [--state STATE] [--limit N] [--json]
npm run ops -- dead-letters show    --service S ID... [--json]
npm run ops -- dead-letters redrive (--service S ID... | --all [--service S]) [--topic T] [--dry-run] [--force] [--json]
npm run ops -- dead-letters discard (--service S ID... | --all [--service S]) [--topic T] [--dry-run] [--force] [--json]

Dead letters are the records that a service could never apply as they are. Mend the cause, then redrive them.

redrive sends the same bytes to the same topic again, under the same key and so as the same event. The record goes to the
outbox of the database that holds the letter, in one transaction with the letter's new state; the relay sends it. It is
safe to repeat: what is REDRIVEN is left alone, and a record that is sent twice is a duplicate to the inbox.
A key that is null or no UTF-8 text is sent as an empty one, which changes the partition only; headers are not sent.
discard takes a letter off the list and keeps it in the table.

  --service orders|payments  whose letters (ids are per service)
  --all                      every letter that is DEAD
  --topic TOPIC              only those of the topic
  --state STATE              DEAD (default), REDRIVEN, DISCARDED or all
  --limit N                  how many to list of each service (100)
  --dry-run                  says what would be done and does nothing
  --force                    redrive what is DISCARDED or REDRIVEN, discard what is REDRIVEN
  --json                     for machines (run npm with -s, so that it prints nothing of its own)

Exit code: 0 done, 2 a letter was refused or does not exist, or the command could not run.`;

const limitMax = 10_000;

export const deadLettersCommand: Command = {
  summary: 'lists, shows, redrives and discards the records that could not be applied',
  help,
  async run(args, context) {
    const { values, positionals } = parseCommandLine(args, {
      service: { type: 'string' },
      topic: { type: 'string' },
      state: { type: 'string', default: 'DEAD' },
      limit: { type: 'string', default: '100' },
      all: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      force: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    });
    const [action, ...ids] = positionals;
    const request: Request = {
      service: values.service === undefined ? undefined : parseService(values.service),
      ids: ids.map(parseLetterId),
      filter: values.topic === undefined ? {} : { topic: values.topic },
      states: parseStates(values.state),
      limit: parseCount('limit', values.limit, limitMax),
      all: values.all,
      dryRun: values['dry-run'],
      force: values.force,
      json: values.json,
    };
    switch (action) {
      case 'list':
        return await list(request, context);
      case 'show':
        return await show(request, context);
      case 'redrive':
      case 'discard':
        return await change(action, request, context);
      default:
        throw new UsageError(
          action === undefined
            ? 'Say what to do: list, show, redrive or discard.'
            : `dead-letters does not know "${action}": it is list, show, redrive or discard.`,
        );
    }
  },
};

interface Request {
  readonly service: Service | undefined;
  readonly ids: readonly bigint[];
  readonly filter: { topic?: string };
  readonly states: readonly LetterState[];
  readonly limit: number;
  readonly all: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly json: boolean;
}

async function list(request: Request, { config, terminal }: Context): Promise<ExitCode> {
  if (request.ids.length > 0) throw new UsageError('list takes no ids; show does.');
  const found = await withDatabases(config, 'read-only', async (databases) => {
    const letters: Array<{ service: Service; letter: ListedLetter }> = [];
    for (const service of servicesOf(request)) {
      const filter = { ...request.filter, states: request.states };
      const page = await listLetters(databases[service], filter, request.limit);
      letters.push(...page.map((letter) => ({ service, letter })));
    }
    return letters;
  });
  if (request.json) terminal.out(toJson(found.map(({ service, letter }) => listedForMachines(service, letter))));
  else terminal.out(found.length === 0 ? 'There are no such dead letters.' : lettersTable(found));
  return 0;
}

async function show(request: Request, { config, terminal }: Context): Promise<ExitCode> {
  const { service, ids } = requireIds(request);
  const letters = await withDatabases(config, 'read-only', (databases) => findLetters(databases[service], ids));
  requireAll(service, ids, letters);
  const shown = [];
  for (const letter of letters) shown.push({ letter, content: await decodeLetter(config.registryUrl, letter.value) });
  terminal.out(
    request.json
      ? toJson(shown.map(({ letter, content }) => ({ ...letterForMachines(service, letter), ...content })))
      : shown.map(({ letter, content }) => showLetter(service, letter, content)).join('\n\n'),
  );
  return 0;
}

async function change(what: Change, request: Request, { config, terminal }: Context): Promise<ExitCode> {
  if (request.all === request.ids.length > 0)
    throw new UsageError(`Say which letters to ${what}: either their ids with --service, or --all.`);
  if (request.ids.length > 0 && request.filter.topic !== undefined)
    throw new UsageError('--topic goes with --all: an id names one letter already.');
  const access = request.dryRun ? 'read-only' : 'read-write';
  const counts = { done: 0, already: 0, refused: 0 };
  const report: object[] = [];
  await withDatabases(config, access, async (databases) => {
    for await (const { service, outcomes } of changes(what, request, databases)) {
      for (const outcome of outcomes) {
        counts[outcome.result] += 1;
        if (request.json) report.push(outcomeForMachines(service, outcome));
        else terminal.out(describeOutcome(what, service, outcome, request.dryRun));
      }
    }
  });
  if (request.json) terminal.out(toJson({ dry_run: request.dryRun, counts, letters: report }));
  else terminal.out(describeCounts(what, counts, request.dryRun));
  return counts.refused > 0 ? 2 : 0;
}

async function* changes(
  what: Change,
  request: Request,
  databases: Databases,
): AsyncGenerator<{ service: Service; outcomes: readonly Outcome[] }> {
  if (request.all) {
    for (const service of servicesOf(request))
      for await (const outcomes of changeAllLetters(databases[service], what, request.filter, request))
        yield { service, outcomes };
    return;
  }
  const { service, ids } = requireIds(request);
  // All of them exist before the first is changed: a mistyped id changes nothing.
  requireAll(service, ids, await findLetters(databases[service], ids));
  for await (const outcomes of changeLetters(databases[service], what, ids, request)) yield { service, outcomes };
}

function servicesOf({ service }: Request): readonly Service[] {
  return service === undefined ? services : [service];
}

function requireIds({ service, ids }: Request): { service: Service; ids: readonly bigint[] } {
  if (ids.length === 0) throw new UsageError('Name at least one letter; dead-letters list shows their ids.');
  if (service === undefined) throw new UsageError('Ids are per service: add --service orders or --service payments.');
  return { service, ids: [...new Set(ids)] };
}

function requireAll(service: Service, ids: readonly bigint[], letters: readonly DeadLetter[]): void {
  const found = new Set(letters.map(({ id }) => id));
  const unknown = ids.filter((id) => !found.has(id));
  if (unknown.length > 0)
    throw new CannotRunError(
      `${service} has no dead letter ${unknown.join(', ')}. See: npm run ops -- dead-letters list --state all`,
    );
}

function parseLetterId(text: string): bigint {
  // Ids of the table's identity column.
  if (!/^[1-9]\d{0,17}$/.test(text)) throw new UsageError(`"${printable(text)}" is not the id of a dead letter.`);
  return BigInt(text);
}

function parseStates(text: string): readonly LetterState[] {
  if (text.toLowerCase() === 'all') return letterStates;
  const state = letterStates.find((name) => name === text.toUpperCase());
  if (state === undefined) throw new UsageError(`--state must be ${letterStates.join(', ')} or all, not "${text}".`);
  return [state];
}

function describeOutcome(what: Change, service: Service, { letter, result, note }: Outcome, dryRun: boolean): string {
  const done = `${dryRun ? 'would be ' : ''}${what === 'redrive' ? 'redriven' : 'discarded'}`;
  const text = { done, already: 'left alone', refused: 'refused' }[result];
  return `${service} ${letter.id}  ${placeOf(letter)}  ${text}${note === undefined ? '' : `: ${note}`}`;
}

function describeCounts(what: Change, counts: Record<Outcome['result'], number>, dryRun: boolean): string {
  const done = what === 'redrive' ? 'redriven' : 'discarded';
  const sum = `${counts.done} ${done}, ${counts.already} left alone, ${counts.refused} refused.`;
  return dryRun ? `Dry run, nothing was changed: ${sum}` : sum;
}

function outcomeForMachines(service: Service, { letter, result, note }: Outcome) {
  return { service, id: letter.id, event_id: letter.eventId, result, note: note ?? null };
}
