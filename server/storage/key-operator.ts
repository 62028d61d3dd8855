// What the operator can see and do about the sealing key.

import { statSync } from 'node:fs';
import type { EpochMs } from '../clock.ts';
import type { KeyRefusal } from './key-change.ts';
import { type KeyReset, resetKey, whatIsForgotten } from './key-reset.ts';
import { type KeyDeps, type Rotated, rotateKey } from './key-rotation.ts';
import type { LostWithKey } from './lost-with-key.ts';
import type { Sealer } from './sealing.ts';

export type KeyFacts = Readonly<{
  path: string;
  /** Of the key in force; null while it is lost. */
  id: string | null;
  /** What is wrong with it and what to do; null where nothing is. */
  trouble: string | null;
  /** When its file was written: made, replaced or put back; null where there is none. */
  writtenAt: EpochMs | null;
}>;

export type KeyOperator = Readonly<{
  show: () => KeyFacts;
  rotate: () => Promise<Rotated | KeyRefusal>;
  /** What `reset` would forget. */
  atStake: () => Promise<LostWithKey>;
  reset: () => Promise<KeyReset | KeyRefusal>;
}>;

export function createKeyOperator(deps: KeyDeps & Readonly<{ sealer: Sealer }>): KeyOperator {
  const { path, database, sealer } = deps;
  return {
    show: () => ({
      path,
      id: sealer.keyId(),
      trouble: sealer.trouble(),
      writtenAt: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? null,
    }),
    rotate: () => rotateKey(deps),
    atStake: () => whatIsForgotten(database),
    reset: async () => {
      const result = await resetKey(deps);
      // It is there again, for this process too.
      if (result.kind === 'reset') await sealer.refresh();
      return result;
    },
  };
}
