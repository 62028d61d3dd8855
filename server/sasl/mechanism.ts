// What every SASL mechanism is to Postern: a pure function from octets to the next step, without sockets, accounts or state.
// A challenge carries its own continuation, so a dialogue can never be answered out of step or be used twice by accident.
// What a mechanism needs of chance, stored salts or the TLS channel comes in as `ExchangeContext`.

import { isNameTooLong, isPasswordTooLong } from './credential-length.ts';

/**
 * What the client offers as proof; the verifier judges it. `name`: octets as sent, not empty, not too long
 * (credential-length.ts); credential-text.ts reads them.
 */
export type Credentials = PasswordCredentials | CramCredentials | ScramCredentials;

export type PasswordCredentials = Readonly<{
  kind: 'password';
  name: Uint8Array;
  /** Octets as sent, not empty, not too long. */
  password: Uint8Array;
}>;

/** CRAM-MD5 (RFC 2195): `digest` (16 octets) is HMAC-MD5 of `challenge` under the password. */
export type CramCredentials = Readonly<{
  kind: 'cram-md5';
  name: Uint8Array;
  challenge: Uint8Array;
  digest: Uint8Array;
}>;

/** SCRAM-SHA-256, with or without channel binding (RFC 5802 §3). */
export type ScramCredentials = Readonly<{
  kind: 'scram-sha-256';
  name: Uint8Array;
  /** client-first-bare, server-first and client-final-without-proof, joined by commas. */
  authMessage: Uint8Array;
  /** ClientProof, 32 octets. */
  proof: Uint8Array;
  /**
   * Nonce and channel binding are those of this exchange. Where false the proof must be refused whatever it is, after the
   * same work: there is one way to fail after the client's final message.
   */
  intact: boolean;
}>;

/**
 * `malformed`: not the mechanism's syntax. `authorization`: acting for another account. `credentials`: name or password
 * empty or too long. `downgraded`: the client was kept from seeing that we offer channel binding (RFC 5802 §6).
 * `channel-binding`: a kind of channel binding that this connection does not have.
 */
export type MechanismFailure =
  | 'malformed'
  | 'authorization'
  | 'credentials'
  | 'downgraded'
  | 'channel-binding';

export type Step =
  | Readonly<{ kind: 'challenge'; octets: Uint8Array; next: (response: Uint8Array) => Step }>
  | Readonly<{
      kind: 'credentials';
      credentials: Credentials;
      /** What the server has yet to prove once they were found right (SCRAM); null where nothing is left to say. */
      prove: ((evidence: Uint8Array) => Step) | null;
    }>
  /** The client has accepted the server's proof: the login that was found right is complete. */
  | Readonly<{ kind: 'complete' }>
  | Readonly<{ kind: 'failure'; failure: MechanismFailure }>;

export type ScramSalt = Readonly<{ salt: Uint8Array; iterations: number }>;

/** What one session lends to its exchanges. */
export type ExchangeContext = Readonly<{
  /** A new CRAM-MD5 challenge, `<digits.time@host>` (RFC 2195 §2). */
  cramChallenge: () => string;
  /** A new server nonce for SCRAM: printable ASCII without comma. */
  scramNonce: () => string;
  /** The salt for a name, whether or not there is such an account. */
  scramSalt: (name: Uint8Array) => ScramSalt;
  /**
   * The octets that stand for this TLS channel, any of which is right; null where the type cannot be used here.
   * `tls-exporter` (RFC 9266): one, on TLS 1.3. `tls-server-end-point` (RFC 5929): one for each leaf of the context.
   */
  channelBinding: (type: string) => readonly Uint8Array[] | null;
  /** Whether the EHLO of this session listed SCRAM-SHA-256-PLUS. */
  listedPlus: () => boolean;
}>;

export type Mechanism = Readonly<{
  /** As EHLO shows it, in capitals. */
  name: string;
  /** The server must speak first, so that an initial response is an error (RFC 4954 §4). */
  serverFirst: boolean;
  /** `initial` is null where the client sent no initial response, and empty where it sent `=`. */
  start: (initial: Uint8Array | null, context: ExchangeContext) => Step;
}>;

export function challenge(octets: Uint8Array, next: (response: Uint8Array) => Step): Step {
  return { kind: 'challenge', octets, next };
}

export function failure(kind: MechanismFailure): Step {
  return { kind: 'failure', failure: kind };
}

/** Both parts must be there, and neither may hold NUL: PLAIN cannot carry it (RFC 4616 §2), so no password has it. */
export function passwordCredentials(name: Uint8Array, password: Uint8Array): Step {
  if (name.includes(0) || password.includes(0)) return failure('malformed');
  if (name.length === 0 || password.length === 0) return failure('credentials');
  if (isNameTooLong(name) || isPasswordTooLong(password)) return failure('credentials');
  return { kind: 'credentials', credentials: { kind: 'password', name, password }, prove: null };
}
