// Why the database did not take an operator's change, in the one wording that all commands share: what, why, what to do.
// What a constraint or a requirement means only the caller knows, who wrote the statements.

import type { CommitRefusal } from './database.ts';

export type StorageRefusal = Extract<CommitRefusal, { kind: 'full' | 'busy' | 'io' }>;

/** One sentence or two for the operator. Nothing was changed. */
export function storageRefusalText(refusal: StorageRefusal): string {
  switch (refusal.kind) {
    case 'full':
      return 'The disk is full, so nothing was changed: make room and try again.';
    case 'busy':
      return 'Another process held the database too long, so nothing was changed: try again.';
    case 'io':
      return `The database could not be written, so nothing was changed: ${refusal.text}`;
    default:
      return refusal satisfies never;
  }
}
