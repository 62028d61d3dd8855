import { describe, expect, it } from 'vitest';
import { findMechanism, MECHANISM_NAMES, mechanisms } from '../../server/sasl/mechanisms.ts';

describe('mechanisms', () => {
  it('stand in the order of EHLO, under the names that settings know', () => {
    expect(mechanisms.map(mechanism => mechanism.name)).toEqual([...MECHANISM_NAMES]);
    expect(MECHANISM_NAMES).toEqual(['PLAIN', 'LOGIN', 'CRAM-MD5', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS']);
  });

  it('are found in any letter case, and only by their whole name', () => {
    expect(findMechanism(mechanisms, 'lOgIn')?.name).toBe('LOGIN');
    expect(findMechanism(mechanisms, 'scram-sha-256')?.name).toBe('SCRAM-SHA-256');
    expect(findMechanism(mechanisms, 'PLAI')).toBeNull();
    // A dotless i becomes I in capitals: it must not reach PLAIN.
    expect(findMechanism(mechanisms, 'plaın')).toBeNull();
  });
});
