import { join } from 'node:path';
import { platformDirectory, repositoryRoot } from '@order-payments/local/directories.ts';

// What the set-up makes for the tests, and they find.
export const workDirectory = join(platformDirectory, 'chart');
export const chart = join(workDirectory, 'order-payments');
export const schemas = join(workDirectory, 'schemas');
export const sizes = ['minimal', 'bring-your-own', 'high-availability'] as const;

export function sizeFile(size: (typeof sizes)[number]): string {
  return join(repositoryRoot, 'ci', `${size}-values.yaml`);
}
