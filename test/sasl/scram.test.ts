// SCRAM-SHA-256 and -PLUS on the wire (RFC 5802, RFC 7677): the vector, then every way in which a client can be wrong.

import { describe, expect, it } from 'vitest';
import type { ExchangeStep } from '../../server/sasl/exchange.ts';
import type { ExchangeContext } from '../../server/sasl/mechanism.ts';
import {
  checkProof,
  clientProof,
  saltedPassword,
  scramKeys,
  serverSignature,
} from '../../server/sasl/scram-keys.ts';
import { base64, ITERATIONS, lastStep, octets, SALT, steps, unbase64 } from './exchange-context.ts';

const C1 = 'biwsbj11c2VyLHI9ck9wck5HZndFYmVSV2diTkVrcU8=';
const S1 =
  'cj1yT3ByTkdmd0ViZVJXZ2JORWtxTyVodllEcFdVYTJSYVRDQWZ1eEZJbGopaE5sRiRrMCxzPVcyMlphSjBTTlk3c29Fc1VFamI2Z1E9PSxpPTQwOTY=';
const C2 =
  'Yz1iaXdzLHI9ck9wck5HZndFYmVSV2diTkVrcU8laHZZRHBXVWEyUmFUQ0FmdXhGSWxqKWhObEYkazAscD1kSHpiWmFwV0lrNGpVaE4rVXRlOXl0YWc5empmTUhnc3FtbWl6N0FuZFZRPQ==';
const S2 = 'dj02cnJpVFJCaTIzV3BSUi93dHVwK21NaFVaVW4vZEI1bkxUSlJzamw5NUc0PQ==';

const NONCE = 'rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0';
const PROOF = 'dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=';
const keys = scramKeys(await saltedPassword(octets('pencil'), { salt: SALT, iterations: ITERATIONS }));

/** An exchange that came to credentials, as the verifier would see it. */
function scramStep(step: ExchangeStep) {
  if (step.kind !== 'credentials' || step.credentials.kind !== 'scram-sha-256')
    throw new Error(step.kind === 'refused' ? step.refusal : step.kind);
  return { ...step.credentials, mechanism: step.mechanism, prove: step.prove };
}

function refusalOf(step: ExchangeStep): string {
  return step.kind === 'refused' ? step.refusal : step.kind;
}

describe('RFC 7677 §3', () => {
  it.each([
    ['with an initial response', `SCRAM-SHA-256 ${C1}`, []],
    ['without', 'SCRAM-SHA-256', [C1]],
  ])('%s', (_, argument, lines) => {
    expect(lastStep(argument, lines)).toMatchObject({ kind: 'challenge', text: S1 });
    const { name, authMessage, proof, intact, mechanism, prove } = scramStep(
      lastStep(argument, [...lines, C2]),
    );
    expect([mechanism, intact, name]).toEqual(['SCRAM-SHA-256', true, octets('user')]);
    expect(checkProof(keys.storedKey, authMessage, proof)).toBe(true);
    const shown = prove?.(serverSignature(keys.serverKey, authMessage));
    if (shown?.kind !== 'challenge') throw new Error('nothing shown');
    expect(shown.text).toBe(S2);
    expect(shown.next(octets(''))).toEqual({ kind: 'complete', mechanism: 'SCRAM-SHA-256' });
    expect(refusalOf(shown.next(octets('dGlt')))).toBe('malformed');
    expect(refusalOf(shown.next(octets('*')))).toBe('cancelled');
  });

  it('begins with an empty challenge where there is no initial response', () => {
    expect(steps('SCRAM-SHA-256')[0]).toMatchObject({ kind: 'challenge', text: '' });
  });
});

describe('the arithmetic', () => {
  it('is that of the vector', async () => {
    const salted = await saltedPassword(octets('pencil'), { salt: SALT, iterations: ITERATIONS });
    expect(Buffer.from(salted).toString('hex')).toBe(
      'c4a49510323ab4f952cac1fa99441939e78ea74d6be81ddf7096e87513dc615d',
    );
    expect(Buffer.from(keys.storedKey).toString('base64')).toBe(
      'WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=',
    );
    expect(Buffer.from(keys.serverKey).toString('base64')).toBe(
      'wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=',
    );
    const { authMessage } = scramStep(lastStep(`SCRAM-SHA-256 ${C1}`, [C2]));
    expect(Buffer.from(clientProof(salted, authMessage)).toString('base64')).toBe(PROOF);
  });

  it('refuses every proof that differs, and those of another size', () => {
    const { authMessage, proof } = scramStep(lastStep(`SCRAM-SHA-256 ${C1}`, [C2]));
    for (const place of proof.keys()) {
      const changed = proof.map((octet, i) => (i === place ? octet ^ 1 : octet));
      expect(checkProof(keys.storedKey, authMessage, changed)).toBe(false);
    }
    expect(checkProof(keys.storedKey, authMessage, proof.subarray(1))).toBe(false);
    expect(checkProof(keys.storedKey, octets('another'), proof)).toBe(false);
  });
});

describe('the first message', () => {
  const first = (message: string, changes: Partial<ExchangeContext> = {}, mechanism = 'SCRAM-SHA-256') =>
    lastStep(`${mechanism} ${Buffer.from(message, 'latin1').toString('base64')}`, [], changes);
  /** The name for which a salt is asked. */
  const nameOf = (message: string) => {
    const names: Uint8Array[] = [];
    const step = first(message, {
      scramSalt: name => {
        names.push(name);
        return { salt: SALT, iterations: 15_000 };
      },
    });
    return step.kind === 'challenge' && names[0] !== undefined
      ? Buffer.from(names[0]).toString('latin1')
      : refusalOf(step);
  };

  it.each([
    ['an ordinary one', 'n,,n=user,r=abc', 'user'],
    ['with an escaped comma and equals sign', 'n,,n=a=2Cb=3Dc=3D2C,r=abc', 'a,b=c=2C'],
    ['in UTF-8', 'n,,n=j\xc3\xbcrgen,r=abc', 'j\xc3\xbcrgen'],
    ['in windows-1252', 'n,,n=j\xfcrgen,r=abc', 'j\xfcrgen'],
    ['with the authzid of the name', 'n,a=user,n=user,r=abc', 'user'],
    ['with the authzid in another spelling', 'n,a=J\xc3\x9cRGEN,n=j\xfcrgen,r=abc', 'j\xfcrgen'],
    ['with an escaped authzid', 'n,a=a=2Cb,n=a=2Cb,r=abc', 'a,b'],
    ['with extensions that nobody knows', 'n,,n=user,r=abc,x=1=2,Y=hello', 'user'],
    ['of a client that knows channel binding', 'y,,n=user,r=abc', 'user'],
  ])('%s', (_, message, name) => {
    expect(nameOf(message)).toBe(name);
  });

  it.each([
    ['nothing', '='],
    ['no header', 'n=user,r=abc'],
    ['another flag', 'x,,n=user,r=abc'],
    ['a flag in capitals', 'N,,n=user,r=abc'],
    ['an empty authzid', 'n,a=,n=user,r=abc'],
    ['something else for the authzid', 'n,b=user,n=user,r=abc'],
    ['no nonce', 'n,,n=user'],
    ['an empty nonce', 'n,,n=user,r='],
    ['a nonce with a blank', 'n,,n=user,r=a c'],
    ['a nonce that is not ASCII', 'n,,n=user,r=a\xfc'],
    ['a nonce without end', `n,,n=user,r=${'x'.repeat(513)}`],
    ['no name', 'n,,r=abc'],
    ['name and nonce the wrong way round', 'n,,r=abc,n=user'],
    ['an unknown escape', 'n,,n=a=2cb,r=abc'],
    ['half an escape', 'n,,n=a=2,r=abc'],
    ['a bare equals sign', 'n,,n=a=,r=abc'],
    ['a bad escape in the authzid', 'n,a=b=,n=b,r=abc'],
    ['a NUL in the name', 'n,,n=a\0b,r=abc'],
    ['an extension that must be understood', 'n,,m=x,n=user,r=abc'],
    ['the same behind the nonce', 'n,,n=user,r=abc,m=x'],
    ['an extension without value', 'n,,n=user,r=abc,x='],
    ['a comma at the end', 'n,,n=user,r=abc,'],
    ['channel binding without -PLUS', 'p=tls-exporter,,n=user,r=abc'],
    ['channel binding of no type', 'p=,,n=user,r=abc'],
  ])('%s is malformed', (_, message) => {
    expect(refusalOf(first(message))).toBe('malformed');
  });

  it('without a name fails as wrong credentials do', () => {
    expect(refusalOf(first('n,,n=,r=abc'))).toBe('credentials');
  });

  it('acts for no other account', () => {
    expect(refusalOf(first('n,a=admin,n=user,r=abc'))).toBe('authorization');
  });

  it('that saw no -PLUS fails only where this session listed it', () => {
    expect(refusalOf(first('y,,n=user,r=abc', { listedPlus: () => true }))).toBe('downgraded');
    expect(first('n,,n=user,r=abc', { listedPlus: () => true }).kind).toBe('challenge');
  });

  it('gets our nonce behind its own, and the salt of that name', () => {
    const step = first('n,,n=user,r=abc', {
      scramNonce: () => 'XYZ',
      scramSalt: () => ({ salt: octets('sixteen octets!!'), iterations: 15_000 }),
    });
    if (step.kind !== 'challenge') throw new Error('no challenge');
    expect(unbase64(step.text)).toBe(`r=abcXYZ,s=${base64('sixteen octets!!')},i=15000`);
  });

  it('of -PLUS must bind, to something that this connection has', () => {
    const asked: string[] = [];
    const bound = (message: string) =>
      refusalOf(
        first(
          message,
          {
            channelBinding: type => {
              asked.push(type);
              return type === 'tls-exporter' ? [octets('secret')] : null;
            },
          },
          'SCRAM-SHA-256-PLUS',
        ),
      );
    expect(bound('p=tls-exporter,,n=user,r=abc')).toBe('challenge');
    expect(bound('p=tls-unique,,n=user,r=abc')).toBe('channel-binding');
    expect(asked).toEqual(['tls-exporter', 'tls-unique']);
    expect(bound('n,,n=user,r=abc')).toBe('malformed');
    expect(bound('y,,n=user,r=abc')).toBe('malformed');
  });
});

describe('the final message', () => {
  const final = (message: string, argument = `SCRAM-SHA-256 ${C1}`, changes: Partial<ExchangeContext> = {}) =>
    lastStep(argument, [Buffer.from(message, 'latin1').toString('base64')], changes);
  const whole = `c=biws,r=${NONCE},p=${PROOF}`;

  it('is kept octet for octet in what is proved', () => {
    const { authMessage, intact } = scramStep(final(`c=biws,r=${NONCE},x=\xfc=,p=${PROOF}`));
    expect(Buffer.from(authMessage).toString('latin1')).toBe(
      `${unbase64(C1).slice(3)},${unbase64(S1)},c=biws,r=${NONCE},x=\xfc=`,
    );
    expect(intact).toBe(true);
  });

  it.each([
    ['another nonce', whole.replace('k0', 'k1')],
    ['the nonce cut short', whole.replace('k0', 'k')],
    ['only the client’s nonce', `c=biws,r=rOprNGfwEbeRWgbNEkqO,p=${PROOF}`],
    ['an empty nonce', `c=biws,r=,p=${PROOF}`],
    ['another header', whole.replace('biws', base64('y,,'))],
    ['the header with data behind it', whole.replace('biws', base64('n,,data'))],
    ['no header', whole.replace('biws', '')],
    ['a header that is no base64', whole.replace('biws', 'bi!s')],
    ['nothing in it', ''],
    ['something else', 'hello'],
    ['no proof', `c=biws,r=${NONCE}`],
    ['an empty proof', `c=biws,r=${NONCE},p=`],
    ['a proof of another size', `c=biws,r=${NONCE},p=${base64('short')}`],
    ['a proof that is no base64', whole.replace('p=d', 'p=!')],
    ['something behind the proof', `${whole},x=1`],
    ['no channel binding', `r=${NONCE},p=${PROOF}`],
    ['no nonce', `c=biws,p=${PROOF}`],
    ['the wrong order', `r=${NONCE},c=biws,p=${PROOF}`],
    ['an extension that must be understood', `c=biws,r=${NONCE},m=x,p=${PROOF}`],
    ['an extension that is none', `c=biws,r=${NONCE},hello,p=${PROOF}`],
  ])('with %s fails no sooner than a wrong proof', (_, message) => {
    const { intact, proof, name } = scramStep(final(message));
    expect([intact, proof.length, name]).toEqual([false, 32, octets('user')]);
  });

  it('that is no base64 is no message at all', () => {
    expect(refusalOf(lastStep(`SCRAM-SHA-256 ${C1}`, ['Yz1iaXdz!']))).toBe('undecodable');
  });

  it('of -PLUS may bind to any of the right data, and to nothing else', () => {
    const header = 'p=tls-server-end-point,,';
    const argument = `SCRAM-SHA-256-PLUS ${base64(`${header}n=user,r=abc`)}`;
    const changes = {
      scramNonce: () => 'XYZ',
      channelBinding: () => [octets('ecdsa leaf'), octets('rsa leaf')],
    };
    const intact = (bound: string) =>
      scramStep(final(`c=${base64(bound)},r=abcXYZ,p=${PROOF}`, argument, changes)).intact;
    expect(intact(`${header}ecdsa leaf`)).toBe(true);
    expect(intact(`${header}rsa leaf`)).toBe(true);
    expect(intact(`${header}another leaf`)).toBe(false);
    expect(intact(header)).toBe(false);
    expect(intact(`p=tls-exporter,,ecdsa leaf`)).toBe(false);
  });

  it('can be withheld', () => {
    expect(refusalOf(lastStep(`SCRAM-SHA-256 ${C1}`, ['*']))).toBe('cancelled');
  });
});
