// Passwords that a client sends before TLS although AUTH was refused: with the command, or in the lines after it, out of
// step. Whoever listens on the network has them, so the operator must hear of it. Pure; keeps no password, and hands on the
// name alone, which the log shows only if there is such an account.

import { isNameTooLong } from '../sasl/credential-length.ts';
import { decodeBase64, decodeInitialResponse } from '../sasl/decode.ts';

/** A password was sent in clear, by `mechanism`. `name` is that of the login as sent, or null where it cannot be told. */
export type Exposure = Readonly<{ mechanism: string; name: Uint8Array | null }>;

export type ExposureWatch = Readonly<{
  /** AUTH was refused because TLS is not up; `argument` is all after the verb. */
  authRefused: (argument: Uint8Array) => Exposure | null;
  /** Another line was no known command: it may be what the client wanted to answer. */
  unknownLine: (line: Uint8Array) => Exposure | null;
}>;

/** What the client would send next, if it did not hear the refusal. */
type Expected =
  | Readonly<{ kind: 'nothing' }>
  | Readonly<{ kind: 'plain' }>
  | Readonly<{ kind: 'login-name' }>
  | Readonly<{ kind: 'login-password'; name: Uint8Array }>;

const NOTHING: Expected = { kind: 'nothing' };

export function createExposureWatch(): ExposureWatch {
  let expected: Expected = NOTHING;

  return {
    authRefused: argument => {
      const [mechanism = '', response] = Buffer.from(argument)
        .toString('latin1')
        .split(/[ \t]+/);
      const octets = response === undefined ? null : decodeInitialResponse(response);
      const name = mechanism.toUpperCase();
      expected = NOTHING;
      if (name === 'PLAIN') {
        if (octets) return exposedByPlain(octets);
        expected = { kind: 'plain' };
      } else if (name === 'LOGIN') {
        expected = octets ? { kind: 'login-password', name: octets } : { kind: 'login-name' };
      }
      return null;
    },
    unknownLine: line => {
      const now = expected;
      expected = NOTHING;
      if (now.kind === 'nothing') return null;
      const octets = decodeBase64(Buffer.from(line).toString('latin1').trim());
      if (octets === null || octets.length === 0) return null;
      if (now.kind === 'plain') return exposedByPlain(octets);
      if (now.kind === 'login-password') return exposed('LOGIN', now.name);
      expected = { kind: 'login-password', name: octets };
      return null;
    },
  };
}

/** Null where the message has no password: `[authzid] NUL authcid NUL passwd` (RFC 4616). */
function exposedByPlain(message: Uint8Array): Exposure | null {
  const first = message.indexOf(0);
  const second = first < 0 ? -1 : message.indexOf(0, first + 1);
  if (second < 0 || second === message.length - 1) return null;
  const authcid = message.subarray(first + 1, second);
  return exposed('PLAIN', authcid.length > 0 ? authcid : message.subarray(0, first));
}

/** A name that is no account's for its length is not read (sasl/credential-length.ts). */
function exposed(mechanism: string, name: Uint8Array): Exposure {
  return { mechanism, name: isNameTooLong(name) ? null : name };
}
