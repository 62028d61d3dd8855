// What a login with the password in clear is good for beside the login: the hash rises when our parameters have risen, and
// the account gains what CRAM-MD5 and SCRAM need where that is missing (a password set before those were known, an alias
// made since, a sealing key that was lost). Never awaited by the login, which is right either way; what fails here (busy,
// full disk, a new password or sealing key in between) is tried again at a later one.

import type { Clock, DurationMs } from '../clock.ts';
import type { Log } from '../events.ts';
import type { Database } from '../storage/database.ts';
import { commitSealed, type Sealing } from '../storage/sealing.ts';
import type { StoredAccount, StoredCredential } from './account.ts';
import { replaceHash, updateWithholdsCram } from './account-statements.ts';
import type { Accounts } from './accounts.ts';
import { type DeriveSecrets, lackingSecrets, type OpenSecret, putDerivedSecrets } from './derived-secrets.ts';
import type { PasswordHasher } from './password.ts';
import { passwordWeakness } from './password-choice.ts';
import type { Semaphore } from './semaphore.ts';

export type VerifiedLogin = Readonly<{
  stored: StoredAccount;
  /** The one that matched. */
  credential: StoredCredential;
  /** As the client sent it, decoded. */
  password: string;
  /** Whether the account has another password in force: then both must keep their salt and parameters. */
  changeover: boolean;
}>;

/** Begins what there is to do, and returns at once. */
export type LoginUpkeep = (login: VerifiedLogin) => void;

type UpkeepDeps = Readonly<{
  database: Database;
  accounts: Pick<Accounts, 'reload'>;
  hasher: PasswordHasher;
  semaphore: Semaphore;
  deriveSecrets: DeriveSecrets;
  sealer: Sealing;
  clock: Clock;
  log: Log;
}>;

/** After a failure: a device may log in many times a second. */
const PAUSE: DurationMs = 60_000;

export function createLoginUpkeep(deps: UpkeepDeps): LoginUpkeep {
  /** Credential → when it may be looked after again; infinite while that is going on. */
  const paused = new Map<string, DurationMs>();

  return login => {
    if (!needsRehash(deps.hasher, login) && lackingAt(login).length === 0) return;
    const key = `${login.stored.account.id}:${login.credential.version}`;
    const now = deps.clock.monotonic();
    if ((paused.get(key) ?? now) > now) return;
    paused.set(key, Number.POSITIVE_INFINITY);
    void lookAfter(deps, login)
      .catch(() => false)
      .then(done => (done ? paused.delete(key) : paused.set(key, deps.clock.monotonic() + PAUSE)));
  };
}

/** Whether everything was done. */
async function lookAfter(deps: UpkeepDeps, login: VerifiedLogin): Promise<boolean> {
  const rehashed = needsRehash(deps.hasher, login) ? await renewHash(deps, login) : true;
  const derived = lackingAt(login).length > 0 ? await gainSecrets(deps, login) : true;
  await deps.accounts.reload();
  return rehashed && derived;
}

function needsRehash(hasher: PasswordHasher, { credential, changeover }: VerifiedLogin): boolean {
  return !changeover && hasher.needsRehash(credential.passwordHash);
}

async function renewHash(
  deps: UpkeepDeps,
  { stored, credential, password }: VerifiedLogin,
): Promise<boolean> {
  const hash = await deps.semaphore.run(() => deps.hasher.hash(password));
  if (hash.kind === 'busy') return false;
  const result = await deps.database.commit([replaceHash(stored.account.id, credential, hash.value)]);
  return result.kind === 'committed';
}

/** A password of unknown strength is judged now, when it is known. */
function withholdsCram({ stored, credential, password }: VerifiedLogin): boolean {
  const { name, aliases } = stored.account;
  const names = [name, ...aliases.map(alias => alias.name)];
  return credential.withholdsCram ?? passwordWeakness(password, names) !== null;
}

function lackingAt(login: VerifiedLogin): ReturnType<typeof lackingSecrets> {
  return lackingSecrets(login.stored.account, login.credential, withholdsCram(login));
}

async function gainSecrets(deps: UpkeepDeps, login: VerifiedLogin): Promise<boolean> {
  const { credential, password } = login;
  const { account } = login.stored;
  const wanted = lackingAt(login);
  const secrets = await deps.deriveSecrets({ saltVersion: credential.saltVersion, password, wanted });
  let stored: readonly OpenSecret[] = [];
  const result = await commitSealed(deps.sealer, () => {
    const puts = putDerivedSecrets(deps.sealer, account.id, credential, secrets);
    stored = puts.length === 0 ? [] : secrets;
    const judged = updateWithholdsCram(account.id, credential.version, withholdsCram(login));
    return deps.database.commit([judged, ...puts]);
  });
  if (result.kind !== 'committed') return false;
  if (stored.length > 0) {
    const kinds = new Set(stored.map(({ kind }) => (kind === 'cram' ? 'CRAM-MD5' : 'SCRAM-SHA-256')));
    deps.log('auth.derived', { account: account.name, mechanisms: [...kinds] });
  }
  return stored.length === wanted.length;
}
