// CRAM-MD5 (RFC 2195) as a client.

import { answer, asTyped, type ClientMechanism, utf8 } from './client-mechanism.ts';
import { cramDigest, cramState } from './cram-state.ts';

export const cramMd5Client: ClientMechanism = {
  name: 'CRAM-MD5',
  passwords: asTyped,
  start: ({ user, password }) =>
    answer(null, challenge => {
      const digest = cramDigest(cramState(utf8(password)), challenge);
      return answer(utf8(`${user} ${Buffer.from(digest).toString('hex')}`));
    }),
};
