// What a person reads while authorising an upstream.

import { describe, expect, it } from 'vitest';
import { answerIn } from '../../server/cli/consent-conversation.ts';
import {
  codeText,
  deviceText,
  providerName,
  waitingText,
  wrongPaste,
} from '../../server/cli/consent-words.ts';
import { qrCode } from '../../server/cli/qr-code.ts';

const consent = {
  url: `https://login.example/authorize?client_id=me&state=s1&scope=${'x'.repeat(300)}`,
  redirectUri: 'http://127.0.0.1:40001',
};

describe('the address to open', () => {
  it.each([80, 60])('stands whole on a line of its own at %i columns, and the rest fits', columns => {
    const lines = codeText(consent, { listens: true, columns }).split('\n');
    expect(lines).toContain(consent.url);
    expect(lines.filter(line => line !== consent.url && line.length >= columns)).toEqual([]);
  });
  it('does not promise to hear a browser where nobody listens', () => {
    expect(codeText(consent, { listens: false, columns: 80 })).toContain('does not load: copy');
  });
});

describe('the code to type', () => {
  const device = { address: 'https://login.example/device', userCode: 'ABCD-EFGH', addressWithCode: null };
  const screen = { columns: () => 80, unicode: true, colours: false };
  it('stands below the QR code, where it stays in view', () => {
    const qr = qrCode(device.address, screen);
    const text = deviceText(device, { qr, columns: 80 });
    expect(text.indexOf('█')).toBe(0);
    expect(text.lastIndexOf('█')).toBeLessThan(text.indexOf('ABCD-EFGH'));
    expect(deviceText(device, { qr: null, columns: 80 })).not.toContain('scan');
  });
  it('has no QR code where that does not fit or cannot be shown', () => {
    expect(qrCode(device.address, { ...screen, columns: () => 20 })).toBeNull();
    expect(qrCode(device.address, { ...screen, unicode: false })).toBeNull();
    expect(qrCode('x'.repeat(5000), { ...screen, columns: () => 5000 })).toBeNull();
    const coloured = qrCode(device.address, { ...screen, colours: true });
    expect(coloured?.split('\n').every(line => line.startsWith('\u001b[38;5;231;48;5;16m'))).toBe(true);
  });
  it('is good for a while', () => {
    expect(waitingText(899_000)).toBe('Waiting for you to agree: 15 minutes left, Ctrl-C stops.');
    expect(waitingText(1)).toContain('1 minute left');
  });
});

describe('what is pasted', () => {
  const isAnswer = (text: string) =>
    /^http:\/\/127\.0\.0\.1:40001\/?\?code=abcdef&state=s1$/.test(text.trim());
  it.each([
    ['in one line', 'http://127.0.0.1:40001/?code=abcdef&state=s1'],
    ['broken in two', 'http://127.0.0.1:40001/?code=abc\ndef&state=s1'],
    ['among other lines', 'hello\nhttp://127.0.0.1:40001/?code=abcdef&state=s1\n'],
  ])('is found %s', (_, text) => {
    expect(answerIn(text, { isAnswer })).toBe('http://127.0.0.1:40001/?code=abcdef&state=s1');
  });
  it.each([
    ['nothing', ' ', /empty/],
    ['a code alone', '4/0AbCdEf', /no address/],
    ['the address that was to be opened', consent.url, /page of the provider/],
    [
      'an answer with another state',
      'http://127.0.0.1:40001/?code=x&state=s0',
      /cut off, or belongs to an earlier try/,
    ],
    ['something else', 'https://example.com/', /another address/],
  ])('%s is explained', (_, text, words) => {
    const said = wrongPaste(text, consent);
    expect(said).toMatch(words);
    expect(said).toContain('begins with http://127.0.0.1:40001');
    expect(said).not.toContain('AbCdEf');
  });
});

it('providers are called by their names', () => {
  expect(providerName({ provider: 'google', tokenEndpoint: 'https://x.example/' })).toBe('Google');
  expect(providerName({ provider: 'other', tokenEndpoint: 'https://id.example/token' })).toBe('id.example');
});
