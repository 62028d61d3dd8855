import { describe, expect, it } from 'vitest';
import { formatDate } from '../../server/message/date.ts';

describe('formatDate', () => {
  const table = [
    ['2026-11-21T09:05:00Z', 'Sat, 21 Nov 2026 09:05:00 +0000'],
    ['1970-01-01T00:00:00Z', 'Thu, 1 Jan 1970 00:00:00 +0000'],
    ['2024-02-29T23:59:59.999Z', 'Thu, 29 Feb 2024 23:59:59 +0000'],
  ] as const;
  for (const [iso, text] of table) {
    it(text, () => {
      expect(formatDate(Date.parse(iso))).toBe(text);
    });
  }
});
