// Logging in as a client: the vectors, our own server as the other side, and servers that must not be trusted.

import { describe, expect, it } from 'vitest';
import type { ClientContext, ClientMechanism, ClientStep } from '../../server/sasl/client-mechanism.ts';
import { clientMechanisms } from '../../server/sasl/client-mechanisms.ts';
import { cramDigest, cramState } from '../../server/sasl/cram-state.ts';
import { encodeBase64 } from '../../server/sasl/decode.ts';
import { beginExchange, type ExchangeStep } from '../../server/sasl/exchange.ts';
import type { Credentials } from '../../server/sasl/mechanism.ts';
import { MECHANISM_NAMES, mechanisms } from '../../server/sasl/mechanisms.ts';
import { checkProof, saltedPassword, scramKeys, serverSignature } from '../../server/sasl/scram-keys.ts';
import {
  base64,
  CRAM_CHALLENGE,
  contextWith,
  ITERATIONS,
  octets,
  SALT,
  unbase64,
} from './exchange-context.ts';

const BINDING = { type: 'tls-exporter', data: octets('thirty-two octets of key material') };

function clientWith(changes: Partial<ClientContext> = {}): ClientContext {
  return { nonce: () => 'rOprNGfwEbeRWgbNEkqO', channelBinding: null, plusOffered: false, ...changes };
}

function find(name: string, context: ClientContext): ClientMechanism {
  const [mechanism] = clientMechanisms([name], context);
  if (mechanism === undefined) throw new Error(`no ${name}`);
  return mechanism;
}

/** A step as a test shows it: the failure, or the octets, with `!` where the server still owes its proof. */
function shown(step: ClientStep): string {
  if (step.kind === 'failure') return step.failure;
  const text = step.octets === null ? '(nothing)' : Buffer.from(step.octets).toString('latin1');
  return step.owesProof ? `${text} !` : text;
}

/** What a client says to these challenges (in Latin-1), and how it ends. */
async function talk(
  name: string,
  challenges: readonly string[],
  login = { user: 'user', password: 'pencil' },
  changes: Partial<ClientContext> = {},
): Promise<readonly string[]> {
  const context = clientWith(changes);
  let step = find(name, context).start(login, context);
  const said = [shown(step)];
  for (const challenge of challenges) {
    if (step.kind === 'failure') throw new Error(`over before ${challenge}`);
    step = await step.next(octets(challenge));
    said.push(shown(step));
  }
  return said;
}

describe('the choice of a mechanism', () => {
  const names = (offered: readonly string[], channelBinding: ClientContext['channelBinding']) =>
    clientMechanisms(offered, { channelBinding }).map(mechanism => mechanism.name);

  it('over TLS begins with what every server does right', () => {
    expect(names(MECHANISM_NAMES, BINDING)).toEqual([
      'PLAIN',
      'LOGIN',
      'SCRAM-SHA-256-PLUS',
      'SCRAM-SHA-256',
      'CRAM-MD5',
    ]);
  });

  it('in clear begins with what does not show the password', () => {
    expect(names(MECHANISM_NAMES, null)).toEqual(['SCRAM-SHA-256', 'CRAM-MD5', 'PLAIN', 'LOGIN']);
  });

  it('takes only what is offered', () => {
    expect(names(['XOAUTH2', 'CRAM-MD5'], BINDING)).toEqual(['CRAM-MD5']);
    expect(names(['GSSAPI'], BINDING)).toEqual([]);
  });
});

describe('vectors', () => {
  it('PLAIN (RFC 4616 §4)', async () => {
    const login = { user: 'tim', password: 'tanstaaftanstaaf' };
    expect((await talk('PLAIN', [], login)).map(base64)).toEqual(['AHRpbQB0YW5zdGFhZnRhbnN0YWFm']);
    expect(await talk('PLAIN', ['what?'], login)).toEqual(['\0tim\0tanstaaftanstaaf', 'malformed']);
  });

  it('PLAIN in UTF-8', async () => {
    const [said = ''] = await talk('PLAIN', [], { user: 'jürgen', password: 'pä$$wörd€' });
    expect(Buffer.from(said, 'latin1').toString('base64')).toBe('AGrDvHJnZW4AcMOkJCR3w7ZyZOKCrA==');
  });

  it('LOGIN, whatever the prompts say', async () => {
    const login = { user: 'tim', password: 'secret' };
    expect(await talk('LOGIN', ['Username:', 'Password:'], login)).toEqual(['(nothing)', 'tim', 'secret']);
    expect(await talk('LOGIN', ['User Name\0', ''], login)).toEqual(['(nothing)', 'tim', 'secret']);
    expect((await talk('LOGIN', ['Username:', 'Password:', 'Again:'], login)).at(-1)).toBe('malformed');
  });

  it('CRAM-MD5 (RFC 2195 §3)', async () => {
    expect(await talk('CRAM-MD5', [CRAM_CHALLENGE], { user: 'tim', password: 'tanstaaftanstaaf' })).toEqual([
      '(nothing)',
      'tim b913a602c7eda7a495b4e6e7334d3890',
    ]);
  });

  it('SCRAM-SHA-256 (RFC 7677 §3)', async () => {
    const nonce = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
    expect(
      await talk('SCRAM-SHA-256', [
        `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`,
        'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=',
      ]),
    ).toEqual([
      'n,,n=user,r=rOprNGfwEbeRWgbNEkqO !',
      `c=biws,r=${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ= !`,
      '',
    ]);
  });
});

describe('SCRAM tells the server what it knows of channel binding', () => {
  const first = async (name: string, changes: Partial<ClientContext>) =>
    (await talk(name, [], { user: 'a,b=c', password: 'x' }, changes))[0];

  it.each([
    ['nothing to bind to', 'SCRAM-SHA-256', {}, 'n,,'],
    ['no -PLUS seen', 'SCRAM-SHA-256', { channelBinding: BINDING }, 'y,,'],
    ['-PLUS seen, and not taken', 'SCRAM-SHA-256', { channelBinding: BINDING, plusOffered: true }, 'n,,'],
    ['bound', 'SCRAM-SHA-256-PLUS', { channelBinding: BINDING, plusOffered: true }, 'p=tls-exporter,,'],
  ] as const)('%s', async (_, name, changes, header) => {
    expect(await first(name, changes)).toBe(`${header}n=a=2Cb=3Dc,r=rOprNGfwEbeRWgbNEkqO !`);
  });
});

describe('SCRAM breaks off where the server', () => {
  const nonce = 'rOprNGfwEbeRWgbNEkqOxyz';
  const good = `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;

  it.each([
    ['says nothing', '', 'malformed'],
    ['sends no salt', `r=${nonce},s=,i=4096`, 'malformed'],
    ['sends a salt that is no base64', `r=${nonce},s=!,i=4096`, 'malformed'],
    ['sends no iterations', `r=${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==`, 'malformed'],
    ['sends iterations that are no number', good.replace('4096', '4096x'), 'malformed'],
    ['demands an extension', `m=x,${good}`, 'malformed'],
    ['demands it at the end', `${good},m=x`, 'malformed'],
    ['has another nonce', good.replace('rOprN', 'rOprM'), 'foreign-nonce'],
    ['adds nothing to the nonce', good.replace('xyz', ''), 'foreign-nonce'],
    ['asks for too few iterations', good.replace('4096', '4095'), 'few-iterations'],
    ['asks for too many', good.replace('4096', '1000001'), 'many-iterations'],
    ['asks for far too many', good.replace('4096', '9999999999'), 'many-iterations'],
  ])('%s', async (_, challenge, failure) => {
    expect((await talk('SCRAM-SHA-256', [challenge])).at(-1)).toBe(failure);
  });

  it.each([
    ['has not the right signature', `v=${base64('x'.repeat(32))}`, 'unproved'],
    ['has a signature of another size', `v=${base64('x')}`, 'malformed'],
    ['says something else', 'hello', 'malformed'],
    ['says nothing', '', 'malformed'],
  ])('%s at the end', async (_, last, failure) => {
    expect((await talk('SCRAM-SHA-256', [good, last])).at(-1)).toBe(failure);
  });

  it('takes note of a refusal, and takes nothing but a refusal after it', async () => {
    expect((await talk('SCRAM-SHA-256', [good, 'e=invalid-proof'])).at(-1)).toBe(' !');
    expect((await talk('SCRAM-SHA-256', [good, 'e=invalid-proof', ''])).at(-1)).toBe('malformed');
  });
});

describe('our own server as the other side', () => {
  const passwords = ['pencil', 'Up$tream pässword#1', 'x'.repeat(100), '€,=😀'];

  it.each(
    MECHANISM_NAMES.flatMap(name => passwords.map(password => [name, password] as const)),
  )('%s with the password %s', async (name, password) => {
    const login = { user: 'jürgen, the = one', password };
    expect(await logIn(name, login, password)).toBe('complete');
    expect(await logIn(name, login, `${password}!`)).toBe('refused');
  });
});

/** Plays one login against the server's exchange. `right`: the account's password. */
async function logIn(
  name: string,
  login: { user: string; password: string },
  right: string,
): Promise<string> {
  const context = clientWith({ channelBinding: BINDING, plusOffered: name.endsWith('-PLUS') });
  const server = contextWith({
    channelBinding: type => (type === BINDING.type ? [BINDING.data] : null),
    listedPlus: () => name.endsWith('-PLUS'),
  });
  let said = find(name, context).start(login, context);
  if (said.kind === 'failure') throw new Error(said.failure);
  const initial = said.octets === null ? '' : ` ${encodeBase64(said.octets)}`;
  let heard: ExchangeStep = beginExchange(`${name}${initial}`, mechanisms, server);
  for (let turn = 0; turn < 5; turn++) {
    if (heard.kind === 'credentials') heard = await judge(heard, login.user, right);
    if (heard.kind !== 'challenge') return heard.kind;
    said = await said.next(octets(unbase64(heard.text)));
    if (said.kind === 'failure') return said.failure;
    heard = heard.next(octets(encodeBase64(said.octets ?? new Uint8Array())));
  }
  throw new Error('no end');
}

async function judge(
  step: Extract<ExchangeStep, { kind: 'credentials' }>,
  user: string,
  right: string,
): Promise<ExchangeStep> {
  const { credentials, mechanism, prove } = step;
  const evidence = await evidenceFor(credentials, right);
  if (evidence === null || Buffer.from(credentials.name).toString() !== user)
    return { kind: 'refused', refusal: 'credentials', mechanism };
  return prove === null ? { kind: 'complete', mechanism } : prove(evidence);
}

/** As a verifier would judge; null: wrong. */
async function evidenceFor(credentials: Credentials, right: string): Promise<Uint8Array | null> {
  const password = new Uint8Array(Buffer.from(right));
  switch (credentials.kind) {
    case 'password':
      return Buffer.from(credentials.password).equals(password) ? new Uint8Array() : null;
    case 'cram-md5': {
      const digest = cramDigest(cramState(password), credentials.challenge);
      return Buffer.from(digest).equals(credentials.digest) ? new Uint8Array() : null;
    }
    case 'scram-sha-256': {
      const { authMessage, proof, intact } = credentials;
      const keys = scramKeys(await saltedPassword(password, { salt: SALT, iterations: ITERATIONS }));
      const right = checkProof(keys.storedKey, authMessage, proof) && intact;
      return right ? serverSignature(keys.serverKey, authMessage) : null;
    }
    default:
      return credentials satisfies never;
  }
}
