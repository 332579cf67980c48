import { readFile } from 'node:fs/promises';
import type { Platform } from '@order-payments/local/platform.ts';

export const PROCESSES = ['gateway', 'orders', 'payments', 'outbox-relay-orders', 'outbox-relay-payments'] as const;

export type ProcessName = (typeof PROCESSES)[number];

/** Resident memory of each of our processes, in MB. */
export async function readMemory(platform: Platform): Promise<Record<ProcessName, number>> {
  const read = async (name: ProcessName): Promise<readonly [ProcessName, number]> => {
    const pid = platform.part(name).pid();
    const status = pid === undefined ? '' : await readFile(`/proc/${pid}/status`, 'utf8');
    return [name, Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024)];
  };
  return Object.fromEntries(await Promise.all(PROCESSES.map(read))) as Record<ProcessName, number>;
}

/** CPU time that a process has used so far, which no other program's load changes much. Its clock ticks 100 times a second. */
export async function readCpuMs(platform: Platform, name: ProcessName): Promise<number> {
  const stat = await readFile(`/proc/${platform.part(name).pid()}/stat`, 'utf8');
  // The name in parentheses may hold spaces; user and system time are the 12th and 13th field behind it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** The process ids, to see at the end that they are the same. */
export function readPids(platform: Platform): Record<ProcessName, number | undefined> {
  return Object.fromEntries(PROCESSES.map((name) => [name, platform.part(name).pid()])) as Record<
    ProcessName,
    number | undefined
  >;
}
