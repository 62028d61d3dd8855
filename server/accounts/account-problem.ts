// Why something about an account was not done: values, each with a sentence for the operator (what, why, what to do).

import { type StorageRefusal, storageRefusalText } from '../storage/refusal-text.ts';

export type AccountProblem = Readonly<{
  kind:
    | 'not-found'
    | 'name-taken'
    | 'name-invalid'
    | 'no-such-alias'
    | 'password-invalid'
    | 'setting-invalid'
    | 'nothing-to-change'
    | 'overtaken'
    | 'busy'
    | 'storage';
  text: string;
}>;

export function notFound(name: string): AccountProblem {
  return {
    kind: 'not-found',
    text: `There is no account named "${name}": "postern account list" shows them all.`,
  };
}

export function nameTaken(name: string): AccountProblem {
  return {
    kind: 'name-taken',
    text: `The name "${name}" is taken by an account or one of its aliases (letter case does not count): choose another, or take it away there first.`,
  };
}

export function noSuchAlias(alias: string, has: readonly string[]): AccountProblem {
  const known = has.length === 0 ? 'it has none' : `it has ${has.join(', ')}`;
  return { kind: 'no-such-alias', text: `The account has no alias "${alias}": ${known}.` };
}

/** A password, or what goes with it, was changed by somebody else while ours was being made. */
export const OVERTAKEN: AccountProblem = {
  kind: 'overtaken',
  text: 'Somebody else changed the account at the same moment, so nothing was changed: try again.',
};

/** Why the database did not commit, apart from what was asked of it. */
export function problemOfStorage(refusal: StorageRefusal): AccountProblem {
  return { kind: refusal.kind === 'busy' ? 'busy' : 'storage', text: storageRefusalText(refusal) };
}
