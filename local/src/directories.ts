import { join } from 'node:path';

/** The repository's root: everything is started from there. */
export const repositoryRoot = join(import.meta.dirname, '..', '..');

/** What the platform keeps on this machine; ignored by git. */
export const platformDirectory = join(repositoryRoot, '.platform');

export const downloadsDirectory = join(platformDirectory, 'downloads');
