// PLAIN (RFC 4616): one message, `[authzid] NUL authcid NUL passwd`.
// An account may act only as itself: the authzid is empty, or the authcid in canonical form. Some devices fill in the
// authzid alone; it then is the name.

import { isNameTooLong } from './credential-length.ts';
import { sameName } from './credential-text.ts';
import { challenge, failure, type Mechanism, passwordCredentials, type Step } from './mechanism.ts';

const NUL = 0;

export const plain: Mechanism = {
  name: 'PLAIN',
  serverFirst: false,
  start: initial => (initial === null ? challenge(new Uint8Array(), parseMessage) : parseMessage(initial)),
};

function parseMessage(message: Uint8Array): Step {
  const first = message.indexOf(NUL);
  const second = first < 0 ? -1 : message.indexOf(NUL, first + 1);
  if (second < 0) return failure('malformed');
  const authzid = message.subarray(0, first);
  const authcid = message.subarray(first + 1, second);
  const password = message.subarray(second + 1);
  if (authcid.length === 0) return passwordCredentials(authzid, password);
  if (isNameTooLong(authzid) || isNameTooLong(authcid)) return failure('credentials');
  if (authzid.length > 0 && !sameName(authzid, authcid)) return failure('authorization');
  return passwordCredentials(authcid, password);
}
