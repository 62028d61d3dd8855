// An account: one login for one device or app, with its passwords and what other mechanisms need. Only the shapes:
// account-rows.ts reads them, account-statements.ts writes them.

import type { EpochMs } from '../clock.ts';
import type { AccountPolicy } from './account-policy.ts';

/** A further name to log in with. */
export type Alias = Readonly<{
  /** As the operator wrote it. */
  name: string;
  /** The form in which names are compared; no other name or alias of any account has it. */
  canonicalName: string;
}>;

/** What may be shown: nothing here is secret. */
export type Account = Readonly<{
  /** Never reused. */
  id: string;
  /** As the operator wrote it. */
  name: string;
  /** The form in which names are compared; unique among the names and aliases of all accounts that are not removed. */
  canonicalName: string;
  /** By canonical name. */
  aliases: readonly Alias[];
  enabled: boolean;
  createdAt: EpochMs;
  note: string | null;
  /** The address of the person to whom the device belongs. */
  owner: string | null;
  /** From then on it may not log in or send; null: never. */
  expiresAt: EpochMs | null;
  /** The mechanisms that it may log in with; null: any that is offered. */
  mechanisms: readonly string[] | null;
  /** Canonical CIDR texts of the networks that it may log in from; null: any that is served. */
  networks: readonly string[] | null;
  policy: AccountPolicy;
  /** Rises with every new password. */
  credentialVersion: number;
  /** When its newest password was set. */
  passwordChangedAt: EpochMs;
}>;

/** What a challenge-response mechanism needs beside the argon2 hash, sealed (derived-secrets.ts). */
export type DerivedSecret = Readonly<{
  kind: 'cram' | 'scram';
  /** The canonical login name that the SCRAM salt was made with; empty for cram, which has no salt. */
  loginName: string;
  sealed: Uint8Array;
}>;

/** Who chose a password: only a person's can be weak. `unknown`: set before this was recorded. */
export type PasswordMaker = 'postern' | 'person' | 'unknown';

/** A password of an account. */
export type StoredCredential = Readonly<{
  version: number;
  /** Goes into the SCRAM salt; both passwords of a changeover share it. */
  saltVersion: number;
  /** argon2id, as a PHC string. */
  passwordHash: string;
  madeBy: PasswordMaker;
  /** The password is weak, so no CRAM-MD5 state is derived from it; null: not judged yet (made by an older version). */
  withholdsCram: boolean | null;
  setAt: EpochMs;
  /** The end of its changeover; null: it stays. */
  endsAt: EpochMs | null;
  derived: readonly DerivedSecret[];
}>;

/** An account with what only the verifier may see. Leaves this folder nowhere. */
export type StoredAccount = Readonly<{
  account: Account;
  /** Newest first, one or two; whoever uses one asks `isInForce`. */
  credentials: readonly StoredCredential[];
}>;

/** Whether a password counts at that moment. */
export function isInForce(credential: Pick<StoredCredential, 'endsAt'>, now: EpochMs): boolean {
  return credential.endsAt === null || now < credential.endsAt;
}
