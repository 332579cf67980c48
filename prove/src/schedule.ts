import {
  callInstants,
  consumerInstants,
  gatewayInstants,
  relayInstants,
  sweeperInstants,
} from '@order-payments/local/test-kit/worst-instants.ts';
import { seededRandom } from './random.ts';

export const SERVICES = ['gateway', 'orders', 'payments', 'outbox-relay-orders', 'outbox-relay-payments'] as const;
export type ServiceName = (typeof SERVICES)[number];
export type Infrastructure = 'kafka' | 'postgres-orders' | 'postgres-payments' | 'registry';
export const LINKS = ['http', 'ordersGrpc', 'paymentsGrpc', 'ordersDb', 'paymentsDb', 'kafka', 'registry'] as const;
export type Link = (typeof LINKS)[number];

/** What goes wrong. `target` is a process, a piece of infrastructure or a link; `lastsMs` is until it is mended. */
export type Fault =
  /** kill -9; the supervisor starts it again. */
  | { readonly kind: 'kill'; readonly target: ServiceName | 'all' }
  /** SIGTERM, as an upgrade does. */
  | { readonly kind: 'terminate'; readonly target: ServiceName }
  /** SIGSTOP, then SIGCONT: longer than the consumers' session and the relay's lock live. */
  | { readonly kind: 'freeze'; readonly target: ServiceName; readonly lastsMs: number }
  /** kill -9 of infrastructure, which starts again at once. */
  | { readonly kind: 'restart'; readonly target: Infrastructure }
  /** kill -9, and down for a while. */
  | { readonly kind: 'away'; readonly target: Infrastructure; readonly lastsMs: number }
  | { readonly kind: 'cut' | 'slow' | 'silence' | 'reset'; readonly target: Link; readonly lastsMs: number }
  /** Every event once more, one in ten out of order. */
  | { readonly kind: 'duplicates'; readonly target: 'topics'; readonly lastsMs: number }
  /** A second replica is frozen with a batch in hand until the other has its partitions, and wakes. */
  | { readonly kind: 'zombie'; readonly target: 'orders' | 'payments'; readonly lastsMs: number }
  /** The leading relay is frozen until its standby leads, and wakes. */
  | { readonly kind: 'split-brain'; readonly target: 'orders' | 'payments'; readonly lastsMs: number }
  /** Someone holds a service's inbox, so that its consumer stands still. */
  | { readonly kind: 'lock'; readonly target: 'orders' | 'payments'; readonly lastsMs: number }
  /** A consumer wakes with the same events in several hands at once. */
  | { readonly kind: 'pile-up'; readonly target: 'orders' | 'payments'; readonly lastsMs: number }
  /** A row of the outbox is committed long after thousands that came later. */
  | { readonly kind: 'late-commit'; readonly target: 'orders' | 'payments'; readonly lastsMs: number }
  /** Records that nobody can apply. */
  | { readonly kind: 'poison'; readonly target: 'topics' }
  /** The database refuses some payments; when it does no more, their dead letters are redriven. */
  | { readonly kind: 'refusal'; readonly target: 'payments'; readonly lastsMs: number }
  /** Dies by its own hand at a crash seam. */
  | { readonly kind: 'seam'; readonly target: ServiceName; readonly seam: string };

export interface PlannedFault {
  readonly n: number;
  readonly atMs: number;
  readonly lane: string;
  readonly fault: Fault;
}

/** A fault, and how long until the same lane may go on to its next. */
interface Candidate {
  readonly fault: Fault;
  readonly slotMs: number;
}

const SECOND_MS = 1_000;

/** Faults come in storms, side by side; in the calm between two of them the platform has to catch up. */
const STORM_MS = 38 * SECOND_MS;
export const CALM_MS = 14 * SECOND_MS;
const CYCLE_MS = STORM_MS + CALM_MS;

function faults(slotSeconds: number, ...list: Fault[]): Candidate[] {
  return list.map((fault) => ({ fault, slotMs: slotSeconds * SECOND_MS }));
}

function seams(
  slotSeconds: number,
  target: ServiceName,
  instants: ReadonlyArray<{ readonly seam: string }>,
): Candidate[] {
  return faults(slotSeconds, ...instants.map(({ seam }) => ({ kind: 'seam', target, seam }) as const));
}

// A consumer that dies keeps its partitions for its session, 10 s: the next fault of its lane comes when another has them.
const consumer = (target: 'orders' | 'payments'): Candidate[] => [
  ...seams(13, target, consumerInstants[target]),
  ...seams(6, target, callInstants[target]),
  ...faults(12, { kind: 'kill', target }),
  ...faults(5, { kind: 'terminate', target }),
  ...faults(20, { kind: 'freeze', target, lastsMs: 12_500 }),
  ...faults(22, { kind: 'zombie', target, lastsMs: 12_500 }),
];

const relay = (service: 'orders' | 'payments'): Candidate[] => {
  const target = `outbox-relay-${service}` as const;
  return [
    ...seams(7, target, relayInstants),
    ...faults(6, { kind: 'kill', target }, { kind: 'kill', target }, { kind: 'kill', target }),
    ...faults(5, { kind: 'terminate', target }),
    ...faults(12, { kind: 'freeze', target, lastsMs: 7_500 }),
    ...faults(16, { kind: 'split-brain', target: service, lastsMs: 7_500 }),
  ];
};

/** Lanes go on side by side; within one, a fault comes after the one before. Each process is in one lane. */
const LANES: Readonly<Record<string, readonly Candidate[]>> = {
  gateway: [
    ...seams(9, 'gateway', gatewayInstants),
    ...faults(9, { kind: 'kill', target: 'gateway' }, { kind: 'kill', target: 'gateway' }),
    ...faults(9, { kind: 'terminate', target: 'gateway' }),
    ...faults(12, { kind: 'freeze', target: 'gateway', lastsMs: 3_000 }),
  ],
  // Its sweeper needs Payments behind, so this fault kills Payments as well.
  orders: [...consumer('orders'), ...seams(14, 'orders', sweeperInstants)],
  payments: consumer('payments'),
  'outbox-relay-orders': relay('orders'),
  'outbox-relay-payments': relay('payments'),
  infrastructure: [
    ...faults(20, { kind: 'restart', target: 'kafka' }),
    ...faults(15, { kind: 'restart', target: 'postgres-orders' }, { kind: 'restart', target: 'postgres-payments' }),
    ...faults(10, { kind: 'restart', target: 'registry' }),
    ...faults(18, { kind: 'away', target: 'registry', lastsMs: 8_000 }),
    ...faults(16, { kind: 'kill', target: 'all' }),
  ],
  links: LINKS.flatMap((target) => [
    ...faults(9, { kind: 'cut', target, lastsMs: 2_500 }),
    ...faults(7, { kind: 'slow', target, lastsMs: 4_000 }),
    ...faults(7, { kind: 'silence', target, lastsMs: 1_000 }),
    ...faults(4, { kind: 'reset', target, lastsMs: 0 }),
  ]),
  outboxes: [
    ...faults(15, { kind: 'late-commit', target: 'orders', lastsMs: 4_000 }),
    ...faults(15, { kind: 'late-commit', target: 'payments', lastsMs: 4_000 }),
  ],
  inboxes: [
    ...faults(12, { kind: 'lock', target: 'orders', lastsMs: 4_000 }),
    ...faults(12, { kind: 'lock', target: 'payments', lastsMs: 4_000 }),
    ...faults(20, { kind: 'pile-up', target: 'orders', lastsMs: 3_000 }),
    ...faults(20, { kind: 'pile-up', target: 'payments', lastsMs: 3_000 }),
  ],
  'dead letters': [
    ...faults(20, { kind: 'poison', target: 'topics' }),
    ...faults(20, { kind: 'refusal', target: 'payments', lastsMs: 3_000 }),
  ],
  duplicates: faults(32, { kind: 'duplicates', target: 'topics', lastsMs: 22_000 }),
};

/** For whoever asks for them: what they need to be judged, such as an inbox that stands still, the other lanes would spoil. */
const ON_REQUEST: readonly string[] = ['outboxes', 'inboxes', 'dead letters'];

/** What a fault is called where one is chosen: its kind, then what it befalls, then the seam. */
export function labelOf(fault: Fault): string {
  return [fault.kind, fault.target, ...('seam' in fault ? [fault.seam] : [])].join(':');
}

export interface ScheduleOptions {
  readonly seed: number;
  readonly windowMs: number;
  /** Labels, or how labels begin, such as `kill` or `seam:payments`; without any, all faults. */
  readonly only?: readonly string[];
  /** From here on no process is ended, so that each lives long enough to see whether its memory grows. */
  readonly sparedFromMs?: number;
}

/** The same options give the same faults, at the same instants, in the same order. */
export function makeSchedule(options: ScheduleOptions): PlannedFault[] {
  const all = (options.only ?? []).length === 0;
  return Object.entries(LANES)
    .filter(([lane]) => !(all && ON_REQUEST.includes(lane)))
    .flatMap(([lane, candidates]) =>
      fillLane(
        lane,
        candidates.filter(({ fault }) => isWanted(fault, options.only)),
        options,
      ),
    )
    .sort((a, b) => a.atMs - b.atMs || a.lane.localeCompare(b.lane))
    .map((planned, index) => ({ n: index + 1, ...planned }));
}

/** All faults of the lane in a random order, then all again, until the time is full; none that a storm has no time for. */
function fillLane(
  lane: string,
  candidates: readonly Candidate[],
  options: ScheduleOptions,
): Array<Omit<PlannedFault, 'n'>> {
  const { seed, windowMs, sparedFromMs = Infinity } = options;
  if (candidates.length === 0) return [];
  const random = seededRandom(seed, lane);
  const planned: Array<Omit<PlannedFault, 'n'>> = [];
  let deck = eachKindFirst(random.shuffled(candidates));
  for (let begin = 0; begin < windowMs; begin += CYCLE_MS) {
    const end = Math.min(begin + STORM_MS, windowMs);
    for (let atMs = begin + random.below(SECOND_MS); ;) {
      const isPossible = ({ fault, slotMs }: Candidate): boolean =>
        atMs + slotMs <= end && !(atMs >= sparedFromMs && endsProcesses(fault));
      // What did not fit comes first when there is room again.
      if (!deck.some(isPossible)) deck = [...deck, ...random.shuffled(candidates)];
      const next = deck.findIndex(isPossible);
      const [chosen] = next === -1 ? [] : deck.splice(next, 1);
      if (chosen === undefined) break;
      planned.push({ atMs, lane, fault: chosen.fault });
      atMs += Math.round(chosen.slotMs * (0.9 + 0.2 * random.fraction()));
    }
  }
  return planned;
}

/** Which storm a fault belongs to, counted from 0. */
export function stormOf({ atMs }: Pick<PlannedFault, 'atMs'>): number {
  return Math.floor(atMs / CYCLE_MS);
}

/** When a storm is to begin. */
export function beginOfStorm(storm: number): number {
  return storm * CYCLE_MS;
}

/** A short run has no time for all, so each kind comes once before the rest. */
function eachKindFirst(shuffled: readonly Candidate[]): Candidate[] {
  const firsts = new Map(shuffled.toReversed().map((one) => [one.fault.kind, one]));
  const isFirst = (one: Candidate): boolean => firsts.get(one.fault.kind) === one;
  return [...shuffled.filter(isFirst), ...shuffled.filter((one) => !isFirst(one))];
}

function isWanted(fault: Fault, only: readonly string[] = []): boolean {
  const label = labelOf(fault);
  return only.length === 0 || only.some((wanted) => label === wanted || label.startsWith(`${wanted}:`));
}

function endsProcesses({ kind }: Fault): boolean {
  return ['kill', 'terminate', 'seam'].includes(kind);
}

/** The fault of that label. */
export function faultOf(label: string): Fault {
  const candidate = Object.values(LANES)
    .flat()
    .find(({ fault }) => labelOf(fault) === label);
  if (candidate === undefined) throw new Error(`There is no fault "${label}".`);
  return candidate.fault;
}

/** Every label there is, for whoever chooses. */
export function allLabels(): string[] {
  return Object.values(LANES)
    .flat()
    .map(({ fault }) => labelOf(fault))
    .filter((label, index, labels) => labels.indexOf(label) === index);
}
