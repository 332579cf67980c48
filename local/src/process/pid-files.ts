import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { livePid, processIdentity } from '../../process-lock.mjs';

/** Notes which process a part is, so that a later run can end it should it outlive us. */
export function writePidFile(directory: string, name: string, pid: number): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${name}.pid`), processIdentity(pid));
}

export function removePidFile(directory: string, name: string): void {
  rmSync(join(directory, `${name}.pid`), { force: true });
}

/** Ends the processes that a killed run left behind; a pid that belongs to another process by now is not touched. */
export function endLeftovers(directory: string): string[] {
  const ended: string[] = [];
  for (const file of pidFiles(directory)) {
    const pid = livePid(readFileSync(join(directory, file), 'utf8'));
    if (pid !== undefined) {
      process.kill(pid, 'SIGKILL');
      ended.push(file.replace(/\.pid$/, ''));
    }
    rmSync(join(directory, file), { force: true });
  }
  return ended;
}

function pidFiles(directory: string): string[] {
  try {
    return readdirSync(directory).filter((file) => file.endsWith('.pid'));
  } catch {
    return [];
  }
}
