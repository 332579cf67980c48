// npm test [-- patterns and options of Jest]: all checks, then all tests on real PostgreSQL, Kafka and Apicurio.
import { jest, runAll, staticChecks } from './run-all.ts';

process.exitCode = await runAll([...staticChecks, jest('Tests', process.argv.slice(2))]);
