import { describe, expect, it } from 'vitest';
import { findMechanism, passwordMechanisms } from '../../server/sasl/mechanisms.ts';

describe('passwordMechanisms', () => {
  it('stand in the order of EHLO', () => {
    expect(passwordMechanisms.map(mechanism => mechanism.name)).toEqual(['PLAIN', 'LOGIN']);
  });

  it('are found in any letter case, and only by their whole name', () => {
    expect(findMechanism(passwordMechanisms, 'lOgIn')?.name).toBe('LOGIN');
    expect(findMechanism(passwordMechanisms, 'PLAI')).toBeNull();
    // A dotless i becomes I in capitals: it must not reach PLAIN.
    expect(findMechanism(passwordMechanisms, 'plaın')).toBeNull();
  });
});
