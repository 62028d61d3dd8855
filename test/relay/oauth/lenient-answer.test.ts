// Answers of OAuth2 servers that do not keep to the letter: what the library gets to read instead.

import { describe, expect, it } from 'vitest';
import { asStandard } from '../../../server/relay/oauth/lenient-answer.ts';

const TOKEN = { access_token: 'a', token_type: 'bearer' };

describe('an answer that is not quite as the standard has it', () => {
  it.each<[string, object, object]>([
    ['as it must be', { ...TOKEN, expires_in: 3600 }, { ...TOKEN, expires_in: 3600 }],
    ['without token_type', { access_token: 'a' }, TOKEN],
    ['with a token_type of another kind', { ...TOKEN, token_type: 'mac' }, { ...TOKEN, token_type: 'mac' }],
    ['with refresh_token null', { ...TOKEN, refresh_token: null }, TOKEN],
    ['with refresh_token empty', { ...TOKEN, refresh_token: '' }, TOKEN],
    ['with expires_in null', { ...TOKEN, expires_in: null }, TOKEN],
    ['with expires_in in words', { ...TOKEN, expires_in: 'soon' }, TOKEN],
    ['with expires_in below 0', { ...TOKEN, expires_in: -1 }, TOKEN],
    ['with expires_in in quotes', { ...TOKEN, expires_in: '3599' }, { ...TOKEN, expires_in: 3599 }],
    ['with a list of scopes', { ...TOKEN, scope: ['a', 'b'] }, { ...TOKEN, scope: 'a b' }],
    ['with an ID token', { ...TOKEN, id_token: 'x.y.z' }, TOKEN],
    [
      'for a device, as Google had it',
      { device_code: 'd', verification_url: 'https://x.example/', expires_in: '1800', interval: 0 },
      {
        device_code: 'd',
        verification_url: 'https://x.example/',
        verification_uri: 'https://x.example/',
        expires_in: 1800,
      },
    ],
    ['an error', { error: 'invalid_grant' }, { error: 'invalid_grant' }],
  ])('%s', (_, answer, standard) => {
    expect(asStandard(answer)).toEqual(standard);
  });
});
