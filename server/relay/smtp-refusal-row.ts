// The shape of a refusal that is known word for word, and what its advice often names. Pure.

import type { Stage } from '../queue/outcome.ts';

export type LoginKind = 'password' | 'token';

export type KnownRefusal = Readonly<{
  /** Whose words they are. */
  provider: string;
  /** The row applies at these stages; absent: at all. */
  stages?: readonly Stage[];
  codes?: readonly number[];
  enhanced?: RegExp;
  text?: RegExp;
  /** The row speaks of this kind of login alone; absent: of both. */
  login?: LoginKind;
  /** What happened, why, and what to do: sentences. `{upstream}` stands for the upstream's name. */
  means: string;
}>;

export const SET_PASSWORD = '`postern upstream set {upstream} --password-stdin`';
export const AUTHORIZE = '`postern upstream authorize {upstream}`';
