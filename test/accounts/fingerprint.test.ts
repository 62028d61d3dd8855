import { describe, expect, it } from 'vitest';
import { createFingerprint } from '../../server/accounts/fingerprint.ts';
import { systemRandom } from '../../server/ids.ts';

describe('a fingerprint', () => {
  const fingerprint = createFingerprint(systemRandom);

  it('is the same for the same parts, text or octets', () => {
    expect(fingerprint('a', 'ü')).toBe(fingerprint('a', Buffer.from('ü')));
  });

  it('tells parts apart, also where their joined text is the same', () => {
    const all = [
      fingerprint('ab', 'c'),
      fingerprint('a', 'bc'),
      fingerprint('abc'),
      fingerprint('ab', 'c', ''),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('says nothing to another process', () => {
    expect(createFingerprint(systemRandom)('a')).not.toBe(fingerprint('a'));
  });
});
