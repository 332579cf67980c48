import { parseArgs } from 'node:util';
import type { Command } from './command-line.ts';
import { deadLettersCommand } from './commands/dead-letters.ts';
import { reconcileCommand } from './commands/reconcile.ts';
import { smokeCommand } from './commands/smoke.ts';
import { timelineCommand } from './commands/timeline.ts';
import { opsConfig } from './config.ts';
import { adviceOn } from './databases.ts';
import { CannotRunError, UsageError, type ExitCode } from './problem.ts';
import type { Terminal } from './terminal.ts';

const commands: Readonly<Record<string, Command>> = {
  reconcile: reconcileCommand,
  'dead-letters': deadLettersCommand,
  timeline: timelineCommand,
  smoke: smokeCommand,
};

const help = `npm run ops -- COMMAND [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(14)}${summary}`)
  .join('\n')}

npm run ops -- COMMAND --help says more.

Environment (the defaults are what npm start starts):
  ORDERS_DATABASE_URL    role orders_ops
  PAYMENTS_DATABASE_URL  role payments_ops
  SCHEMA_REGISTRY_URL    only to decode what dead-letters show prints

Exit code: 0 all is well, 1 violations were found, 2 the command line was wrong or the command could not run.`;

/** The operator's command: what it was asked, answered on the terminal. */
export async function runOps(
  args: readonly string[],
  environment: NodeJS.ProcessEnv,
  terminal: Terminal,
): Promise<ExitCode> {
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    terminal.out(help);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (command === undefined) {
    terminal.err(`There is no command "${name}": it is one of ${Object.keys(commands).join(', ')}. Try --help.\n`);
    return 2;
  }
  if (asksForHelp(rest)) {
    terminal.out(command.help);
    return 0;
  }
  try {
    return await command.run(rest, { config: opsConfig(environment), terminal });
  } catch (error) {
    terminal.err(`${describeFailure(error, name)}\n`);
    return 2;
  }
}

function asksForHelp(args: readonly string[]): boolean {
  const { tokens } = parseArgs({
    args: [...args],
    options: { help: { type: 'boolean', short: 'h' } },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  return tokens.some((token) => token.kind === 'option' && token.name === 'help');
}

function describeFailure(error: unknown, command: string): string {
  if (error instanceof UsageError) return `${error.message}\nTry: npm run ops -- ${command} --help`;
  if (error instanceof CannotRunError) return error.message;
  const advice = adviceOn(error);
  if (advice !== undefined) return advice;
  // Whatever is left is a broken connection or a bug; the stack tells which.
  return `ops ${command} failed and has nothing to report: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
}
