import type { Command } from './spawn-tied.ts';

/** One process of the platform, or one step that runs to its end before others may start. */
export interface Part {
  readonly name: string;
  /** A service stays up and is started again when it dies; a step is done when it exits with 0. */
  readonly kind: 'service' | 'step';
  /** Parts that must be ready, or done, before this one starts; they are stopped after it. */
  readonly after: readonly string[];
  /** Parts this one calls but need not wait for; they are stopped after it as well. */
  readonly uses?: readonly string[];
  /** What asks it to end in good order; SIGTERM unless said otherwise. */
  readonly stopSignal?: NodeJS.Signals;
  /** How long it may take to end before SIGKILL. */
  readonly stopTimeoutMs: number;
  /** One line for the person at the terminal: where to reach it. */
  readonly address?: string;
  /** Makes what the process needs on disk; runs before every start, so it must be safe to repeat. */
  prepare?(): Promise<void>;
  command(): Command | Promise<Command>;
  /** Resolves when the service does its work, rejects while it does not yet. Polled. */
  probe?(): Promise<void>;
  /** Makes what others need inside the running service (roles, topics); safe to repeat. */
  provision?(): Promise<void>;
}
