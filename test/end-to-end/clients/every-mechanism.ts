// Logins by every mechanism, for tests that ask which of them succeed: curl has PLAIN, LOGIN and CRAM-MD5, the client in
// Python SCRAM. Each comes from an address of its own, so that nothing is held back or withheld for what came before.

import { readFileSync } from 'node:fs';
import type { Account, Installation } from '../../support/postern.ts';
import { openWire, type Wire } from '../../support/wire.ts';
import { say } from '../gate.ts';
import type { Mechanism, Outcome } from './client.ts';
import { curl } from './curl.ts';
import { scramInPython } from './scram.ts';
import { submitByLogin } from './smtplib.ts';

/** In the order of EHLO. */
export const MECHANISMS: readonly Mechanism[] = [
  'PLAIN',
  'LOGIN',
  'CRAM-MD5',
  'SCRAM-SHA-256',
  'SCRAM-SHA-256-PLUS',
];

/** What EHLO says where nothing is left out. */
export const OFFERED = `250-AUTH ${MECHANISMS.join(' ')}`;

export const ALL_SENT = everywhere('sent');
export const ALL_REFUSED = everywhere('refused');

export type Logins = Readonly<{
  /** An address of 127.0.0.0/8 that nothing came from yet. */
  newAddress: () => string;
  one: (mechanism: Mechanism, account: Account, from?: string) => Promise<Outcome>;
  /** By smtplib's own choice of mechanisms, one after the other. */
  bySmtplib: (account: Account, from: string) => Promise<Outcome>;
  isRefused: (mechanism: Mechanism, account: Account) => Promise<boolean>;
  /** The outcome of each mechanism. */
  all: (account: Account) => Promise<Readonly<Record<string, Outcome>>>;
  /** A connection with TLS, after the greeting. */
  connect: (port?: number, from?: string) => Promise<Wire>;
  /** The line about AUTH that EHLO has for that address. */
  offeredTo: (from: string) => Promise<string | undefined>;
}>;

/** `port`: of a listener with TLS from the start. */
export function createLogins(at: Installation, port = at.ports.implicit): Logins {
  let addresses = 0;
  const newAddress = () => {
    addresses += 1;
    return `127.4.${addresses >> 8}.${addresses & 255}`;
  };
  const order = ({ name, password }: Account, from: string) => ({
    ports: { ...at.ports, implicit: port },
    ca: at.ca,
    listener: 'implicit' as const,
    name,
    password: Buffer.from(password),
    recipient: 'someone@destination.test',
    subject: `from ${from}`,
    from,
    folder: at.folder,
  });
  const one: Logins['one'] = (mechanism, account, from = newAddress()) => {
    const client = mechanism.startsWith('SCRAM') ? scramInPython : curl;
    return client.submit({ ...order(account, from), mechanism });
  };
  const connect: Logins['connect'] = async (to = port, from = newAddress()) => {
    const wire = await openWire({ port: to, ca: readFileSync(at.ca, 'utf8'), implicitTls: true, from });
    await say(wire, '', '220');
    return wire;
  };
  return {
    newAddress,
    one,
    bySmtplib: (account, from) => submitByLogin(order(account, from)),
    isRefused: async (mechanism, account) => (await one(mechanism, account)).kind === 'refused',
    all: async account => {
      const outcomes = MECHANISMS.map(async mechanism => [mechanism, await one(mechanism, account)] as const);
      return Object.fromEntries(await Promise.all(outcomes));
    },
    connect,
    offeredTo: async from => {
      const wire = await connect(port, from);
      const reply = await say(wire, 'EHLO device.example', '250');
      wire.close();
      return reply.find(line => line.startsWith('250-AUTH'));
    },
  };
}

function everywhere(kind: 'sent' | 'refused'): Readonly<Record<string, Outcome>> {
  return Object.fromEntries(MECHANISMS.map(mechanism => [mechanism, { kind }]));
}
