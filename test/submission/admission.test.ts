import { describe, expect, it } from 'vitest';
import { parseClientAddress } from '../../server/smtp/address.ts';
import { createAdmission } from '../../server/submission/admission.ts';

const client = (text: string) => {
  const address = parseClientAddress(text);
  if (address === null) throw new Error(`${text} is no address`);
  return address;
};
const KNOWN = '192.0.2.99';

const open = (connections = 5, connectionsPerAddress = 2) => {
  const admission = createAdmission({
    hostname: 'postern.test',
    connections,
    connectionsPerAddress,
    keyOf: ({ version, text }) => (version === 4 ? text : 'one network'),
    isKnown: key => key === KNOWN,
  });
  const enter = (text: string) => {
    const result = admission.enter(client(text));
    return result.kind === 'refused' ? result.reply : result.leave;
  };
  return { admission, enter };
};

describe('connections', () => {
  it('are limited for each address', () => {
    const { enter } = open();
    expect(enter('192.0.2.1')).toBeTypeOf('function');
    expect(enter('192.0.2.1')).toBeTypeOf('function');
    expect(enter('192.0.2.1')).toMatchObject({
      code: 421,
      text: expect.stringContaining('postern.test Too many connections from your address'),
    });
    expect(enter('192.0.2.2')).toBeTypeOf('function');
  });

  it('are limited for each network that counts as one client', () => {
    const { enter } = open();
    enter('2001:db8::1');
    enter('2001:db8::2');
    expect(enter('2001:db8::3')).toMatchObject({ code: 421 });
  });

  it('are limited in total', () => {
    const { enter } = open(3, 3);
    for (let n = 0; n < 3; n++) expect(enter('127.0.0.1')).toBeTypeOf('function');
    expect(enter('127.0.0.2')).toMatchObject({ code: 421, enhanced: '4.7.0' });
  });

  it('make room once, however often their end is told', () => {
    const { admission, enter } = open();
    enter('192.0.2.1');
    const leave = enter('192.0.2.1');
    for (let n = 0; n < 3; n++) if (typeof leave === 'function') leave();
    expect(admission.open()).toBe(1);
    expect(enter('192.0.2.1')).toBeTypeOf('function');
    expect(enter('192.0.2.1')).toMatchObject({ code: 421 });
  });

  it('make room when they end; a refused one took none', () => {
    const { admission, enter } = open();
    enter('192.0.2.1');
    const leave = enter('192.0.2.1');
    enter('192.0.2.1');
    expect(admission.open()).toBe(2);
    if (typeof leave === 'function') leave();
    expect(admission.open()).toBe(1);
    expect(enter('192.0.2.1')).toBeTypeOf('function');
  });

  it('of strangers leave room for those who have logged in before, and for this machine', () => {
    const { enter } = open(10, 10);
    for (let n = 0; n < 8; n++) expect(enter(`198.51.100.${n}`)).toBeTypeOf('function');
    expect(enter('198.51.100.200')).toMatchObject({ code: 421 });
    expect(enter(KNOWN)).toBeTypeOf('function');
    expect(enter('127.0.0.1')).toBeTypeOf('function');
    expect(enter(KNOWN)).toMatchObject({ code: 421 });
  });
});
