// SCRAM-SHA-256 (RFC 5802, RFC 7677) and SCRAM-SHA-256-PLUS, the server's side. A salt is shown for every name, so the
// first round says nothing about which accounts exist; and whatever is wrong in the client's final message ends as a wrong
// proof does, after the same work. In SMTP the server's signature goes out as one more challenge, answered by an empty
// line (RFC 4954 §4).

import { isNameTooLong } from './credential-length.ts';
import { sameName } from './credential-text.ts';
import { encodeBase64 } from './decode.ts';
import { challenge, type ExchangeContext, failure, type Mechanism, type Step } from './mechanism.ts';
import { SCRAM_KEY } from './scram-keys.ts';
import { type ClientFirst, latin1, octetsOf, parseClientFinal, parseClientFirst } from './scram-messages.ts';

export const scramSha256: Mechanism = {
  name: 'SCRAM-SHA-256',
  serverFirst: false,
  start: (initial, context) => begin(initial, message => first(message, unbound, context)),
};

export const scramSha256Plus: Mechanism = {
  name: 'SCRAM-SHA-256-PLUS',
  serverFirst: false,
  start: (initial, context) => begin(initial, message => first(message, bound, context)),
};

/** What the final message's `c=` must hold behind the header: any of `data`. */
type Binding = Readonly<{ kind: 'data'; data: readonly Uint8Array[] }> | Extract<Step, { kind: 'failure' }>;

/** What came before the client's final message. */
type Opened = Readonly<{
  client: ClientFirst;
  nonce: string;
  serverFirst: string;
  data: readonly Uint8Array[];
}>;

const EMPTY = new Uint8Array();
const NO_PROOF = new Uint8Array(SCRAM_KEY);

function begin(initial: Uint8Array | null, next: (message: Uint8Array) => Step): Step {
  return initial === null ? challenge(EMPTY, next) : next(initial);
}

function unbound({ binding }: ClientFirst, context: ExchangeContext): Binding {
  if (binding.kind === 'used') return { kind: 'failure', failure: 'malformed' };
  // RFC 5802 §6: `y` says that no -PLUS was seen. Where we did list it, somebody in between took it away.
  if (binding.kind === 'unseen' && context.listedPlus()) return { kind: 'failure', failure: 'downgraded' };
  return { kind: 'data', data: [EMPTY] };
}

function bound({ binding }: ClientFirst, context: ExchangeContext): Binding {
  if (binding.kind !== 'used') return { kind: 'failure', failure: 'malformed' };
  const data = context.channelBinding(binding.type);
  return data === null ? { kind: 'failure', failure: 'channel-binding' } : { kind: 'data', data };
}

function first(
  message: Uint8Array,
  bindingFor: (client: ClientFirst, context: ExchangeContext) => Binding,
  context: ExchangeContext,
): Step {
  const client = parseClientFirst(message);
  if (client === null) return failure('malformed');
  const binding = bindingFor(client, context);
  if (binding.kind === 'failure') return binding;
  const { name, authzid } = client;
  if (name.length === 0 || isNameTooLong(name) || isNameTooLong(authzid)) return failure('credentials');
  if (authzid.length > 0 && !sameName(authzid, name)) return failure('authorization');

  const { salt, iterations } = context.scramSalt(name);
  const nonce = client.nonce + context.scramNonce();
  const serverFirst = `r=${nonce},s=${encodeBase64(salt)},i=${iterations}`;
  const opened = { client, nonce, serverFirst, data: binding.data };
  return challenge(octetsOf(serverFirst), response => final(response, opened));
}

/** A message that cannot be read is judged like the rest, so that it costs the same and counts as a failed login. */
function final(message: Uint8Array, { client, nonce, serverFirst, data }: Opened): Step {
  const said = parseClientFinal(message);
  const header = octetsOf(client.gs2Header);
  const binding = said?.binding ?? null;
  const bindsThis = binding !== null && data.some(one => Buffer.concat([header, one]).equals(binding));
  return {
    kind: 'credentials',
    credentials: {
      kind: 'scram-sha-256',
      name: client.name,
      authMessage: octetsOf(`${client.bare},${serverFirst},${said?.withoutProof ?? latin1(message)}`),
      proof: said?.proof ?? NO_PROOF,
      intact: bindsThis && said?.nonce === nonce,
    },
    prove,
  };
}

function prove(evidence: Uint8Array): Step {
  return challenge(octetsOf(`v=${encodeBase64(evidence)}`), answer =>
    answer.length === 0 ? { kind: 'complete' } : failure('malformed'),
  );
}
