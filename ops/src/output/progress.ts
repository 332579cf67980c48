import type { Terminal } from '../terminal.ts';

export interface Progress {
  /** Says so when enough time has passed since the last time. */
  report(sentence: string): void;
  end(): void;
}

const quietMs = 2_000;
const intervalMs = { interactive: 500, otherwise: 5_000 };

/** Short work says nothing; long work rewrites one line on a terminal and adds a line now and then elsewhere. */
export function createProgress(terminal: Terminal, now: () => number = Date.now): Progress {
  let nextAt = now() + quietMs;
  let isLineOpen = false;
  return {
    report(sentence) {
      if (now() < nextAt) return;
      nextAt = now() + (terminal.isInteractive ? intervalMs.interactive : intervalMs.otherwise);
      terminal.err(terminal.isInteractive ? `\r\u001b[K${sentence}` : `${sentence}\n`);
      isLineOpen = terminal.isInteractive;
    },
    end() {
      if (isLineOpen) terminal.err('\r\u001b[K');
      isLineOpen = false;
    },
  };
}
