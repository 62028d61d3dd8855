// Checks what a client answered in CRAM-MD5 or SCRAM-SHA-256 against the stored secrets of an account. Whatever there is to
// compare with, the work is the same: two secrets are opened (of the newest password and of the one before it, or of none:
// a dummy of the same size), every entry of both is computed, and one server signature is made.

import { timingSafeEqual } from 'node:crypto';
import type { RandomBytes } from '../ids.ts';
import { cramDigest } from '../sasl/cram-state.ts';
import type { CramCredentials, ScramCredentials } from '../sasl/mechanism.ts';
import { MAX_FORMS } from '../sasl/password-forms.ts';
import { checkProof, SCRAM_KEY, serverSignature } from '../sasl/scram-keys.ts';
import { derivedContext } from '../storage/sealed-rows.ts';
import type { Sealing } from '../storage/sealing.ts';
import type { StoredCredential } from './account.ts';
import type { Compared } from './comparison.ts';
import { ENTRY_SIZE } from './derived-secrets.ts';

export type ChallengeResponse = CramCredentials | ScramCredentials;

/** Whose secrets to compare with: none for an unknown name. `credentials`: those in force, newest first. */
export type Claimed = Readonly<{
  loginName: string;
  accountId: string | null;
  credentials: readonly StoredCredential[];
}>;

export type CheckResponse = (response: ChallengeResponse, claimed: Claimed) => Compared;

/** The computations, as parameters so that a test can count them. */
export type Arithmetic = Readonly<{
  cramDigest: typeof cramDigest;
  checkProof: typeof checkProof;
  serverSignature: typeof serverSignature;
}>;

type CheckDeps = Readonly<{ sealer: Sealing; random: RandomBytes; arithmetic?: Arithmetic }>;

/** Passwords that an account may have at once. */
const CREDENTIALS = 2;

type Kind = 'cram' | 'scram';
type Locked = Readonly<{ sealed: Uint8Array; context: string }>;
/** `version` is null where it is a dummy's. */
type Entry = Readonly<{ octets: Uint8Array; version: number | null }>;

export function createCheckResponse({ sealer, random, arithmetic = real }: CheckDeps): CheckResponse {
  const dummyOf = createDummies(sealer, random);

  const entriesOf = (kind: Kind, place: number, claimed: Claimed): readonly Entry[] => {
    const credential = claimed.credentials[place];
    const own = credential && lockedSecret(kind, claimed, credential);
    const { sealed, context } = own ?? dummyOf(kind);
    const opened = sealer.open(sealed, context);
    const whole = opened?.length === MAX_FORMS * ENTRY_SIZE[kind];
    const octets = whole ? opened : random(MAX_FORMS * ENTRY_SIZE[kind]);
    const version = own !== undefined && whole ? (credential?.version ?? null) : null;
    return Array.from({ length: MAX_FORMS }, (_, i) => ({
      octets: octets.subarray(i * ENTRY_SIZE[kind], (i + 1) * ENTRY_SIZE[kind]),
      version,
    }));
  };

  return (response, claimed) => {
    if (sealer.keyId() === null) return NOTHING_KNOWN;
    const kind = response.kind === 'cram-md5' ? 'cram' : 'scram';
    const entries = Array.from({ length: CREDENTIALS }, (_, place) => entriesOf(kind, place, claimed)).flat();
    const versions = new Set(entries.map(entry => entry.version));
    const lacking = claimed.credentials.some(({ version }) => !versions.has(version));
    if (response.kind === 'cram-md5') {
      const match = lastMatch(entries, state =>
        isAnswer(arithmetic.cramDigest(state, response.challenge), response),
      );
      return { version: match?.version ?? null, lacking, serverSignature: null };
    }
    const { authMessage, proof } = response;
    const match = lastMatch(entries, keys => arithmetic.checkProof(storedKeyOf(keys), authMessage, proof));
    const keys = match?.octets ?? random(ENTRY_SIZE.scram);
    const signature = arithmetic.serverSignature(serverKeyOf(keys), authMessage);
    return {
      version: response.intact ? (match?.version ?? null) : null,
      lacking,
      serverSignature: signature,
    };
  };
}

/** While the sealing key is lost nothing can be checked, and these mechanisms are not offered. */
const NOTHING_KNOWN: Compared = { version: null, lacking: true, serverSignature: null };

const real: Arithmetic = { cramDigest, checkProof, serverSignature };

/** Every entry is computed, also after one has matched. A dummy's entry is no match, whatever it answers. */
function lastMatch(entries: readonly Entry[], matches: (octets: Uint8Array) => boolean): Entry | null {
  let match: Entry | null = null;
  for (const entry of entries) if (matches(entry.octets) && entry.version !== null) match = entry;
  return match;
}

function isAnswer(expected: Uint8Array, { digest }: CramCredentials): boolean {
  return digest.length === expected.length && timingSafeEqual(digest, expected);
}

function storedKeyOf(keys: Uint8Array): Uint8Array {
  return keys.subarray(0, SCRAM_KEY);
}

function serverKeyOf(keys: Uint8Array): Uint8Array {
  return keys.subarray(SCRAM_KEY, 2 * SCRAM_KEY);
}

function lockedSecret(kind: Kind, claimed: Claimed, credential: StoredCredential): Locked | undefined {
  const loginName = kind === 'cram' ? '' : claimed.loginName;
  const secret = credential.derived.find(one => one.kind === kind && one.loginName === loginName);
  if (secret === undefined || claimed.accountId === null) return undefined;
  const context = derivedContext(claimed.accountId, credential.version, kind, loginName);
  return { sealed: secret.sealed, context };
}

/** A sealed value for each kind, as large as a real one, sealed under the key in force: opening it costs the same. */
function createDummies(sealer: Sealing, random: RandomBytes): (kind: Kind) => Locked {
  const dummies = new Map<Kind, Locked>();
  let sealedUnder = sealer.keyId();
  return kind => {
    if (sealer.keyId() !== sealedUnder) dummies.clear();
    sealedUnder = sealer.keyId();
    const context = `no-account:${kind}`;
    const seal = () => sealer.seal(random(MAX_FORMS * ENTRY_SIZE[kind]), context);
    const dummy = dummies.get(kind) ?? { sealed: seal(), context };
    dummies.set(kind, dummy);
    return dummy;
  };
}
