// CRAM-MD5 (RFC 2195): the server's challenge, then `name SP digest`, the digest in hexadecimal. The name may hold spaces
// ("john doe"), so the digest is what stands behind the last one. Whether it is right is the verifier's question.

import { isNameTooLong } from './credential-length.ts';
import { challenge, failure, type Mechanism, type Step } from './mechanism.ts';

const SPACE = 0x20;
const NUL = 0;

/** RFC 2195 §2 says lower case; an encoder that writes capitals means the same octets. */
const DIGEST = /^[0-9a-fA-F]{32}$/;

export const cramMd5: Mechanism = {
  name: 'CRAM-MD5',
  serverFirst: true,
  start: (_initial, context) => {
    const octets = new TextEncoder().encode(context.cramChallenge());
    return challenge(octets, response => parseResponse(response, octets));
  },
};

function parseResponse(response: Uint8Array, challenged: Uint8Array): Step {
  const space = response.lastIndexOf(SPACE);
  if (space < 0) return failure('malformed');
  const name = response.subarray(0, space);
  const digest = Buffer.from(response.subarray(space + 1)).toString('latin1');
  if (!DIGEST.test(digest) || name.includes(NUL)) return failure('malformed');
  if (name.length === 0 || isNameTooLong(name)) return failure('credentials');
  return {
    kind: 'credentials',
    credentials: {
      kind: 'cram-md5',
      name,
      challenge: challenged,
      digest: new Uint8Array(Buffer.from(digest, 'hex')),
    },
    prove: null,
  };
}
