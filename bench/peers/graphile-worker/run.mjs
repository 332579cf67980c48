import { fileURLToPath } from 'node:url';
import { runMigrations } from 'graphile-worker';
import pg from 'pg';
import { insertOrder, run, settings } from '../shop.mjs';

await runMigrations({ connectionString: settings.databaseUrl });
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: settings.callers });
const job = `graphile_worker.add_job('pay', json_build_object('order', array[id::text, user_id::text, amount::text]))`;
const once = { name: 'create', text: `with created as (${insertOrder}) select ${job} from created` };
const twice = { name: 'create-twice', text: `with created as (${insertOrder}) select ${job}, ${job} from created` };
await run({
  worker: fileURLToPath(new URL('worker.mjs', import.meta.url)),
  create: (order, isToldTwice) => pool.query({ ...(isToldTwice ? twice : once), values: order }),
});
