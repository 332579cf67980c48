// `npm run proto`: proto/ -> packages/contracts/src/generated/. The result is committed, so nobody needs protoc to run the platform.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);
const packageOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));
const repository = fileURLToPath(new URL('../..', import.meta.url));

export const generatedDirectory = fileURLToPath(new URL('src/generated', import.meta.url));
const protoFiles = ['orders/v1/orders.proto', 'payments/v1/payments.proto'];

const options = [
  // The header would name protoc's version, and the two compilers below have different ones.
  'annotateFilesWithVersion=false',
  // Node strips types and does not compile: no enum, and imports carry their suffix.
  'enumsAsLiterals=true',
  'importSuffix=.ts',
  'esModuleInterop=true',
  'forceLong=bigint',
  'env=node',
  'outputServices=grpc-js',
  'snakeToCamel=keys',
  'unrecognizedEnum=false',
  'useExactTypes=false',
  'outputJsonMethods=false',
  'outputPartialMethods=false',
];

/**
 * grpc-tools downloads its compiler in an install script, which a closed network or `ignore-scripts` leaves out;
 * the package `protoc` carries its compiler inside. Both only parse: the code comes from ts-proto.
 */
export function findProtoc(): { command: string; args: string[] } {
  const grpcTools = join(repository, 'node_modules/grpc-tools/bin/protoc');
  if (existsSync(grpcTools)) return { command: grpcTools, args: [] };
  return { command: process.execPath, args: [join(packageOf('protoc'), 'protoc.cjs')] };
}

export function generate(outputDirectory: string, protoc = findProtoc()): void {
  mkdirSync(outputDirectory, { recursive: true });
  const args = [
    ...protoc.args,
    `--plugin=protoc-gen-ts_proto=${join(packageOf('ts-proto'), 'protoc-gen-ts_proto')}`,
    `--ts_proto_out=${outputDirectory}`,
    `--ts_proto_opt=${options.join(',')}`,
    `--proto_path=${join(repository, 'proto')}`,
    // Google's own files always from one place: their comments differ between versions and end up in the output.
    `--proto_path=${join(packageOf('protoc'), 'include')}`,
    ...protoFiles,
  ];
  // The plugin is a script for whichever `node` is first on PATH: let it be this one.
  const env = { ...process.env, PATH: [dirname(process.execPath), process.env.PATH ?? ''].join(delimiter) };
  execFileSync(protoc.command, args, { env, stdio: ['ignore', 'inherit', 'inherit'], timeout: 60_000 });
  for (const file of protoFiles) refuseInvalidText(join(outputDirectory, file.replace(/\.proto$/, '.ts')));
}

/** proto3 says that strings are UTF-8. The reader puts U+FFFD for what is none unless it is told to throw. */
function refuseInvalidText(file: string): void {
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('reader.string()', 'reader.string(true)'));
}

/** Replaces the whole folder, so that code of a contract that is gone goes too. */
function regenerate(): void {
  const workDirectory = mkdtempSync(`${generatedDirectory}-`);
  try {
    const fresh = join(workDirectory, 'generated');
    generate(fresh);
    rmSync(generatedDirectory, { recursive: true, force: true });
    renameSync(fresh, generatedDirectory);
  } finally {
    rmSync(workDirectory, { recursive: true, force: true });
  }
}

if (import.meta.main) {
  regenerate();
  process.stdout.write(`generated ${generatedDirectory}\n`);
}
