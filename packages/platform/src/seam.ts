/**
 * A named instant at which a process may die. It does nothing unless the environment arms it, for the crash tests:
 *   CRASH_AT=name         dies (SIGKILL, as a lost machine does) when it comes there the first time
 *   CRASH_AT=name:3       the third time
 *   CRASH_SIGNAL=SIGSTOP  gets this signal instead: SIGSTOP freezes it there, SIGTERM asks it there to end
 * A name that ends in "-sent" dies one turn of the event loop later, when what was just handed to a socket
 * (a COMMIT, a batch) has left and its answer has not been read.
 */
export function seam(name: string): void {
  if (name !== armedName || --remaining !== 0) return;
  if (name.endsWith('-sent')) setImmediate(die);
  else die();
}

const [armedName, nth] = (process.env['CRASH_AT'] ?? '').split(':');
const signal = (process.env['CRASH_SIGNAL'] ?? 'SIGKILL') as NodeJS.Signals;
let remaining = Number(nth ?? 1);

function die(): void {
  process.stderr.write(`crash seam ${armedName ?? ''}\n`);
  process.kill(process.pid, signal);
}
