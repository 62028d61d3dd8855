// A password on its way into the database: chosen or generated, hashed, and what other mechanisms need derived at once.
// In a changeover the new one takes the argon2 salt and the SCRAM salt of the old one, so that one computation and one salt
// serve both; at most two are in force, so a third ends the oldest.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { RandomBytes } from '../ids.ts';
import type { Statement } from '../storage/database.ts';
import type { LastingKey } from '../storage/lasting-key.ts';
import type { Sealing } from '../storage/sealing.ts';
import { type Account, isInForce, type StoredAccount, type StoredCredential } from './account.ts';
import { type Step, steps } from './account-commit.ts';
import { type AccountProblem, notFound, OVERTAKEN } from './account-problem.ts';
import {
  deleteCredentials,
  insertCredential,
  liftBans,
  raiseCredentialVersion,
  requireAccount,
  updateCredentialEnd,
} from './account-statements.ts';
import { type DeriveSecrets, type OpenSecret, putDerivedSecrets, secretNames } from './derived-secrets.ts';
import { nameTag } from './name-tag.ts';
import type { PasswordHasher } from './password.ts';
import { generatePassword, passwordProblem, passwordWeakness } from './password-choice.ts';

export type PasswordOptions = Readonly<{
  /** How long the old password stays in force; absent: it ends at once. */
  grace?: DurationMs;
  /** CRAM-MD5 is to work with a weak password too. */
  allowWeakDerived?: boolean;
}>;

export type ChosenPassword = Readonly<{
  kind: 'chosen';
  password: string;
  madeBy: 'postern' | 'person';
  withholdsCram: boolean;
  /** For the operator, one line each. */
  warnings: readonly string[];
}>;

const NO_CRAM =
  'CRAM-MD5 will not work with it, because what that mechanism stores makes a weak password quick to guess; --allow-weak-derived allows it.';

/** Null generates one. */
export function choosePassword(
  random: RandomBytes,
  password: string | null,
  names: readonly string[],
  { allowWeakDerived = false }: PasswordOptions,
): ChosenPassword | AccountProblem {
  if (password === null) {
    const generated = generatePassword(random);
    return {
      kind: 'chosen',
      password: generated,
      madeBy: 'postern',
      withholdsCram: false,
      warnings: [],
    };
  }
  const problem = passwordProblem(password);
  if (problem !== null) return { kind: 'password-invalid', text: problem };
  const weakness = passwordWeakness(password, names);
  const withholdsCram = weakness !== null && !allowWeakDerived;
  return {
    kind: 'chosen',
    password,
    madeBy: 'person',
    withholdsCram,
    warnings: weakness === null ? [] : [withholdsCram ? `${weakness} ${NO_CRAM}` : weakness],
  };
}

/** Which password it becomes, and which one stays beside it. */
export type Changeover = Readonly<{
  version: number;
  saltVersion: number;
  kept: Readonly<{ credential: StoredCredential; endsAt: EpochMs }> | null;
}>;

export function planChangeover(
  { account, credentials }: StoredAccount,
  grace: DurationMs | undefined,
  now: EpochMs,
): Changeover {
  const version = account.credentialVersion + 1;
  const newest = credentials.find(credential => isInForce(credential, now));
  if (newest === undefined || grace === undefined) return { version, saltVersion: version, kept: null };
  return { version, saltVersion: newest.saltVersion, kept: { credential: newest, endsAt: now + grace } };
}

/** For the audit. */
export function describePassword({ madeBy }: ChosenPassword, { kept }: Changeover): string {
  const made = madeBy === 'postern' ? 'generated' : 'chosen by a person';
  const old = kept === null ? '' : `; the old one stays until ${new Date(kept.endsAt).toISOString()}`;
  return `${made}${old}`;
}

/** All that is to be stored of a new password; the secrets are sealed only when it is. */
export type MadeCredential = Readonly<{
  credential: Omit<StoredCredential, 'derived'>;
  secrets: readonly OpenSecret[];
}>;

export async function makeCredential(
  deps: Readonly<{ hasher: PasswordHasher; deriveSecrets: DeriveSecrets }>,
  account: Pick<Account, 'canonicalName' | 'aliases'>,
  chosen: ChosenPassword,
  { version, saltVersion, kept }: Changeover,
  now: EpochMs,
): Promise<MadeCredential> {
  const { password, madeBy, withholdsCram } = chosen;
  const passwordHash = await deps.hasher.hash(password, kept?.credential.passwordHash);
  const wanted = secretNames(account, withholdsCram);
  const secrets = await deps.deriveSecrets({ saltVersion, password, wanted });
  return {
    credential: { version, saltVersion, passwordHash, madeBy, withholdsCram, setAt: now, endsAt: null },
    secrets,
  };
}

/** To be built within `commitSealed`. */
export function storeCredential(
  sealer: Sealing,
  accountId: string,
  { credential, secrets }: MadeCredential,
): readonly Statement[] {
  return [
    insertCredential(accountId, credential),
    ...putDerivedSecrets(sealer, accountId, credential, secrets),
  ];
}

/** To be called within `commitSealed`. */
export function passwordSteps(
  deps: Readonly<{ sealer: Sealing; lastingKey: Pick<LastingKey, 'mac'> }>,
  account: Pick<Account, 'id' | 'name' | 'canonicalName' | 'aliases'>,
  plan: Changeover,
  made: MadeCredential,
): readonly Step[] {
  const { id, name } = account;
  const tags = [account, ...account.aliases].map(one => nameTag(deps.lastingKey, one.canonicalName));
  const statements = [
    ...endOthers(id, plan),
    ...storeCredential(deps.sealer, id, made),
    ...liftBans(id, tags),
  ];
  return [...steps([requireAccount(id)], notFound(name)), ...steps(statements, OVERTAKEN)];
}

/** Ends the other passwords, now or later, and makes room for the new one. */
function endOthers(accountId: string, { version, kept }: Changeover): readonly Statement[] {
  const raised = raiseCredentialVersion(accountId, version - 1);
  if (kept === null) return [raised, deleteCredentials(accountId, null)];
  return [
    raised,
    deleteCredentials(accountId, kept.credential.version),
    updateCredentialEnd(accountId, kept.credential.version, kept.endsAt),
  ];
}
