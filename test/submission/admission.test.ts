import { describe, expect, it } from 'vitest';
import { createAdmission } from '../../server/submission/admission.ts';

const open = () => createAdmission({ hostname: 'postern.test', connections: 3, connectionsPerAddress: 2 });

describe('connections', () => {
  it('are limited for each address', () => {
    const admission = open();
    expect(admission.enter('a')).toBeNull();
    expect(admission.enter('a')).toBeNull();
    expect(admission.enter('a')).toMatchObject({ code: 421, text: expect.stringContaining('your address') });
    expect(admission.enter('b')).toBeNull();
  });

  it('are limited in total', () => {
    const admission = open();
    for (const address of ['a', 'b', 'c']) expect(admission.enter(address)).toBeNull();
    expect(admission.enter('d')).toMatchObject({ code: 421, enhanced: '4.7.0' });
  });

  it('make room when they end; a refused one took none', () => {
    const admission = open();
    admission.enter('a');
    admission.enter('a');
    admission.enter('a');
    expect(admission.open()).toBe(2);
    admission.leave('a');
    expect(admission.enter('a')).toBeNull();
  });
});
