// Every file in broken/ must be refused for exactly the reasons in its first lines, and for no other.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../server/config/load.ts';

const folder = join(import.meta.dirname, 'broken');

describe('a broken configuration', () => {
  for (const file of readdirSync(folder)) {
    it(`is refused: ${file.replace('.yaml', '').replaceAll('-', ' ')}`, async () => {
      const stated = readFileSync(join(folder, file), 'utf8')
        .split('\n')
        .filter(line => line.startsWith('# refused: '))
        .map(line => line.slice('# refused: '.length).replace('FILE', file));
      const loaded = await loadConfig({ flags: { config: file }, environment: {}, folder });
      expect(stated.length).toBeGreaterThan(0);
      expect(loaded.kind === 'refused' ? loaded.problems : []).toEqual(stated);
    });
  }
});
