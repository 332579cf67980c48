import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's root: everything is started from there. */
export const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url));

/** What the platform keeps on this machine; ignored by git. */
export const platformDirectory = join(repositoryRoot, '.platform');

export const downloadsDirectory = join(platformDirectory, 'downloads');
