import { parseArgs, type ParseArgsConfig } from 'node:util';
import { services, type OpsConfig, type Service } from './config.ts';
import { UsageError, type ExitCode } from './problem.ts';
import type { Terminal } from './terminal.ts';

export interface Context {
  readonly config: OpsConfig;
  readonly terminal: Terminal;
}

export interface Command {
  readonly summary: string;
  readonly help: string;
  run(args: readonly string[], context: Context): Promise<ExitCode>;
}

/** node:util's parser, strict; what it refuses is a UsageError. */
export function parseCommandLine<const Options extends NonNullable<ParseArgsConfig['options']>>(
  args: readonly string[],
  options: Options,
) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
      throw new UsageError(error.message, { cause: error });
    throw error;
  }
}

const secondsMax = 86_400;

export function parseSeconds(option: string, text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds > secondsMax)
    throw new UsageError(`--${option} must be a number of seconds from 0 to ${secondsMax}, not "${text}".`);
  return seconds;
}

export function parseCount(option: string, text: string, max: number): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > max)
    throw new UsageError(`--${option} must be a whole number from 1 to ${max}, not "${text}".`);
  return count;
}

export function parseService(text: string): Service {
  const service = services.find((name) => name === text);
  if (service === undefined) throw new UsageError(`--service must be ${services.join(' or ')}, not "${text}".`);
  return service;
}
