import { readdirSync, readFileSync } from 'node:fs';
import { pidOf, type Rig } from './rig.ts';

/** The five processes that are the platform, by the names of their parts. */
export const NODE_PARTS = ['gateway', 'orders', 'payments', 'outbox-relay-orders', 'outbox-relay-payments'] as const;

/** The largest resident set that a process ever had, in MB of 10^6 bytes; 0 where there is no such process. */
export function peakResidentMb(pid: number): number {
  try {
    return (Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1_024) / 1e6;
  } catch {
    return 0;
  }
}

const INFRASTRUCTURE = ['postgres-orders', 'postgres-payments', 'kafka'] as const;
// Linux counts in hundredths of a second, whatever the kernel was built with.
const TICK_US = 10_000;

/** Processor time that each part has used since it began, in microseconds: with all the sessions of a PostgreSQL. */
export function processorUs(rig: Rig): Map<string, number> {
  return new Map(
    [...NODE_PARTS, ...INFRASTRUCTURE].map((part) => {
      const pid = pidOf(rig, part);
      const children = part.startsWith('postgres') ? childrenOf(pid) : [];
      const sum = [pid, ...children].reduce((total, one) => total + ticksOf(one, one === pid), 0);
      return [part, sum * TICK_US];
    }),
  );
}

/** User and system time; for a parent also that of the children that have ended. See proc_pid_stat(5), fields 14 to 17. */
function ticksOf(pid: number, isParent: boolean): number {
  const fields = statOf(pid).map(Number);
  return fields.slice(11, isParent ? 15 : 13).reduce((sum, ticks) => sum + ticks, 0);
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => statOf(one)[1] === String(pid));
}

/** The fields after the command's name, which may hold anything: the first is the state, the second the parent. */
function statOf(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}
