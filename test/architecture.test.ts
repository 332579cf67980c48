import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';

// How the house is built, as a failing build. Each message names the mend. docs/architecture.md has the picture.

// Jest 29 gives a module no import.meta.dirname.
const root = fileURLToPath(new URL('..', import.meta.url));

/** A part of the code by its place, and what it may import: other parts of its own workspace, our packages, packages of others. */
interface Layer {
  readonly place: RegExp;
  readonly may: readonly string[];
  readonly why: string;
}

const service = 'services/(orders|payments)/src';
const edges = ['@order-payments/kernel', '@order-payments/contracts', '@order-payments/platform', 'zod', 'prom-client'];

// The first place that matches a file is its layer.
const layers: readonly Layer[] = [
  { place: /^packages\/kernel\/src\//, may: ['uuid', 'node:crypto', './'], why: 'the kernel is pure' },
  {
    place: /^packages\/contracts\//,
    may: [
      '@order-payments/kernel',
      '@bufbuild/protobuf',
      '@grpc/',
      '@kafkajs/',
      'grpc-health-check',
      'node:',
      './',
      '../',
      'zod',
      'avsc',
    ],
    why: 'contracts are data and generated code, and stand on the kernel alone',
  },
  {
    place: /^packages\/platform\/src\//,
    may: [
      '@order-payments/kernel',
      '@grpc/',
      '@kafkajs/',
      'avsc',
      'grpc-health-check',
      'kafkajs',
      'murmurhash',
      'node-pg-migrate',
      'node:',
      '@slonik/pg-driver',
      'pg',
      'pino',
      'prom-client',
      'slonik',
      'uuid',
      'zod',
      './',
      '../',
    ],
    why: 'platform knows no service and no contract',
  },
  {
    place: new RegExp(`^${service}/domain/`),
    may: ['@order-payments/kernel', '@order-payments/contracts', './', '../domain/'],
    why: 'domain is pure: time, ids and data are arguments; what reads or writes is in store/, what waits is in commands/',
  },
  {
    place: new RegExp(`^${service}/store/`),
    may: [...edges, 'slonik', './', '../domain/'],
    why: 'store/ holds SQL and stands on domain/',
  },
  {
    place: new RegExp(`^${service}/clients/`),
    may: [...edges, '@grpc/grpc-js', './', '../domain/'],
    why: "a client is one call of another service's contract, in the words of this domain",
  },
  {
    place: new RegExp(`^${service}/commands/`),
    may: [...edges, 'slonik', './', '../domain/', '../store/', '../clients/', '../metrics.ts'],
    why: 'a command stands on domain/ and store/ and knows no transport',
  },
  {
    place: new RegExp(`^${service}/(grpc|consumers)/`),
    may: [...edges, '@grpc/grpc-js', './', '../domain/', '../store/', '../commands/', '../metrics.ts'],
    why: 'an entry parses, calls one command or reads the store, and answers',
  },
  {
    place: new RegExp(`^${service}/`),
    may: [...edges, 'node:', './'],
    why: 'main.ts and config.ts put the parts together',
  },
  {
    place: /^services\/outbox-relay\/src\//,
    may: ['@order-payments/platform', 'kafkajs', 'node:', 'pg', 'prom-client', 'zod', './', '../'],
    why: 'the relay moves bytes and knows no contract',
  },
  {
    place: /^gateway\/src\//,
    may: [
      ...edges,
      '@grpc/grpc-js',
      '@koa/router',
      'ajv',
      'ajv/',
      'ajv-formats',
      'koa',
      'koa-',
      'koa2-swagger-ui',
      'swagger-ui-dist',
      'node:',
      './',
      '../',
    ],
    why: 'the gateway reaches services through contracts alone',
  },
  { place: /^(ops|local|e2e|prove|bench|test)\//, may: ['*'], why: '' },
];

/** Words and calls that have a home. Outside it they are a defect. */
const homes: ReadonlyArray<{ what: RegExp; where: RegExp; mend: string }> = [
  {
    what: /\bsql(\.|`|<)/,
    where: /\/(store|outbox|inbox|db)\/|^ops\/|^local\/|^bench\/|^e2e\//,
    mend: "SQL belongs in the service's store/ or in platform's outbox and inbox",
  },
  {
    what: /process\.env/,
    where:
      /\/config\.ts$|\/seam\.ts$|^local\/|^ops\/|^e2e\/|^bench\/|register-schemas\.ts$|^packages\/contracts\/generate\.ts$/,
    mend: 'read the environment in config.ts, where every default is',
  },
  {
    what: /\bconsole\./,
    where: /^local\/|^ops\/|^bench\/|^e2e\//,
    mend: 'log through the pino logger that main.ts made',
  },
  { what: /\b(TODO|FIXME|XXX)\b/, where: /^test\/architecture/, mend: 'do it now or open an issue' },
  { what: /\b(it|test|describe)\.(only|skip)\b/, where: /^test\/architecture/, mend: 'a skipped test is a defect' },
  { what: /'eachMessage'|\beachMessage:/, where: /^$/, mend: 'consume in batches: startConsumer in platform/kafka' },
  {
    what: /\bnotify\s+outbox|pg_notify/i,
    where: /\/outbox\/wake-up\.ts$|^test\/architecture/,
    mend: 'never notify in a business transaction (0.07 of the throughput): call wake() after the commit',
  },
];

const impure =
  /(\bDate\.now|new Date\(\)|Math\.random|process\.|setTimeout|crypto\.random|(?<!\.)new(Order|Transaction|Account)Id\()/;

// What the shared packages must not know: the words of this business. ("order by" and "in order" are not among them.)
const businessNouns =
  /\b(accounts?|payments?|balances?|amounts?|debits?|top-?ups?)\b|\b(order|user|account)(_id|Id)\b|Order(Created|Id)\b/i;

const linesMax = 400;

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.ts', '*.mjs'], {
  cwd: root,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && !file.includes('/generated/'));

const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const isTest = (file: string): boolean => file.endsWith('.test.ts') || /\/test\//.test(file);
const code = files.filter((file) => !isTest(file) && file.endsWith('.ts') && !file.endsWith('.config.ts'));

function importsOf(file: string): string[] {
  return [
    ...read(file).matchAll(/^(?:import|export)\b[^'";]*?from '([^']+)'|^import '([^']+)'|import\('([^']+)'\)/gm),
  ].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** An import as the table names it: relative ones that leave their folder by the folder they reach within their workspace. */
function allowed(file: string, imported: string, layer: Layer): boolean {
  if (layer.may.includes('*')) return true;
  if (!imported.startsWith('.'))
    return layer.may.some(
      (entry) =>
        !entry.startsWith('.') &&
        (imported === entry ||
          imported.startsWith(entry.endsWith('/') || entry.endsWith(':') || entry.endsWith('-') ? entry : `${entry}/`)),
    );
  const target = normalize(join(dirname(file), imported));
  if (!layer.place.test(target) && layers.find(({ place }) => place.test(target)) === undefined)
    return /^(schemas|proto)\//.test(target);
  if (layer.place.test(target)) return true;
  return layer.may.some(
    (entry) => entry.startsWith('../') && normalize(join(dirname(file), imported)).includes(entry.slice(2)),
  );
}

describe('the architecture', () => {
  test('every file of code has a layer', () => {
    expect(
      code.filter((file) => !layers.some(({ place }) => place.test(file)) && !file.startsWith('packages/contracts/')),
    ).toEqual([]);
  });

  test('imports go one way', () => {
    const wrong = code.flatMap((file) => {
      const layer = layers.find(({ place }) => place.test(file));
      if (layer === undefined) return [];
      return importsOf(file)
        .filter((imported) => !allowed(file, imported, layer))
        .map((imported) => `${file} imports ${imported}: ${layer.why}`);
    });
    expect(wrong).toEqual([]);
  });

  test('services never import each other', () => {
    const wrong = code.flatMap((file) =>
      importsOf(file)
        .filter(
          (imported) =>
            /@order-payments\/(orders|payments|outbox-relay|gateway)\b/.test(imported) &&
            !/^(local|ops|e2e|bench)\//.test(file),
        )
        .map((imported) => `${file} imports ${imported}: talk through proto/ or schemas/`),
    );
    expect(wrong).toEqual([]);
  });

  test('the checker from outside imports nothing of what it judges', () => {
    const seen = new Set<string>();
    const visit = (file: string): string[] => {
      if (seen.has(file)) return [];
      seen.add(file);
      return importsOf(file).flatMap((imported) => {
        if (imported.startsWith('.')) return visit(normalize(join(dirname(file), imported)));
        const ofLocal = /^@order-payments\/local\/(.*)$/.exec(imported)?.[1];
        if (ofLocal !== undefined) return visit(`local/src/${ofLocal}`);
        return imported.startsWith('@order-payments/')
          ? [`${file} imports ${imported}: the checker knows it by heart`]
          : [];
      });
    };
    expect(['outside-checker', 'topic-checker'].flatMap((name) => visit(`local/src/test-kit/${name}.ts`))).toEqual([]);
    expect([...seen].filter((file) => !file.startsWith('local/'))).toEqual([]);
    expect(seen.size).toBeGreaterThan(3);
  });

  test('what has a home stays there', () => {
    const wrong = code.flatMap((file) =>
      homes
        .filter(({ what, where }) => !where.test(file) && what.test(read(file)))
        .map(({ what, mend }) => `${file} has ${what}: ${mend}`),
    );
    expect(wrong).toEqual([]);
  });

  test('domain code takes time, randomness and ids as arguments', () => {
    expect(code.filter((file) => /\/domain\//.test(file) && impure.test(read(file)))).toEqual([]);
  });

  test('shared packages and the relay know no business noun', () => {
    const shared = code.filter((file) => /^(packages\/platform|services\/outbox-relay)\//.test(file));
    expect(shared.length).toBeGreaterThan(20);
    const wrong = shared.flatMap((file) => {
      // The packages are named after the product; the names of error codes are the kernel's closed set.
      const text = read(file)
        .replaceAll(/@?order-payments/g, '')
        .replaceAll(/^\s+[A-Z_]+: status\.\w+,$/gm, '');
      const noun = businessNouns.exec(text);
      return noun ? [`${file} says "${noun[0]}": make it an argument, or move it to the service`] : [];
    });
    expect(wrong).toEqual([]);
  });

  test(`no file is longer than ${linesMax} lines`, () => {
    const long = files
      .map((file) => ({ file, lines: read(file).split('\n').length }))
      .filter(({ lines }) => lines > linesMax);
    expect(long.map(({ file, lines }) => `${file} has ${lines} lines: split it by the thing or the verb`)).toEqual([]);
  });

  test('files are named in kebab-case after what they hold', () => {
    const wrong = files.filter(
      (file) =>
        !/^(.*\/)?\.?[a-z0-9]+([-.][a-z0-9]+)*$/.test(file) ||
        /\/(utils?|helpers?|common|misc|manager)\.ts$/.test(file),
    );
    expect(wrong).toEqual([]);
  });

  test.each([
    ['outbox-inbox.sql', '002-outbox-inbox.sql'],
    ['retention.sql', '004-retention.sql'],
    ['dead-letters.sql', '006-dead-letters.sql'],
  ])('the shared tables of %s are the same in every service', (shared, migration) => {
    for (const name of ['orders', 'payments'])
      expect(read(`services/${name}/migrations/${migration}`)).toBe(read(`packages/platform/sql/${shared}`));
  });
});
