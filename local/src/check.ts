// npm run check: what can be said without running anything.
import { runAll, staticChecks } from './run-all.ts';

process.exitCode = await runAll(staticChecks);
