import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const TAIL_BYTES = 16_384;

export function logPath(directory: string, name: string): string {
  return join(directory, `${name}.log`);
}

/** Begins a new log and keeps the one before it, so logs never hold more than two runs. */
export function rotateLog(directory: string, name: string): void {
  mkdirSync(directory, { recursive: true });
  const path = logPath(directory, name);
  if (existsSync(path)) renameSync(path, `${path}.1`);
}

/** The last lines a part wrote, for the sentence that says why it ended. */
export function lastLines(directory: string, name: string, count: number): string[] {
  const path = logPath(directory, name);
  if (!existsSync(path)) return [];
  const file = openSync(path, 'r');
  try {
    const size = fstatSync(file).size;
    const buffer = Buffer.alloc(Math.min(size, TAIL_BYTES));
    readSync(file, buffer, 0, buffer.length, size - buffer.length);
    return buffer.toString().trimEnd().split('\n').slice(-count);
  } finally {
    closeSync(file);
  }
}
