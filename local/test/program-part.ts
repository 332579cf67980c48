import type { Part } from '../src/process/part.ts';

/** A part that runs a line of JavaScript. */
export function programPart(
  name: string,
  options: { program: string; after?: string[]; kind?: 'service' | 'step'; probe?: () => Promise<void> },
): Part {
  return {
    name,
    kind: options.kind ?? 'service',
    after: options.after ?? [],
    stopTimeoutMs: 500,
    command: () => ({ file: process.execPath, args: ['-e', options.program] }),
    ...(options.probe === undefined ? {} : { probe: options.probe }),
  };
}
