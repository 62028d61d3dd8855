// Temporary folders for tests, removed by whoever made them and, at the latest, when this process ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const made = new Set<string>();

/** A new empty folder. The path is short, because Unix socket paths must stay below 108 octets. */
export function makeScratch(purpose: string): string {
  const folder = mkdtempSync(join(tmpdir(), `postern-${purpose}-`));
  made.add(folder);
  return folder;
}

export function removeScratch(folder: string): void {
  made.delete(folder);
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

process.on('exit', () => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});
