// What the supervisor's tests supervise, from a process of its own that they can kill: prints each event as a line.
import { Supervisor } from '../src/process/supervisor.ts';
import { programPart } from './program-part.ts';

const [directory = ''] = process.argv.slice(2);
const supervisor = new Supervisor({ logs: directory, pids: directory }, ({ type, part }) => {
  process.stdout.write(`${JSON.stringify({ type, part, pid: supervisor.handle(part).pid() })}\n`);
});
process.on('SIGTERM', () => void supervisor.stop().then(() => process.exit(0)));
await supervisor.start([
  programPart('base', { program: 'setInterval(() => {}, 1000)' }),
  programPart('child', { program: 'setInterval(() => {}, 1000)', after: ['base'] }),
  programPart('deaf', { program: "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000)", after: ['base'] }),
]);
