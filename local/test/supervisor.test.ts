import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { livePid, processIdentity } from '../process-lock.mjs';
import { endLeftovers, writePidFile } from '../src/process/pid-files.ts';
import { Supervisor } from '../src/process/supervisor.ts';
import type { SupervisorEvent } from '../src/process/supervisor.ts';
import { eventually } from '../src/test-kit/eventually.ts';
import { programPart } from './program-part.ts';

const STAY = 'setInterval(() => {}, 1000)';

let directory: string;
let events: SupervisorEvent[];
let supervisor: Supervisor;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'supervisor-'));
  events = [];
  supervisor = new Supervisor({ logs: directory, pids: directory }, (event) => events.push(event));
});

afterEach(async () => {
  await supervisor.stop();
  await rm(directory, { recursive: true, force: true });
});

describe('a supervisor', () => {
  test('starts a part only after those it needs are ready, and after steps are done', async () => {
    const mark = join(directory, 'step-was-here');
    const step = `setTimeout(() => require('node:fs').writeFileSync(${JSON.stringify(mark)}, ''), 200)`;
    const seen: boolean[] = [];
    const probe = async (): Promise<void> => void seen.push(existsSync(mark));
    await supervisor.start([
      programPart('last', { program: STAY, after: ['step'], probe }),
      programPart('step', { program: step, kind: 'step', after: ['first'] }),
      programPart('first', { program: STAY }),
    ]);
    expect(seen).toEqual([true]);
    expect(events.map(({ type, part }) => `${part} ${type}`)).toEqual([
      'first starting',
      'first ready',
      'step starting',
      'step done',
      'last starting',
      'last ready',
    ]);
  });

  test('starts a part again that died, and says so', async () => {
    await supervisor.start([programPart('part', { program: STAY })]);
    const handle = supervisor.handle('part');
    const before = handle.pid();
    handle.kill('SIGKILL');
    await eventually(() => expect(handle.pid()).not.toBe(before), { timeoutMs: 5_000 });
    await handle.untilReady(5_000);
    expect(handle.pid()).toEqual(expect.any(Number));
    expect(events).toContainEqual({ type: 'died', part: 'part', reason: 'ended with SIGKILL', againInMs: 250 });
  });

  test.each([0, 20, 200])('does not take for a death that a part is replaced %s ms into its start', async (ms) => {
    let isReady = false;
    const probe = async (): Promise<void> => {
      if (!isReady) throw new Error('not yet');
    };
    const started = supervisor.start([programPart('part', { program: STAY, probe })]);
    await sleep(ms);
    const handle = supervisor.handle('part');
    const before = handle.pid();
    await handle.stop();
    expect(handle.pid()).toBeUndefined();
    isReady = true;
    handle.start();
    await started;
    await handle.untilReady(5_000);
    expect(handle.pid()).not.toBe(before);
    expect(events.filter(({ type }) => type === 'died')).toEqual([]);
  });

  test('gives up on a part that dies five times within a minute, with its last log lines', async () => {
    const start = supervisor.start([
      programPart('bystander', { program: STAY }),
      programPart('broken', { program: "console.log('I cannot go on'); process.exit(3)", probe: never }),
    ]);
    await expect(start).rejects.toThrow('broken died 5 times within a minute');
    const failure = await supervisor.failed;
    expect(failure.part).toBe('broken');
    expect(failure.lastLines).toContain('I cannot go on');
    expect(events.filter(({ type, part }) => type === 'died' && part === 'broken')).toHaveLength(4);
  });

  test('keeps a part down that was stopped on purpose, until it is to start', async () => {
    await supervisor.start([programPart('part', { program: STAY })]);
    const handle = supervisor.handle('part');
    await handle.stop();
    await new Promise((resolve) => {
      setTimeout(resolve, 600);
    });
    expect(handle.pid()).toBeUndefined();
    handle.start();
    await handle.untilReady(5_000);
    expect(events.some(({ type }) => type === 'died')).toBe(false);
  });

  test('stops every part before those it needs', async () => {
    await supervisor.start([
      programPart('base', { program: STAY }),
      programPart('middle', { program: STAY, after: ['base'] }),
      programPart('top', { program: STAY, after: ['middle'] }),
    ]);
    await supervisor.stop();
    const stopped = events.filter(({ type }) => type === 'stopped').map(({ part }) => part);
    expect(stopped).toEqual(['top', 'middle', 'base']);
  });
});

describe('a supervisor in a process of its own', () => {
  test('leaves no process behind after SIGTERM, not even one that ignores it', async () => {
    const program = await startProgram();
    program.kill('SIGTERM');
    await program.gone;
    expect(program.identities.filter((identity) => livePid(identity) !== undefined)).toEqual([]);
  });

  test('leaves no process behind when it is killed with SIGKILL', async () => {
    const program = await startProgram();
    program.kill('SIGKILL');
    await program.gone;
    await eventually(
      () => expect(program.identities.filter((identity) => livePid(identity) !== undefined)).toEqual([]),
      { timeoutMs: 2_000 },
    );
  });
});

describe('the processes that an earlier run left behind', () => {
  test('are ended', async () => {
    const child = spawn(process.execPath, ['-e', STAY]);
    const gone = new Promise((resolve) => {
      child.once('exit', (_code, signal) => resolve(signal));
    });
    writePidFile(directory, 'left', child.pid ?? 0);
    expect(endLeftovers(directory)).toEqual(['left']);
    expect(await gone).toBe('SIGKILL');
  });

  test('are not confused with another process that has the same pid by now', async () => {
    const child = spawn(process.execPath, ['-e', STAY]);
    await writeFile(join(directory, 'left.pid'), `${child.pid} 12345`);
    expect(endLeftovers(directory)).toEqual([]);
    expect(livePid(processIdentity(child.pid ?? 0))).toBe(child.pid);
    child.kill('SIGKILL');
  });
});

async function never(): Promise<void> {
  throw new Error('is never ready');
}

async function startProgram(): Promise<{
  identities: string[];
  gone: Promise<void>;
  kill(signal: NodeJS.Signals): void;
}> {
  const path = fileURLToPath(new URL('./supervised-program.ts', import.meta.url));
  const child = spawn(process.execPath, [path, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const pids = await eventually(
    () => {
      const lines = output
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { type: string; pid?: number });
      const ready = lines.filter(({ type }) => type === 'ready').map(({ pid }) => pid ?? 0);
      expect(ready).toHaveLength(3);
      return ready;
    },
    { timeoutMs: 10_000 },
  );
  return { identities: pids.map(processIdentity), gone, kill: (signal) => void child.kill(signal) };
}
