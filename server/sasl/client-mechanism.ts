// What a SASL mechanism is on the client's side, where Postern logs in to an upstream: the same arithmetic as for our own
// clients, pure and without sockets. A step is answered at most once; only SCRAM's key derivation takes time. Those of
// ClientMechanism prove a password; those for access tokens are in client-token.ts.

export type ClientLogin = Readonly<{
  /** Sent as UTF-8, as the operator gave it. */
  user: string;
  password: string;
}>;

/** The octets that stand for this TLS channel (RFC 5929, RFC 9266), and their type's name. */
export type ChannelBinding = Readonly<{ type: string; data: Uint8Array }>;

export type ClientContext = Readonly<{
  /** A new client nonce for SCRAM: printable ASCII without comma. */
  nonce: () => string;
  /** Null without TLS. */
  channelBinding: ChannelBinding | null;
  /** The server listed SCRAM-SHA-256-PLUS. */
  plusOffered: boolean;
}>;

/**
 * Why we break a login off. `malformed`: the server does not follow the mechanism's syntax. `foreign-nonce`: its answer
 * belongs to another exchange. `few-iterations`, `many-iterations`: the password would be protected too badly, or
 * computing takes too long. `unproved`: it has not shown that it knows the account.
 */
export type ClientFailure = 'malformed' | 'foreign-nonce' | 'few-iterations' | 'many-iterations' | 'unproved';

/** What a server says of an access token that it does not take. Null: it did not say. */
export type TokenRefusal = Readonly<{
  /** `401`, or `invalid_token` and the like (RFC 7628 §3.2.2). */
  status: string | null;
  schemes: string | null;
  /** The scope that a token must have there. */
  scope: string | null;
}>;

export type ClientStep =
  | Readonly<{
      kind: 'answer';
      /** Null: nothing to say before the server's first challenge. */
      octets: Uint8Array | null;
      next: (challenge: Uint8Array) => ClientStep | Promise<ClientStep>;
      /** The server has yet to prove itself: a success now is none. */
      owesProof: boolean;
      /** The server has refused a token already; its reply comes after this answer. */
      refusal?: TokenRefusal;
    }>
  | Readonly<{ kind: 'failure'; failure: ClientFailure }>;

export type ClientMechanism = Readonly<{
  /** As EHLO shows it, in capitals. */
  name: string;
  /** The forms in which a password as typed is to be tried: one, or a second one for when the first is refused. */
  passwords: (typed: string) => readonly [string] | readonly [string, string];
  /** The first step; its octets are the initial response. */
  start: (login: ClientLogin, context: ClientContext) => ClientStep;
}>;

/** Answers, and takes success as well as one more challenge. */
export function answer(
  octets: Uint8Array | null,
  next: (challenge: Uint8Array) => ClientStep | Promise<ClientStep> = () => broken('malformed'),
): ClientStep {
  return { kind: 'answer', octets, next, owesProof: false };
}

export function broken(failure: ClientFailure): ClientStep {
  return { kind: 'failure', failure };
}

/** RFC 4616 §2 leaves the preparation to the server, and RFC 2195 knows none. */
export function asTyped(typed: string): readonly [string] {
  return [typed];
}

/** Names and passwords go out in UTF-8 (RFC 4616 §2). */
export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
