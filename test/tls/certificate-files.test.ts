import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { fileStamp } from '../../server/tls/certificate-files.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';

const folder = makeScratch('stamp');
afterEach(() => removeScratch(folder));

describe('the stamp of a file', () => {
  it('changes with its content, its place and its mode: a key that becomes readable must be read again', async () => {
    const path = join(folder, 'privkey.pem');
    const stamps = [await fileStamp([path])];
    const note = async (change: () => void) => {
      change();
      stamps.push(await fileStamp([path]));
    };
    await note(() => writeFileSync(path, 'one', { mode: 0o600 }));
    await note(() => chmodSync(path, 0o640));
    await note(() => writeFileSync(path, 'two'));
    writeFileSync(join(folder, 'new'), 'two', { mode: 0o640 });
    await note(() => renameSync(join(folder, 'new'), path));
    expect(new Set(stamps).size).toBe(5);
    expect(await fileStamp([path])).toBe(stamps[4]);
  });
});
