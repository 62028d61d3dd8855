import { describe, expect, it } from 'vitest';
import { parseMailParameters, parseRcptParameters } from '../../server/smtp/parameters.ts';

describe('parseMailParameters', () => {
  const none = {
    size: null,
    body: '7bit',
    smtputf8: false,
    requireTls: false,
    dsn: { envelopeId: null, returns: null },
  };
  const taken = [
    ['', none],
    ['   ', none],
    ['SIZE=1000', { ...none, size: 1000 }],
    ['size=0', { ...none, size: 0 }],
    ['BODY=8BITMIME', { ...none, body: '8bitmime' }],
    ['body=7bit', none],
    ['SMTPUTF8', { ...none, smtputf8: true }],
    ['AUTH=<>', none],
    ['AUTH=a+2Bb@example.net', none],
    ['REQUIRETLS', { ...none, requireTls: true }],
    ['RET=FULL', { ...none, dsn: { envelopeId: null, returns: 'full' } }],
    ['ENVID=a+20b ret=hdrs', { ...none, dsn: { envelopeId: 'a b', returns: 'headers' } }],
    ['ENVID=', none],
    ['  SIZE=5\tBODY=8bitmime  SMTPUTF8 AUTH=<>', { ...none, size: 5, body: '8bitmime', smtputf8: true }],
  ] as const;
  for (const [text, parameters] of taken) {
    it(`${JSON.stringify(text)} is taken`, () => {
      expect(parseMailParameters(text)).toEqual({ kind: 'parameters', values: parameters });
    });
  }

  const wrong = [
    ['SIZE', 'number'],
    ['SIZE=', 'number'],
    ['SIZE=-1', 'number'],
    ['SIZE=1e3', 'number'],
    ['SIZE=123456789012345678901', 'number'],
    ['SIZE=1 SIZE=2', 'twice'],
    ['size=1 SIZE=1', 'SIZE is given twice'],
    ['hunter2 hunter2', 'of that name is given twice'],
    ['BODY', '7BIT or 8BITMIME'],
    ['BODY=', '7BIT or 8BITMIME'],
    ['BODY=9BIT', '7BIT or 8BITMIME'],
    ['SMTPUTF8=yes', 'no value'],
    ['AUTH', 'mailbox'],
    ['AUTH=', 'mailbox'],
    ['REQUIRETLS=', 'no value'],
    ['RET', 'FULL or HDRS'],
    ['RET=HEADERS', 'FULL or HDRS'],
    ['ENVID', 'xtext'],
    ['ENVID=a+', 'xtext'],
    ['ENVID=\u00e9', 'xtext'],
    ['ENVID=a ENVID=b', 'ENVID is given twice'],
    ['=5', 'not a parameter'],
    ['>', 'not a parameter'],
    ['<b@example.net>', 'not a parameter'],
    ['J\u00fcrgen', 'not a parameter'],
  ] as const;
  for (const [text, reason] of wrong) {
    it(`${text} is refused: ${reason}`, () => {
      expect(parseMailParameters(text)).toEqual({
        kind: 'refused',
        reason: 'arguments',
        text: expect.stringContaining(reason),
      });
    });
  }

  const unknown = [
    ['NOTIFY=NEVER', 'NOTIFY'],
    ['ORCPT=rfc822;a@b', 'ORCPT'],
    ['MT-PRIORITY=3', 'MT-PRIORITY'],
    ['BODY=BINARYMIME', 'BODY=BINARYMIME'],
    ['SIZE=1 X-FOO=__proto__', 'of that name'],
    ['constructor=1', 'of that name'],
    ['hunter2', 'of that name'],
  ] as const;
  for (const [text, parameter] of unknown) {
    it(`${text} is not known`, () => {
      expect(parseMailParameters(text)).toMatchObject({ reason: 'unknown-parameter', parameter });
    });
  }

  it('starts from nothing each time', () => {
    parseMailParameters('BODY=8BITMIME SMTPUTF8 SIZE=9');
    expect(parseMailParameters('')).toEqual({ kind: 'parameters', values: none });
  });
});

describe('parseRcptParameters', () => {
  const none = { notify: null, originalRecipient: null };
  it.each([
    ['', none],
    ['NOTIFY=NEVER', { ...none, notify: 'never' }],
    ['notify=Failure', { ...none, notify: ['failure'] }],
    ['NOTIFY=SUCCESS,DELAY,SUCCESS', { ...none, notify: ['success', 'delay'] }],
    ['ORCPT=RFC822;a+3Db@example.net', { ...none, originalRecipient: 'rfc822;a=b@example.net' }],
    [
      ' ORCPT=rfc822;a@b.example\tNOTIFY=DELAY,FAILURE',
      { notify: ['delay', 'failure'], originalRecipient: 'rfc822;a@b.example' },
    ],
  ])('%j is taken', (text, values) => {
    expect(parseRcptParameters(text)).toEqual({ kind: 'parameters', values });
  });

  it.each([
    ['NOTIFY', 'NOTIFY must be'],
    ['NOTIFY=', 'NOTIFY must be'],
    ['NOTIFY=NEVER,SUCCESS', 'NOTIFY must be'],
    ['NOTIFY=NEVER,NEVER', 'NOTIFY must be'],
    ['NOTIFY=SUCCESS,', 'NOTIFY must be'],
    ['NOTIFY=SUCCESS;FAILURE', 'NOTIFY must be'],
    ['ORCPT', 'ORCPT must be'],
    ['ORCPT=', 'ORCPT must be'],
    ['ORCPT=a@b.example', 'ORCPT must be'],
    ['NOTIFY=NEVER notify=never', 'NOTIFY is given twice'],
    ['@', 'not a parameter'],
  ])('%s is refused: %s', (text, reason) => {
    expect(parseRcptParameters(text)).toMatchObject({
      reason: 'arguments',
      text: expect.stringContaining(reason),
    });
  });

  it.each([
    ['RET=FULL', 'RET'],
    ['SIZE=5', 'SIZE'],
    ['RRVS=x', 'RRVS'],
    ['hunter2', 'of that name'],
  ])('%s is not known', (text, parameter) => {
    expect(parseRcptParameters(text)).toMatchObject({ reason: 'unknown-parameter', parameter });
  });
});
