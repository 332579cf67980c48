import { closeSync, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { logPath } from '../process/log-file.ts';

/** Tells, whenever asked, whether the part has come to the crash seam since this was called. */
export function watchSeam(logs: string, part: string, seam: string): () => boolean {
  const path = logPath(logs, part);
  const line = `crash seam ${seam}\n`;
  const begin = sizeOf(path);
  let passed = false;
  return () => {
    passed ||= readFrom(path, begin).includes(line);
    return passed;
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function readFrom(path: string, begin: number): Buffer {
  if (sizeOf(path) <= begin) return Buffer.alloc(0);
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(fstatSync(file).size - begin);
    readSync(file, bytes, 0, bytes.length, begin);
    return bytes;
  } finally {
    closeSync(file);
  }
}
