import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BUILD_DATE } from '../../server/build.ts';
import { systemRandom } from '../../server/ids.ts';
import { isRefusedStart } from '../../server/refused-start.ts';
import { makeAuthority, makeAuthorityKey } from '../../server/tls/authority.ts';
import { makeLeaf, makeLeafKey } from '../../server/tls/leaf.ts';
import { waitFor } from '../support/process.ts';
import { DAY, makeWorld, someLooks, type World } from './world.ts';

let world: World;
let own: Readonly<{ certificate: string; key: string }>;
beforeEach(() => {
  world = makeWorld();
  own = { certificate: join(world.root, 'fullchain.pem'), key: join(world.root, 'privkey.pem') };
});
afterEach(() => world.end());

/** A certificate as an operator may bring it: with its chain, for one name. */
async function bring(name: string, now = BUILD_DATE) {
  const authority = await makeAuthority(await makeAuthorityKey(), 'elsewhere', systemRandom);
  const plan = {
    authority,
    key: await makeLeafKey('ec'),
    names: [{ kind: 'dns', value: name }] as const,
    now,
  };
  const leaf = await makeLeaf(plan, systemRandom);
  return { certificate: leaf.certificate + authority.certificate, key: leaf.key };
}

async function install(name: string, now = BUILD_DATE) {
  const brought = await bring(name, now);
  writeFileSync(own.certificate, brought.certificate);
  writeFileSync(own.key, brought.key);
  return brought;
}

const events = (event: string) => world.events.filter(e => e.event === event);

describe('the operator’s own certificate', () => {
  it('is used, with its chain, and no CA is made', async () => {
    const brought = await install('mail.example.com');
    const certificates = await world.open({ own });
    expect(certificates.current()).toEqual({ cert: [brought.certificate], key: [brought.key] });
    expect(certificates.describe()).toMatchObject({ kind: 'own', names: ['mail.example.com'], ca: null });
    expect(certificates.caCertificate()).toBeNull();
    expect(existsSync(world.folder)).toBe(false);
  });

  it('is used although it has expired, with a warning', async () => {
    await install('mail.example.com');
    world.state.now = BUILD_DATE + 400 * DAY;
    const certificates = await world.open({ own });
    expect(certificates.describe().warnings.join()).toContain('expired');
    expect(events('certificate.doubtful')).toHaveLength(1);
  });

  it('brings a warning when its end comes near, once', async () => {
    await install('mail.example.com');
    await world.open({ own });
    world.pass(386);
    await waitFor('the warning', () => events('certificate.doubtful').length > 0);
    world.pass(1);
    await someLooks();
    expect(events('certificate.doubtful')).toHaveLength(1);
  });

  it('cannot be renewed here', async () => {
    await install('mail.example.com');
    const result = await (await world.open({ own })).renew();
    expect(result).toMatchObject({ kind: 'refused', text: expect.stringContaining(own.certificate) });
  });
});

describe('a changed file', () => {
  it('is taken over, once both files rest', async () => {
    await install('old.example.com');
    const certificates = await world.open({ own });
    const heard: unknown[] = [];
    certificates.onChange(material => heard.push(material));
    const brought = await install('new.example.com');
    await waitFor('the new one', () => certificates.describe().names.includes('new.example.com'));
    expect(heard).toEqual([{ cert: [brought.certificate], key: [brought.key] }]);
    expect(events('certificate.rejected')).toEqual([]);
  });

  it.each([
    ['no certificate', () => writeFileSync(own.certificate, 'damaged'), 'no usable certificate'],
    ['no key', () => writeFileSync(own.key, ''), 'no usable private key'],
    ['another key', async () => writeFileSync(own.key, await makeLeafKey('ec')), 'not the key'],
  ])('with %s is rejected; the one before stays in use, and a good one is taken after it', async (_, damage, why) => {
    await install('old.example.com');
    const certificates = await world.open({ own });
    const before = certificates.current();
    await damage();
    await waitFor('the event', () => events('certificate.rejected').length > 0);
    expect(events('certificate.rejected')[0]?.fields['text']).toContain(why);
    expect(certificates.current()).toEqual(before);
    await install('new.example.com');
    await waitFor('the new one', () => certificates.describe().names.includes('new.example.com'));
  });
});

describe('a changed file whose certificate has expired', () => {
  it('is rejected while the one in use has not', async () => {
    world.state.now = BUILD_DATE + 450 * DAY;
    await install('old.example.com', BUILD_DATE + 300 * DAY);
    const certificates = await world.open({ own });
    await install('expired.example.com');
    await waitFor('the event', () => events('certificate.rejected').length > 0);
    expect(events('certificate.rejected')[0]?.fields['text']).toMatch(
      /expired on .*\. The certificate before stays in use\.$/,
    );
    expect(certificates.describe().names).toEqual(['old.example.com']);
    await install('new.example.com', BUILD_DATE + 300 * DAY);
    await waitFor('the new one', () => certificates.describe().names.includes('new.example.com'));
  });

  it('is taken over where the one in use has expired too, with a warning', async () => {
    world.state.now = BUILD_DATE + 450 * DAY;
    await install('old.example.com');
    const certificates = await world.open({ own });
    await install('later.example.com', BUILD_DATE + 10 * DAY);
    await waitFor('the other', () => certificates.describe().names.includes('later.example.com'));
    expect(certificates.describe().warnings.join()).toContain('expired');
  });
});

describe('a start is refused in one line', () => {
  const encrypted =
    '-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAg=\n-----END ENCRYPTED PRIVATE KEY-----\n';
  it.each([
    ['nothing is there', () => {}, 'does not exist'],
    [
      'the key is missing',
      async () => writeFileSync(own.certificate, (await bring('x')).certificate),
      'does not exist',
    ],
    [
      'the key is another’s',
      async () => {
        await install('x');
        writeFileSync(own.key, await makeLeafKey('rsa'));
      },
      'not the key',
    ],
    [
      'the key has a passphrase',
      async () => {
        await install('x');
        writeFileSync(own.key, encrypted);
      },
      'passphrase',
    ],
  ])('when %s', async (_, prepare, why) => {
    await prepare();
    const error: unknown = await world.open({ own }).then(
      () => null,
      thrown => thrown,
    );
    expect(isRefusedStart(error)).toBe(true);
    expect(String(error)).toContain(why);
    expect(String(error)).not.toContain('\n');
  });
});
