import { describe, expect, it } from 'vitest';
import { parseMailParameters, refuseRcptParameters } from '../../server/smtp/parameters.ts';

describe('parseMailParameters', () => {
  const none = { kind: 'parameters', size: null, body: '7bit', smtputf8: false };
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
    ['  SIZE=5\tBODY=8bitmime  SMTPUTF8 AUTH=<>', { ...none, size: 5, body: '8bitmime', smtputf8: true }],
  ] as const;
  for (const [text, parameters] of taken) {
    it(`${JSON.stringify(text)} is taken`, () => {
      expect(parseMailParameters(text)).toEqual(parameters);
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
    ['RET=HDRS', 'RET'],
    ['ENVID=x', 'ENVID'],
    ['REQUIRETLS', 'REQUIRETLS'],
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
    expect(parseMailParameters('')).toEqual(none);
  });
});

describe('refuseRcptParameters', () => {
  it('takes none', () => {
    expect(refuseRcptParameters(' ')).toBeNull();
    expect(refuseRcptParameters('NOTIFY=NEVER')).toMatchObject({
      reason: 'unknown-parameter',
      parameter: 'NOTIFY',
    });
    expect(refuseRcptParameters('ORCPT=rfc822;a@b')).toMatchObject({ parameter: 'ORCPT' });
    expect(refuseRcptParameters('@')).toMatchObject({ reason: 'arguments' });
  });
});
