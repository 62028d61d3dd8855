// From credentials to a principal. An unknown account, a wrong password, a disabled or expired account, a wrong network, a
// mechanism that the account refuses or has no secret for: they cost the same work and get the same answer; only the reason
// for the log differs, and it never carries the name of an account that does not exist (devices with swapped fields send
// the password there). Gates come after the full verification; only an account that could log in right now profits from
// the cache.

import type { Clock, EpochMs } from '../clock.ts';
import { canonicalName, canonicalPassword, decodeText } from '../sasl/credential-text.ts';
import type { Credentials, ScramSalt } from '../sasl/mechanism.ts';
import type { ClientAddress } from '../smtp/address.ts';
import type { LastingKey } from '../storage/lasting-key.ts';
import { isInForce, type StoredAccount, type StoredCredential } from './account.ts';
import { barOf } from './account-standing.ts';
import type { Accounts } from './accounts.ts';
import type { Compare, Compared, Offered } from './comparison.ts';
import type { Fingerprint } from './fingerprint.ts';
import type { LoginUpkeep } from './login-upkeep.ts';
import { nameTag } from './name-tag.ts';
import type { Principal } from './principal.ts';
import { scramSaltOf } from './scram-salt.ts';
import type { VerifiedCredentials } from './verified-credentials.ts';

export type RefusalReason =
  | 'unknown-account'
  | 'wrong-password'
  | 'disabled'
  | 'expired'
  | 'wrong-network'
  | 'mechanism-refused'
  /** A password of the account has no secret for this mechanism yet, or by intention (a weak one has none for CRAM-MD5). */
  | 'lacks-secret';

/** For log and throttle only: the client gets one and the same 535 5.7.8. */
export type Refused = Readonly<{
  kind: 'refused';
  reason: RefusalReason;
  /** Name of the account; absent where there is none. */
  account?: string;
  accountId: string | null;
  /** Stands for the name that was tried, whether or not it is an account's. */
  nameTag: string;
  /** Stands for name and password together; null for challenge and response, which differ each time. */
  credential: string | null;
}>;

export type Verification =
  | Readonly<{
      kind: 'verified';
      principal: Principal;
      /** No password was computed for this login. */
      cached: boolean;
      /** For SCRAM: 32 octets that the client expects as proof that the server knows the account; else null. */
      serverSignature: Uint8Array | null;
    }>
  | Refused
  /** Too many logins wait: 454 4.7.0. Says nothing about the credentials. */
  | Readonly<{ kind: 'busy' }>;

export type LoginClient = Readonly<{
  /** As EHLO shows it. */
  mechanism: string;
  address: ClientAddress;
}>;

/** What a login name is known by. Made once for each login: a long name takes time (sasl/credential-length.ts). */
export type LoginName = Readonly<{
  canonical: string;
  /** 22 characters that stand for the name, account or not, for good: what bans are kept under. */
  tag: string;
}>;

export type Verifier = Readonly<{
  /** `name`: octets as sent. */
  identify: (name: Uint8Array) => LoginName;
  /** `name`: that of the credentials, where the caller has it already. */
  verify: (credentials: Credentials, client: LoginClient, name?: LoginName) => Promise<Verification>;
  /** The salt for a name, account or not. */
  scramSalt: (name: Uint8Array) => ScramSalt;
  /** False while the sealing key is lost: CRAM-MD5 and SCRAM cannot be checked, so they are not offered. */
  challengeResponseAvailable: () => boolean;
}>;

export type VerifierDeps = Readonly<{
  accounts: Pick<Accounts, 'lookup' | 'refresh'>;
  compare: Compare;
  verifiedCredentials: VerifiedCredentials;
  fingerprint: Fingerprint;
  lastingKey: LastingKey;
  upkeep: LoginUpkeep;
  clock: Clock;
  /** Called at every successful login; must not throw. */
  recordUse: (accountId: string, at: EpochMs) => void;
}>;

/** A login on its way. */
type Login = Offered &
  Readonly<{
    client: LoginClient;
    credentials: Credentials;
    nameTag: string;
    /** As it was at the beginning. */
    stored: StoredAccount | null;
  }>;

export function createVerifier(deps: VerifierDeps): Verifier {
  const { accounts, lastingKey } = deps;

  const identify = (octets: Uint8Array): LoginName => {
    const canonical = canonicalName(decodeText(octets));
    return { canonical, tag: nameTag(lastingKey, canonical) };
  };

  const verifyOnce = async (login: Login): Promise<Verification> => {
    const remembered = rememberedVersion(deps, login);
    if (remembered !== null)
      return succeed(deps, login, { ...remembered, cached: true, serverSignature: null });
    const compared = await deps.compare(login);
    if (compared.kind === 'busy') return { kind: 'busy' };
    const judged = judge(deps, login, compared.value);
    if (judged.kind === 'refused') return judged;
    const { stored, credential } = judged;
    if (login.fingerprint !== null)
      deps.verifiedCredentials.remember(login.fingerprint, {
        accountId: stored.account.id,
        version: credential.version,
      });
    const { serverSignature } = compared.value;
    return succeed(deps, login, { stored, credential, cached: false, serverSignature });
  };

  return {
    identify,
    verify: async (credentials, client, name = identify(credentials.name)) => {
      const said = { ...readCredentials(deps, credentials, name), client };
      const login = { ...said, ...lookUp(deps, said.loginName) };
      const verification = await verifyOnce(login);
      if (verification.kind !== 'refused') return verification;
      // Somebody may have made the account, or its password, a moment ago by the command line: then it counts already.
      await accounts.refresh();
      const again = { ...said, ...lookUp(deps, said.loginName) };
      return isSame(login, again) ? verification : verifyOnce(again);
    },
    scramSalt: octets => {
      const name = canonicalName(decodeText(octets));
      const version = accounts.lookup(name)?.credentials[0]?.saltVersion;
      return scramSaltOf(lastingKey, name, version ?? 1);
    },
    challengeResponseAvailable: lastingKey.available,
  };
}

/** What the client says, read once. */
function readCredentials(
  { fingerprint }: VerifierDeps,
  credentials: Credentials,
  { canonical: loginName, tag }: LoginName,
): Pick<Login, 'credentials' | 'proof' | 'loginName' | 'nameTag' | 'fingerprint'> {
  const said = { credentials, loginName, nameTag: tag };
  if (credentials.kind !== 'password') return { ...said, proof: credentials, fingerprint: null };
  const { kind } = credentials;
  const password = canonicalPassword(decodeText(credentials.password));
  return { ...said, proof: { kind, password }, fingerprint: fingerprint(loginName, password) };
}

/** What the accounts say about that name at this moment. */
function lookUp(deps: VerifierDeps, loginName: string): Pick<Login, 'stored' | 'accountId' | 'inForce'> {
  const stored = deps.accounts.lookup(loginName);
  const inForce = inForceNow(stored, deps.clock.now());
  return { stored, accountId: stored?.account.id ?? null, inForce };
}

function inForceNow(stored: StoredAccount | null, now: EpochMs): readonly StoredCredential[] {
  return stored?.credentials.filter(credential => isInForce(credential, now)) ?? [];
}

/** Whether a second look at the accounts has shown something else that this login depends on. */
function isSame(then: Login, now: Login): boolean {
  const facts = ({ stored, inForce }: Login) =>
    JSON.stringify([
      stored?.account,
      inForce.map(({ version, passwordHash, derived }) => [version, passwordHash, derived.length]),
    ]);
  return facts(then) === facts(now);
}

/** What keeps an account from logging in like this at this moment, whatever the password. */
function barAt(
  { account }: StoredAccount,
  { mechanism, address }: LoginClient,
  now: EpochMs,
): Exclude<RefusalReason, 'unknown-account' | 'wrong-password' | 'lacks-secret'> | null {
  const bar = barOf(account, address, now);
  if (bar !== null) return bar;
  return account.mechanisms === null || account.mechanisms.includes(mechanism) ? null : 'mechanism-refused';
}

type Match = Readonly<{ stored: StoredAccount; credential: StoredCredential }>;

/** The credential that these same octets matched before; only for an account that could log in right now. */
function rememberedVersion(
  deps: VerifierDeps,
  { stored, inForce, client, fingerprint }: Login,
): Match | null {
  if (fingerprint === null || stored === null || barAt(stored, client, deps.clock.now()) !== null)
    return null;
  const matched = deps.verifiedCredentials.find(fingerprint);
  if (matched?.accountId !== stored.account.id) return null;
  const found = inForce.find(({ version }) => version === matched.version);
  return found === undefined ? null : { stored, credential: found };
}

/** By the account as it is after the work: meanwhile it may have been disabled, removed or given a new password. */
function judge(deps: VerifierDeps, login: Login, compared: Compared): Refused | (Match & { kind: 'right' }) {
  const now = deps.clock.now();
  const stored = deps.accounts.lookup(login.loginName);
  const refusal = {
    kind: 'refused',
    nameTag: login.nameTag,
    credential: login.fingerprint,
  } as const;
  if (stored === null || stored.account.id !== login.stored?.account.id)
    return { ...refusal, reason: 'unknown-account', accountId: null };
  const known = { ...refusal, account: stored.account.name, accountId: stored.account.id };
  const credential = inForceNow(stored, now).find(({ version }) => version === compared.version);
  if (credential === undefined)
    return { ...known, reason: compared.lacking ? 'lacks-secret' : 'wrong-password' };
  const bar = barAt(stored, login.client, now);
  return bar === null ? { kind: 'right', stored, credential } : { ...known, reason: bar };
}

type Success = Match & Readonly<{ cached: boolean; serverSignature: Uint8Array | null }>;

function succeed(deps: VerifierDeps, login: Login, success: Success): Verification {
  const { stored, credential, cached, serverSignature } = success;
  const { id, name, policy } = stored.account;
  deps.recordUse(id, deps.clock.now());
  if (login.credentials.kind === 'password') {
    const password = decodeText(login.credentials.password);
    deps.upkeep({ stored, credential, password, changeover: login.inForce.length > 1 });
  }
  const principal = { accountId: id, name, sender: policy.sender, credentialVersion: credential.version };
  return { kind: 'verified', principal, cached, serverSignature };
}
