// The password of a declared account: which one it gets, if another. A password that is stored already is none: its version,
// what was derived from it, and sessions stay as they are. Pure; the comparison with the hash was made before.

import type { Alias, StoredAccount } from '../accounts/account.ts';
import { isPasswordHash } from '../accounts/password.ts';
import { type ChosenPassword, choosePassword } from '../accounts/password-change.ts';
import type { RandomBytes } from '../ids.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { DeclaredAccount } from './account-keys.ts';

/** `key`: of the declaration. */
export type NewPassword =
  | Readonly<{ key: 'password'; chosen: ChosenPassword }>
  /** `withholdsCram`: null where that is judged at the next login. */
  | Readonly<{ key: 'password_hash'; hash: string; withholdsCram: boolean | null }>;

/** Whether the newest password of an account is the declared one, by the canonical name of the account. */
export type PasswordFacts = ReadonlyMap<string, boolean>;

type PlannedPassword = Readonly<{
  /** Null: it stays. */
  made: NewPassword | null;
  problems: readonly Readonly<{ key: 'password' | 'password_hash'; text: string }>[];
  warnings: readonly string[];
}>;

const NOTHING: PlannedPassword = { made: null, problems: [], warnings: [] };

export function planPassword(
  declared: DeclaredAccount,
  before: StoredAccount | null,
  aliases: readonly Alias[],
  facts: PasswordFacts,
): PlannedPassword {
  const { password, password_hash: hash } = declared;
  if (password !== undefined && hash !== undefined) {
    return wrong('password_hash', 'stands beside password; keep one of them');
  }
  if (hash !== undefined) return planHash(declared, before, hash);
  if (password !== undefined) return planChosen(declared, before, aliases, { password, facts });
  if (before !== null) return NOTHING;
  return wrong(
    'password',
    'is missing, and the account is new; give { file: PATH }, { env: NAME } or the text itself',
  );
}

function planHash(declared: DeclaredAccount, before: StoredAccount | null, hash: string): PlannedPassword {
  if (!isPasswordHash(hash)) {
    return wrong(
      'password_hash',
      'is none; give what "postern export --with-secrets" wrote ($argon2id$v=19$…)',
    );
  }
  if (before?.credentials[0]?.passwordHash === hash) return NOTHING;
  const withholdsCram = declared.withholds_cram ?? null;
  return { ...NOTHING, made: { key: 'password_hash', hash, withholdsCram } };
}

function planChosen(
  { name, allow_weak_derived: allowWeakDerived = false }: DeclaredAccount,
  before: StoredAccount | null,
  aliases: readonly Alias[],
  { password, facts }: Readonly<{ password: string; facts: PasswordFacts }>,
): PlannedPassword {
  const names = [name, ...aliases.map(alias => alias.name)];
  const chosen = choosePassword(neverDrawn, password, names, { allowWeakDerived });
  if (chosen.kind !== 'chosen') return wrong('password', chosen.text);
  const isStored = before !== null && facts.get(canonicalName(name)) === true;
  // A password that shall serve CRAM-MD5 from now on, or no more, is set anew: what is derived of it changes.
  const withheld = before?.credentials[0]?.withholdsCram ?? chosen.withholdsCram;
  if (isStored && withheld === chosen.withholdsCram) return NOTHING;
  return { made: { key: 'password', chosen }, problems: [], warnings: chosen.warnings };
}

const neverDrawn: RandomBytes = () => {
  throw new Error('a declared password is never generated');
};

function wrong(key: 'password' | 'password_hash', text: string): PlannedPassword {
  return { ...NOTHING, problems: [{ key, text }] };
}
