// SCRAM-SHA-256 and -PLUS (RFC 5802, RFC 7677) as a client. The server must prove that it knows the account, too: a
// success without its signature is refused, and so is a login that would give away a badly protected password.

import {
  answer,
  broken,
  type ClientContext,
  type ClientLogin,
  type ClientMechanism,
  type ClientStep,
  utf8,
} from './client-mechanism.ts';
import { canonicalPassword } from './credential-text.ts';
import { encodeBase64 } from './decode.ts';
import { clientProof, saltedPassword, scramKeys, serverSignature } from './scram-keys.ts';
import { latin1, octetsOf, parseServerFinal, parseServerFirst, saslnameOf } from './scram-messages.ts';

/** RFC 7677 §4. With fewer, whoever recorded the exchange guesses the password too fast. */
const FEWEST_ITERATIONS = 4096;
/** Seconds on a small machine: a server must not make us compute for hours. */
const MOST_ITERATIONS = 1_000_000;

export const scramSha256Client: ClientMechanism = {
  name: 'SCRAM-SHA-256',
  passwords: prepared,
  start: (login, context) => {
    // RFC 5802 §6: `y` says that we could bind and saw no -PLUS, so that a server that listed it notices.
    const flag = context.channelBinding !== null && !context.plusOffered ? 'y' : 'n';
    return begin(login, { header: `${flag},,`, data: new Uint8Array() }, context);
  },
};

export const scramSha256PlusClient: ClientMechanism = {
  name: 'SCRAM-SHA-256-PLUS',
  passwords: prepared,
  start: (login, context) => {
    const binding = context.channelBinding;
    if (binding === null) throw new Error('SCRAM-SHA-256-PLUS needs a channel to bind to');
    return begin(login, { header: `p=${binding.type},,`, data: binding.data }, context);
  },
};

/** RFC 5802 §2.2 wants SASLprep on both sides; a server without it (Dovecot) has derived its keys from what was typed. */
function prepared(typed: string): readonly [string] | readonly [string, string] {
  const canonical = canonicalPassword(typed);
  return canonical === typed ? [typed] : [canonical, typed];
}

/** What the final message repeats in `c=`: the header, and the channel's octets behind it. */
type Bound = Readonly<{ header: string; data: Uint8Array }>;

function begin(login: ClientLogin, bound: Bound, context: ClientContext): ClientStep {
  const nonce = context.nonce();
  const bare = `n=${saslnameOf(login.user)},r=${nonce}`;
  return owing(octetsOf(bound.header + bare), challenge => final(challenge, { login, bound, nonce, bare }));
}

type Begun = Readonly<{ login: ClientLogin; bound: Bound; nonce: string; bare: string }>;

async function final(challenge: Uint8Array, { login, bound, nonce, bare }: Begun): Promise<ClientStep> {
  const server = parseServerFirst(challenge);
  if (server === null) return broken('malformed');
  if (!server.nonce.startsWith(nonce) || server.nonce === nonce) return broken('foreign-nonce');
  if (server.iterations < FEWEST_ITERATIONS) return broken('few-iterations');
  if (server.iterations > MOST_ITERATIONS) return broken('many-iterations');

  const salted = await saltedPassword(utf8(login.password), server);
  const binding = encodeBase64(Buffer.concat([octetsOf(bound.header), bound.data]));
  const withoutProof = `c=${binding},r=${server.nonce}`;
  const authMessage = octetsOf(`${bare},${latin1(challenge)},${withoutProof}`);
  const proof = encodeBase64(clientProof(salted, authMessage));
  const expected = serverSignature(scramKeys(salted).serverKey, authMessage);
  return owing(octetsOf(`${withoutProof},p=${proof}`), last => accept(last, expected));
}

function accept(last: Uint8Array, expected: Uint8Array): ClientStep {
  const said = parseServerFinal(last);
  if (said === null) return broken('malformed');
  // The refusal itself comes as a reply, once we have taken note.
  if (said.kind === 'error') return owing(new Uint8Array(), () => broken('malformed'));
  return Buffer.from(expected).equals(said.signature) ? answer(new Uint8Array()) : broken('unproved');
}

function owing(
  octets: Uint8Array,
  next: (challenge: Uint8Array) => ClientStep | Promise<ClientStep>,
): ClientStep {
  return { kind: 'answer', octets, next, owesProof: true };
}
