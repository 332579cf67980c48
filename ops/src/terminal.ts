/** Where a command writes. Results go to out and nothing else does, so that they can be piped. */
export interface Terminal {
  out(text: string): void;
  err(text: string): void;
  /** Whether err can rewrite its last line. */
  readonly isInteractive: boolean;
}
