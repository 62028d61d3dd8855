// How the remote server checks a login: with our own server's side of SASL, bound to the TLS channel as it is. Without an
// account everything is right, and no mechanism but LOGIN asks for more.

import { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { cramDigest, cramState } from '../../server/sasl/cram-state.ts';
import { beginExchange, type ExchangeStep } from '../../server/sasl/exchange.ts';
import type { Credentials, ExchangeContext } from '../../server/sasl/mechanism.ts';
import { mechanisms } from '../../server/sasl/mechanisms.ts';
import { checkProof, saltedPassword, scramKeys, serverSignature } from '../../server/sasl/scram-keys.ts';
import { endPoint } from '../../server/tls/end-point.ts';
import type { Identity } from './identity.ts';

export type RemoteAccount = Readonly<{
  user: string;
  password: string;
  iterations?: number;
  /** Whether -PLUS is among the keywords. */
  listsPlus?: boolean;
}>;

/** One login. `reply` takes `AUTH …` and then each line of the client. */
export type RemoteLogin = Readonly<{ reply: (line: string) => Promise<string> }>;

type Setup = Readonly<{ account?: RemoteAccount; identity?: Identity }>;

const SALT = new TextEncoder().encode('sixteen octets!!');

export function beginRemoteLogin(socket: Socket, { account, identity }: Setup): RemoteLogin {
  return account === undefined ? anyLogin() : checkedLogin(account, contextOf(socket, account, identity));
}

function anyLogin(): RemoteLogin {
  const prompts = ['334 VXNlcm5hbWU6', '334 UGFzc3dvcmQ6'];
  let asks = false;
  return {
    reply: async line => {
      asks ||= line === 'AUTH LOGIN';
      return (asks ? prompts.shift() : undefined) ?? '235 2.7.0 welcome';
    },
  };
}

function checkedLogin(account: RemoteAccount, context: ExchangeContext): RemoteLogin {
  let step: ExchangeStep | null = null;
  return {
    reply: async line => {
      if (step?.kind === 'challenge') step = step.next(new Uint8Array(Buffer.from(line, 'latin1')));
      else step = beginExchange(line.slice('AUTH'.length), mechanisms, context);
      if (step.kind === 'credentials') step = await judged(step, account);
      if (step.kind === 'challenge') return `334 ${step.text}`;
      return step.kind === 'complete' ? '235 2.7.0 welcome' : '535 5.7.8 wrong';
    },
  };
}

async function judged(
  step: Extract<ExchangeStep, { kind: 'credentials' }>,
  account: RemoteAccount,
): Promise<ExchangeStep> {
  const { mechanism, credentials, prove } = step;
  const evidence =
    Buffer.from(credentials.name).toString() === account.user && (await evidenceOf(credentials, account));
  if (!evidence) return { kind: 'refused', refusal: 'credentials', mechanism };
  return prove === null ? { kind: 'complete', mechanism } : prove(evidence);
}

/** What proves the server to a client that is right; null where it is wrong. */
async function evidenceOf(credentials: Credentials, account: RemoteAccount): Promise<Uint8Array | null> {
  const password = new Uint8Array(Buffer.from(account.password));
  switch (credentials.kind) {
    case 'password':
      return Buffer.from(password).equals(credentials.password) ? password : null;
    case 'cram-md5':
      return Buffer.from(cramDigest(cramState(password), credentials.challenge)).equals(credentials.digest)
        ? password
        : null;
    case 'scram-sha-256': {
      const { authMessage, proof, intact } = credentials;
      const keys = scramKeys(await saltedPassword(password, saltOf(account)));
      if (!intact || !checkProof(keys.storedKey, authMessage, proof)) return null;
      return serverSignature(keys.serverKey, authMessage);
    }
    default:
      return credentials satisfies never;
  }
}

function saltOf({ iterations = 4096 }: RemoteAccount) {
  return { salt: SALT, iterations };
}

function contextOf(socket: Socket, account: RemoteAccount, identity: Identity | undefined): ExchangeContext {
  return {
    cramChallenge: () => '<1.2@remote.test>',
    scramNonce: () => 'nonce-of-the-remote',
    scramSalt: () => saltOf(account),
    channelBinding: type => {
      if (!(socket instanceof TLSSocket) || identity === undefined) return null;
      // Spelt out once more, so that a wrong label or length on our side would be noticed.
      if (type === 'tls-exporter')
        return [socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))];
      const point = endPoint(new X509Certificate(identity.certificate));
      return type === 'tls-server-end-point' && point !== null ? [point] : null;
    },
    listedPlus: () => account.listsPlus === true,
  };
}
