// Access tokens as a login: the documents' own examples octet for octet, what is answered to a refusal, and what is kept of it.

import { describe, expect, it } from 'vitest';
import type { ClientStep } from '../../server/sasl/client-mechanism.ts';
import { tokenMechanisms } from '../../server/sasl/client-mechanisms.ts';
import { oauthbearerClient } from '../../server/sasl/client-oauthbearer.ts';
import type { TokenLogin, TokenMechanism } from '../../server/sasl/client-token.ts';
import { xoauth2Client } from '../../server/sasl/client-xoauth2.ts';
import { encodeBase64 } from '../../server/sasl/decode.ts';
import { octets, unbase64 } from './exchange-context.ts';

const LOGIN: TokenLogin = {
  user: 'user@example.com',
  token: 'vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==',
  host: 'server.example.com',
  port: 587,
};

/** What the step sends, in base64. */
function sent(step: ClientStep): string {
  if (step.kind === 'failure') throw new Error(step.failure);
  if (step.octets === null) throw new Error('nothing is sent');
  return encodeBase64(step.octets);
}

const initial = (mechanism: TokenMechanism, changes: Partial<TokenLogin> = {}) =>
  sent(mechanism.start({ ...LOGIN, ...changes }));

/** The step after a refusal with this challenge. */
async function refused(mechanism: TokenMechanism, challenge: string): Promise<ClientStep> {
  const step = mechanism.start(LOGIN);
  if (step.kind === 'failure') throw new Error(step.failure);
  return step.next(octets(challenge));
}

/** Google's, with the line end that it has. */
const GOOGLE =
  'eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K';
/** RFC 7628 §4.3. */
const RFC_7628 =
  'eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24iOiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=';

describe('XOAUTH2 sends', () => {
  it.each([
    [
      'Google’s example',
      'someuser@example.com',
      'ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg',
      'dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ==',
    ],
    [
      'Microsoft’s example',
      'test@contoso.onmicrosoft.com',
      'EwBAAl3BAAUFFpUAo7J3Ve0bjLBWZWCclRC3EoAA',
      'dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ==',
    ],
  ])('%s', (_, user, token, expected) => {
    expect(initial(xoauth2Client, { user, token })).toBe(expected);
  });

  it('a name in UTF-8, as it is', () => {
    const user = 'user=j\xc3\xbcrgen,a=b\x01auth=';
    expect(unbase64(initial(xoauth2Client, { user: 'jürgen,a=b' }))).toContain(user);
  });
});

describe('OAUTHBEARER sends', () => {
  it('the example of RFC 7628 §4.1', () => {
    expect(initial(oauthbearerClient)).toBe(
      'bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9NTg3AWF1dGg9QmVhcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB',
    );
  });

  it.each([
    ['a comma', 'a,b@example.com', 'n,a=a=2Cb@example.com,\x01'],
    ['an equals sign', 'a=b@example.com', 'n,a=a=3Db@example.com,\x01'],
    ['what looks escaped', 'a=2Cb', 'n,a=a=3D2Cb,\x01'],
    ['UTF-8', 'jürgen', 'n,a=j\xc3\xbcrgen,\x01'],
  ])('a name with %s so that it ends where it should', (_, user, header) => {
    expect(unbase64(initial(oauthbearerClient, { user })).slice(0, header.length)).toBe(header);
  });
});

describe('a refusal', () => {
  it.each([
    ['XOAUTH2 with nothing', xoauth2Client, ''],
    ['OAUTHBEARER with a single 0x01', oauthbearerClient, 'AQ=='],
  ])('is answered by %s, and then only the reply may come', async (_, mechanism, answer) => {
    const step = await refused(mechanism, unbase64(GOOGLE));
    expect(sent(step)).toBe(answer);
    if (step.kind === 'failure') throw new Error(step.failure);
    expect(await step.next(octets('again'))).toEqual({ kind: 'failure', failure: 'malformed' });
  });

  it.each([
    [
      'Google’s',
      unbase64(GOOGLE),
      { status: '401', schemes: 'bearer mac', scope: 'https://mail.google.com/' },
    ],
    [
      'that of RFC 7628 §4.3',
      unbase64(RFC_7628),
      { status: 'invalid_token', schemes: null, scope: 'example_scope' },
    ],
    ['a number', '{"status":400}', { status: '400', schemes: null, scope: null }],
    [
      'of several lines',
      '{"status":"4\\r\\n01","scope":"a\\u0000b"}',
      { status: '4 01', schemes: null, scope: 'a b' },
    ],
    ['of other things', '{"status":["401"],"scope":{}}', { status: null, schemes: null, scope: null }],
    ['no JSON', 'go away', { status: null, schemes: null, scope: null }],
    ['no object', '"401"', { status: null, schemes: null, scope: null }],
    ['nothing', '', { status: null, schemes: null, scope: null }],
  ])('is kept, %s', async (_, challenge, refusal) => {
    expect(await refused(xoauth2Client, challenge)).toMatchObject({ refusal });
    expect(await refused(oauthbearerClient, challenge)).toMatchObject({ refusal });
  });

  it('without end is cut', async () => {
    const step = await refused(xoauth2Client, JSON.stringify({ scope: 'x'.repeat(10_000) }));
    expect(step).toMatchObject({ refusal: { scope: 'x'.repeat(200) } });
  });
});

describe('the choice of a mechanism for tokens', () => {
  it.each([
    [
      ['PLAIN', 'LOGIN', 'XOAUTH2', 'OAUTHBEARER'],
      ['XOAUTH2', 'OAUTHBEARER'],
    ],
    [['OAUTHBEARER', 'PLAIN'], ['OAUTHBEARER']],
    [['LOGIN', 'XOAUTH2'], ['XOAUTH2']],
    [['PLAIN', 'LOGIN', 'SCRAM-SHA-256'], []],
    [[], []],
  ])('of %j is %j', (offered, names) => {
    expect(tokenMechanisms(offered).map(({ name }) => name)).toEqual(names);
  });
});
