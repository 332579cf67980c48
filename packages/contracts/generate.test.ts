import { expect, test } from '@jest/globals';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate, generatedDirectory } from './generate.ts';

function readTree(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' }).toSorted();
  return Object.fromEntries(
    files
      .filter((file) => statSync(join(directory, file)).isFile())
      .map((file) => [file, readFileSync(join(directory, file), 'utf8')]),
  );
}

test('the committed code is what `npm run proto` makes of proto/ (else run it and commit)', () => {
  const fresh = mkdtempSync(join(tmpdir(), 'order-payments-proto-'));
  try {
    generate(fresh);
    const expected = readTree(fresh);
    expect(Object.keys(expected)).toContain('orders/v1/orders.ts');
    expect(readTree(generatedDirectory)).toEqual(expected);
  } finally {
    rmSync(fresh, { recursive: true, force: true });
  }
});
