// OAUTHBEARER (RFC 7628) as a client, with a bearer token (RFC 6750). The channel is not bound: the mechanism has no form
// of it that any server takes.

import { KVSEP, presentToken, type TokenMechanism } from './client-token.ts';

/** RFC 7628 §3.2.3: the answer to a refusal is a single kvsep, `AQ==`. */
const DUMMY = Uint8Array.of(0x01);

export const oauthbearerClient: TokenMechanism = {
  name: 'OAUTHBEARER',
  start: ({ user, token, host, port }) =>
    presentToken(
      [`n,a=${escaped(user)},`, `host=${host}`, `port=${port}`, `auth=Bearer ${token}`, '', ''].join(KVSEP),
      DUMMY,
    ),
};

/** RFC 5801 §4, saslname: a comma would end the name. */
function escaped(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C');
}
