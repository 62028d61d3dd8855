// The lines of a right login, by every mechanism, as a client computes them from what the server says; and nearly right
// ones. Knows the mechanisms by their RFCs (4616, 2195, 5802), not by the server's code beyond its arithmetic.

import { cramDigest, cramState } from '../../server/sasl/cram-state.ts';
import { clientProof, saltedPassword } from '../../server/sasl/scram-keys.ts';

export const loginMechanisms = [
  'PLAIN',
  'PLAIN later',
  'LOGIN',
  'LOGIN inline',
  'CRAM-MD5',
  'SCRAM-SHA-256',
] as const;
export type LoginMechanism = (typeof loginMechanisms)[number];

/** The first line, then one for each challenge (`334` without its code); null when there is nothing more to say. */
export type LoginLines = Readonly<{
  first: string;
  next: (challenge: string) => string | null | Promise<string | null>;
}>;

export function loginLines(mechanism: LoginMechanism, name: string, password: string): LoginLines {
  const plain = base64(`\0${name}\0${password}`);
  switch (mechanism) {
    case 'PLAIN':
      return inTurn(`AUTH PLAIN ${plain}`);
    case 'PLAIN later':
      return inTurn('AUTH PLAIN', plain);
    case 'LOGIN':
      return inTurn('AUTH LOGIN', base64(name), base64(password));
    case 'LOGIN inline':
      return inTurn(`AUTH LOGIN ${base64(name)}`, base64(password));
    case 'CRAM-MD5':
      return {
        first: 'AUTH CRAM-MD5',
        next: challenge => {
          const digest = cramDigest(cramState(Buffer.from(password)), Buffer.from(challenge, 'base64'));
          return base64(`${name} ${Buffer.from(digest).toString('hex')}`);
        },
      };
    case 'SCRAM-SHA-256':
      return scram(name, password);
    default:
      return mechanism satisfies never;
  }
}

function scram(name: string, password: string): LoginLines {
  const bare = `n=${name.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=clientnonce`;
  const final = async (challenge: string): Promise<string> => {
    const serverFirst = Buffer.from(challenge, 'base64').toString();
    const [, nonce = '', salt = '', iterations = ''] = /^r=(.*),s=(.*),i=(\d+)$/.exec(serverFirst) ?? [];
    const withoutProof = `c=biws,r=${nonce}`;
    const message = Buffer.from(`${bare},${serverFirst},${withoutProof}`);
    const salted = await saltedPassword(Buffer.from(password), {
      salt: Buffer.from(salt, 'base64'),
      iterations: Number(iterations),
    });
    return base64(`${withoutProof},p=${Buffer.from(clientProof(salted, message)).toString('base64')}`);
  };
  let turn = 0;
  return {
    first: `AUTH SCRAM-SHA-256 ${base64(`n,,${bare}`)}`,
    // The server's signature is answered by an empty line (RFC 4954 §4).
    next: challenge => (turn++ === 0 ? final(challenge) : ''),
  };
}

function inTurn(first: string, ...rest: readonly string[]): LoginLines {
  const left = [...rest];
  return { first, next: () => left.shift() ?? null };
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
