// A lock between processes that a crash cannot leave behind. Plain JavaScript, for bootstrap.mjs runs on Node 20.
import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** When a process began, in the system's own words; undefined when it is gone. Tells a reused pid from the one we knew. */
export function processBirth(pid) {
  if (process.platform === 'linux') {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' ? undefined : fields[19];
    } catch {
      return undefined;
    }
  }
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}

/** "pid birth", as lock and pid files hold it. */
export function processIdentity(pid) {
  return `${pid} ${processBirth(pid) ?? ''}`;
}

/** The pid of an identity whose process still runs; undefined when it is gone or its pid belongs to another by now. */
export function livePid(identity) {
  const [pid, ...birth] = identity.trim().split(' ');
  const now = processBirth(Number(pid));
  return now !== undefined && now === birth.join(' ') ? Number(pid) : undefined;
}

/** Takes the lock file: undefined when it is ours now, otherwise the pid of who holds it. */
export function tryLock(path) {
  mkdirSync(dirname(path), { recursive: true });
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, processIdentity(process.pid));
  try {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      try {
        // A link appears with its content or not at all, so nobody ever reads a half-written lock.
        linkSync(mine, path);
        return undefined;
      } catch (error) {
        if (error.code !== 'EEXIST') throw error;
      }
      const holder = readLock(path);
      const pid = holder === undefined ? undefined : livePid(holder);
      if (pid !== undefined) return pid;
      if (holder !== undefined) removeStale(path, holder);
    }
    throw new Error(`The lock ${path} changes hands without end.`);
  } finally {
    rmSync(mine, { force: true });
  }
}

export function unlock(path) {
  rmSync(path, { force: true });
}

/** Runs `work` while holding the lock; `onWait` is called once when another process holds it. */
export async function withLock(path, onWait, work) {
  let told = false;
  for (let pid = tryLock(path); pid !== undefined; pid = tryLock(path)) {
    if (!told) onWait(pid);
    told = true;
    await sleep(300);
  }
  try {
    return await work();
  } finally {
    unlock(path);
  }
}

function readLock(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function removeStale(path, holder) {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
    // Another process may have replaced the stale lock with its own since we read it: then it gets its lock back.
    if (readFileSync(aside, 'utf8') !== holder) linkSync(aside, path);
  } catch {
    // Somebody else was quicker; the next attempt sees who.
  }
  rmSync(aside, { force: true });
}
