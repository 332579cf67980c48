import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * The command's options and positionals. `--help`, and whatever it does not know, end the process with its usage: 0 or 2.
 */
export function parseCommandLine<const Given extends Options>(
  usage: string,
  options: Given,
  { allowPositionals = false }: { allowPositionals?: boolean } = {},
) {
  try {
    const parsed = parseArgs({ options: { ...options, help: { type: 'boolean' } }, allowPositionals });
    if ((parsed.values as { help?: boolean }).help !== true) return parsed;
    process.stdout.write(`${usage}\n`);
    process.exit(0);
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
      refuse(error.message, usage);
    throw error;
  }
}

/** A whole number of one or more, or what the command takes where the option is not given. */
export function countOf(usage: string, option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,9}$/.test(text)) refuse(`--${option} must be a whole number of 1 or more, not "${text}".`, usage);
  return Number(text);
}

function refuse(message: string, usage: string): never {
  process.stderr.write(`${message}\n\n${usage}\n`);
  process.exit(2);
}
