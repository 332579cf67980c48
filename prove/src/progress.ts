import type { WriteStream } from 'node:tty';
import type { Progress } from './prove.ts';

export interface Ticker {
  say(what: string): void;
  progress(progress: Progress): void;
  end(): void;
}

const LINE_INTERVAL_MS = 10_000;
const ERASE_LINE = '\r\u001b[2K';

/** One line that is written again and again in a terminal, a line every ten seconds elsewhere. */
export function createTicker(out: Pick<WriteStream, 'write' | 'isTTY' | 'columns'>): Ticker {
  const startedAt = Date.now();
  let saidAt = 0;
  let open = false;
  const erase = (): void => {
    if (open) out.write(ERASE_LINE);
    open = false;
  };
  return {
    say: (what) => {
      erase();
      out.write(`[${((Date.now() - startedAt) / 1_000).toFixed(0).padStart(4)} s] ${what}\n`);
    },
    progress: (progress) => {
      if (out.isTTY) {
        out.write(`${ERASE_LINE}${describe(progress).slice(0, out.columns - 1)}`);
        open = true;
      } else if (Date.now() - saidAt >= LINE_INTERVAL_MS) {
        saidAt = Date.now();
        out.write(`${describe(progress)}\n`);
      }
    },
    end: erase,
  };
}

function describe(progress: Progress): string {
  const { elapsedSeconds, seconds, orders, ordersPlanned, faults, faultsPlanned, kills, violations, now } = progress;
  return [
    `[${elapsedSeconds.toFixed(0).padStart(4)} s of ${seconds}]`,
    `orders ${orders}/${ordersPlanned}`,
    `faults ${faults}/${faultsPlanned}`,
    `kills ${kills}`,
    `violations ${violations}`,
    `now: ${now.join(', ')}`,
  ].join('  ');
}
