/** 0: all is well, or done. 1: violations were found. 2: the command line was wrong, or the command could not run. */
export type ExitCode = 0 | 1 | 2;

/** The command line asks for what does not exist; the message says what does. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** Nothing is wrong with the command, but it cannot run; the message says what to do. */
export class CannotRunError extends Error {
  override readonly name = 'CannotRunError';
}
