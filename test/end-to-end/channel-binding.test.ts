// SCRAM-SHA-256-PLUS as clients meet it: bound to the TLS channel, or refused. gsasl binds by tls-exporter on TLS 1.3;
// a small client in Python, which shares no code with the server, binds by tls-server-end-point.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import { type Account, addAccount, type Installation, install } from '../support/postern.ts';
import type { Mechanism, Outcome } from './clients/client.ts';
import { gsasl } from './clients/gsasl.ts';
import { type Middleman, startMiddleman } from './clients/middleman.ts';
import { type Attempt, runScram, type ScramOrder, type ScramResult } from './clients/scram.ts';

const skip = mustSkip('end-to-end channel binding', suiteNeeds['end-to-end']);
const WITHOUT_PLUS = ['PLAIN', 'SCRAM-SHA-256'];
let at: Installation;
/** `narrow` is a listener that does not offer -PLUS. */
let ports: Readonly<{ starttls: number; implicit: number; narrow: number }>;
let account: Account;

beforeAll(async () => {
  if (skip) return;
  ports = { starttls: await freePort(), implicit: await freePort(), narrow: await freePort() };
  const address = '127.0.0.1';
  at = await install({
    listeners: [
      { port: ports.starttls, address, tls: 'starttls' },
      { port: ports.implicit, address, tls: 'implicit' },
      { port: ports.narrow, address, tls: 'implicit', mechanisms: WITHOUT_PLUS },
    ],
  });
  account = await addAccount(at, 'camera');
  await at.serve();
});

afterAll(async () => at?.remove());

/** Another address for each connection, so that the answer to a failure is not held back for those before. */
let connections = 0;

type Variation = Readonly<{ tls?: ScramOrder['tls']; resume?: boolean; port?: number }>;

function scram(attempts: readonly Attempt[], variation: Variation = {}): Promise<ScramResult> {
  connections += 1;
  return runScram({
    port: ports.implicit,
    ca: at.ca,
    name: account.name,
    password: Buffer.from(account.password),
    from: `127.5.0.${connections}`,
    tls: { version: '1.3' },
    attempts,
    ...variation,
  });
}

const bound: Attempt = { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'tls-server-end-point' };
const unbound: Attempt = { mechanism: 'SCRAM-SHA-256', binding: 'none' };
const ACCEPTED = '235 2.7.0 Authentication successful';
const REFUSED = '535 5.7.8 Authentication credentials invalid';

const channels = [
  ['TLS 1.2 with the ECDSA leaf', { version: '1.2', leaf: 'ECDSA' }],
  ['TLS 1.2 with the RSA leaf', { version: '1.2', leaf: 'RSA' }],
  ['TLS 1.3', { version: '1.3' }],
] as const;

describe.skipIf(skip)('tls-server-end-point', () => {
  const sessions = channels.flatMap(([title, tls]) => [
    [`${title}`, tls, false] as const,
    [`${title}, resumed`, tls, true] as const,
  ]);
  it.each(sessions)('is right on %s', async (_, tls, resume) => {
    const result = await scram([bound], { tls, resume });
    expect(result).toMatchObject({ resumed: resume, replies: [ACCEPTED] });
  });

  it.each(sessions)('is refused with one bit changed on %s', async (_, tls, resume) => {
    const result = await scram([{ ...bound, wrong: true }], { tls, resume });
    expect(result).toMatchObject({ resumed: resume, replies: [REFUSED] });
  });

  it('stands for two different leaves there', async () => {
    const [ecdsa, rsa] = await Promise.all(
      (['ECDSA', 'RSA'] as const).map(leaf => scram([], { tls: { version: '1.2', leaf } })),
    );
    expect(ecdsa?.certificate).not.toBe(rsa?.certificate);
  });
});

describe.skipIf(skip)('a kind of binding that this channel does not have', () => {
  const kinds = [
    ['tls-unique on TLS 1.2', 'tls-unique', { version: '1.2', leaf: 'RSA' }],
    ['tls-unique on TLS 1.3', 'tls-unique', { version: '1.3' }],
    ['tls-exporter on TLS 1.2', 'tls-exporter', { version: '1.2', leaf: 'ECDSA' }],
    ['one that nobody knows', 'tls-of-tomorrow', { version: '1.3' }],
  ] as const;
  it.each(kinds)('%s gets 504, and the session goes on', async (_, binding, tls) => {
    const attempts = [{ mechanism: 'SCRAM-SHA-256-PLUS', binding } as const, unbound];
    const { replies, noop } = await scram(attempts, { tls });
    expect(replies[0]).toMatch(/^504 5\.5\.4 /);
    expect(replies[1]).toBe(ACCEPTED);
    expect(noop).toMatch(/^250 /);
  });
});

describe.skipIf(skip)('the flag y, "you offered no binding"', () => {
  const unseen: Attempt = { mechanism: 'SCRAM-SHA-256', binding: 'unseen' };

  it('is refused where EHLO listed -PLUS: somebody took it away', async () => {
    const { ehlo, replies } = await scram([unseen, unbound]);
    expect(ehlo.some(line => /^250.AUTH .*SCRAM-SHA-256-PLUS/.test(line))).toBe(true);
    expect(replies).toEqual([REFUSED, ACCEPTED]);
  });

  it('is right where EHLO did not list it', async () => {
    const { ehlo, replies } = await scram([unseen], { port: ports.narrow });
    expect(ehlo).toContain(`250-AUTH ${WITHOUT_PLUS.join(' ')}`);
    expect(replies).toEqual([ACCEPTED]);
  });
});

describe.skipIf(skip)('the mechanism and the flag must agree', () => {
  const cases = [
    ['-PLUS without a binding', { mechanism: 'SCRAM-SHA-256-PLUS', binding: 'none' }],
    ['a binding without -PLUS', { mechanism: 'SCRAM-SHA-256', binding: 'tls-server-end-point' }],
  ] as const;
  it.each(cases)('%s gets 501', async (_, attempt) => {
    expect((await scram([attempt])).replies[0]).toMatch(/^501 /);
  });

  it('a listener that does not offer -PLUS answers it with 504', async () => {
    const { replies } = await scram([bound, unbound], { port: ports.narrow });
    expect(replies).toEqual([expect.stringMatching(/^504 5\.5\.4 /), ACCEPTED]);
  });
});

describe.skipIf(skip)('gsasl behind a middleman whose certificate it trusts', () => {
  let middleman: Middleman;
  let middlemansCa: string;

  beforeAll(async () => {
    const own = await makeCertificate(at.folder);
    middlemansCa = own.certificate;
    middleman = await startMiddleman(own, { port: ports.implicit, ca: at.ca });
  });

  afterAll(() => middleman?.close());

  const submit = (mechanism: Mechanism, way: Readonly<{ port: number; ca: string }>): Promise<Outcome> =>
    gsasl.submit({
      ports: { starttls: way.port, implicit: 0 },
      ca: way.ca,
      listener: 'starttls',
      mechanism,
      name: account.name,
      password: Buffer.from(account.password),
      recipient: 'someone@destination.test',
      subject: 'bound',
      from: '127.0.0.1',
      folder: at.folder,
    });

  it('is let in without a middleman, bound by tls-exporter', async () => {
    const direct = { port: ports.starttls, ca: at.ca };
    expect(await submit('SCRAM-SHA-256-PLUS', direct)).toEqual({ kind: 'sent' });
  });

  it('is refused, although its password is right', async () => {
    const way = { port: middleman.port, ca: middlemansCa };
    expect(await submit('SCRAM-SHA-256-PLUS', way)).toEqual({ kind: 'refused' });
  });

  it('is let in without channel binding, which cannot notice', async () => {
    const way = { port: middleman.port, ca: middlemansCa };
    expect(await submit('SCRAM-SHA-256', way)).toEqual({ kind: 'sent' });
  });
});
