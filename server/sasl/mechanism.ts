// What every SASL mechanism is to Postern: a pure function from octets to the next step, without sockets, accounts or state.
// A challenge carries its own continuation, so a dialogue can never be answered out of step or be used twice by accident.
// A mechanism that needs chance or stored keys (CRAM-MD5, SCRAM) takes them as parameters of the function that makes it.

/** What the client offers as proof; the verifier judges it. A mechanism with another kind of proof adds its own member. */
export type Credentials = Readonly<{
  kind: 'password';
  /** Octets as sent, not empty: credential-text.ts says what they mean. */
  name: Uint8Array;
  /** Octets as sent, not empty. */
  password: Uint8Array;
}>;

/** `malformed`: not the mechanism's syntax. `authorization`: acting for another account. `credentials`: name or password empty. */
export type MechanismFailure = 'malformed' | 'authorization' | 'credentials';

export type Step =
  | Readonly<{ kind: 'challenge'; octets: Uint8Array; next: (response: Uint8Array) => Step }>
  | Readonly<{ kind: 'credentials'; credentials: Credentials }>
  | Readonly<{ kind: 'failure'; failure: MechanismFailure }>;

export type Mechanism = Readonly<{
  /** As EHLO shows it, in capitals. */
  name: string;
  /** The server must speak first, so that an initial response is an error (RFC 4954 §4). */
  serverFirst: boolean;
  /** `initial` is null where the client sent no initial response, and empty where it sent `=`. */
  start: (initial: Uint8Array | null) => Step;
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
  return { kind: 'credentials', credentials: { kind: 'password', name, password } };
}
