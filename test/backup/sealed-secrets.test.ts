import { describe, expect, it } from 'vitest';
import { openSecrets, sealSecrets } from '../../server/backup/sealed-secrets.ts';
import { systemRandom } from '../../server/ids.ts';

const FILES = [
  { name: 'sealing.key', octets: Buffer.from('the key') },
  { name: 'tls/ca.key', octets: Buffer.from([0, 255, 10]) },
];

describe('sealed secrets', () => {
  it('are opened by the passphrase alone, however its letters are composed', async () => {
    const sealed = await sealSecrets(FILES, 'pä$$phrase', systemRandom);
    expect(sealed.toString('latin1')).not.toContain('the key');
    expect(sealed.toString('latin1')).not.toContain(Buffer.from('the key').toString('base64'));
    expect(await openSecrets(sealed, 'pä$$phrase'.normalize('NFD'))).toEqual({ kind: 'open', files: FILES });
    expect(await openSecrets(sealed, 'Pä$$phrase')).toEqual({ kind: 'wrong-passphrase' });
  });

  it('are never sealed twice alike', async () => {
    const [one, two] = [
      await sealSecrets(FILES, 'x', systemRandom),
      await sealSecrets(FILES, 'x', systemRandom),
    ];
    expect(one.equals(two)).toBe(false);
  });

  it('refuse what is damaged, newer, or asks for too much work', async () => {
    const sealed = JSON.parse((await sealSecrets(FILES, 'x', systemRandom)).toString());
    const opened = (change: object) =>
      openSecrets(Buffer.from(JSON.stringify({ ...sealed, ...change })), 'x');
    expect(await opened({ version: 2 })).toMatchObject({
      kind: 'broken',
      why: expect.stringContaining('newer'),
    });
    expect(await opened({ N: 2 ** 30 })).toMatchObject({ kind: 'broken' });
    expect(await opened({ N: 65_537 })).toMatchObject({ kind: 'broken' });
    expect(await opened({ nonce: 'AAAA' })).toMatchObject({ kind: 'broken' });
    const first = String(sealed.sealed).startsWith('A') ? 'B' : 'A';
    expect(await opened({ sealed: `${first}${String(sealed.sealed).slice(1)}` })).toEqual({
      kind: 'wrong-passphrase',
    });
    expect(await openSecrets(Buffer.from('{'), 'x')).toMatchObject({ kind: 'broken' });
  });
});
