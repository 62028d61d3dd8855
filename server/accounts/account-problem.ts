// Why something about an account was not done: values, each with a sentence for the operator (what, why, what to do).

import type { CommitRefusal } from '../storage/database.ts';

export type AccountProblem = Readonly<{
  kind:
    | 'not-found'
    | 'name-taken'
    | 'name-invalid'
    | 'password-invalid'
    | 'sender-invalid'
    | 'nothing-to-change'
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
    text: `The name "${name}" is taken (letter case does not count): choose another, or remove that account first.`,
  };
}

/** What a refused commit means. `name` is the one that the group would have made or changed. */
export function problemOfCommit(refusal: CommitRefusal, name: string): AccountProblem {
  switch (refusal.kind) {
    case 'constraint':
      return nameTaken(name);
    case 'requirement':
      return notFound(name);
    case 'full':
      return { kind: 'storage', text: 'The disk is full, so nothing was changed: make room and try again.' };
    case 'busy':
      return {
        kind: 'busy',
        text: 'Another process held the database too long, so nothing was changed: try again.',
      };
    case 'io':
      return {
        kind: 'storage',
        text: `The database could not be written, so nothing was changed: ${refusal.text}`,
      };
    default:
      return refusal satisfies never;
  }
}
