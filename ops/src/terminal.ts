/** Where a command writes. Results go to out and nothing else does, so that they can be piped. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether err can rewrite its last line. */
  readonly isInteractive: boolean;
}

export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(text),
  isInteractive: process.stderr.isTTY === true,
};
