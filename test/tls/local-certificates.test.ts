import { X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BUILD_DATE } from '../../server/build.ts';
import { isRefusedStart } from '../../server/refused-start.ts';
import { waitFor } from '../support/process.ts';
import { DAY, makeWorld, someLooks, type World } from './world.ts';

let world: World;
beforeEach(() => {
  world = makeWorld();
});
afterEach(() => world.end());

const text = (name: string) => readFileSync(join(world.folder, name), 'utf8');
const mode = (name: string) => statSync(join(world.folder, name)).mode & 0o777;
const reasons = () => world.events.filter(e => e.event === 'certificate.issued').map(e => e.fields['reason']);
const refusal = async () => {
  const error: unknown = await world.open().then(
    () => null,
    thrown => thrown,
  );
  if (!isRefusedStart(error)) throw new Error(`not refused: ${error}`);
  expect(error.message).not.toContain('\n');
  return error.message;
};

describe('the first start', () => {
  it('makes a CA and two leaves, whose keys only the owner can read, and leaves nothing else behind', async () => {
    await world.open();
    expect(readdirSync(world.folder).sort()).toEqual([
      ...['ca.crt', 'ca.key', 'leaf-ec.crt', 'leaf-ec.key', 'leaf-rsa.crt', 'leaf-rsa.key'],
    ]);
    expect(statSync(world.folder).mode & 0o777).toBe(0o700);
    for (const key of ['ca.key', 'leaf-ec.key', 'leaf-rsa.key']) expect(mode(key)).toBe(0o600);
  });

  it('makes a CA of RSA-2048 for twenty years from the build', async () => {
    await world.open();
    const ca = new X509Certificate(text('ca.crt'));
    expect(ca.ca).toBe(true);
    expect(ca.subject).toBe('CN=Postern CA nas.lan');
    expect(ca.publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect(ca.validFromDate.getTime()).toBe(BUILD_DATE);
    expect(ca.validToDate.getUTCFullYear()).toBe(ca.validFromDate.getUTCFullYear() + 20);
  });

  it('makes leaves for every name and address, for at most 398 days', async () => {
    const certificates = await world.open({ names: ['mail.example.com'] });
    for (const leaf of certificates.describe().certificates) {
      expect(leaf.names).toEqual(
        expect.arrayContaining([
          'nas.lan',
          'nas.local',
          'localhost',
          'mail.example.com',
          '192.168.1.5',
          '127.0.0.1',
        ]),
      );
      expect(Date.parse(leaf.not_before)).toBe(BUILD_DATE);
      expect(Date.parse(leaf.not_after) - Date.parse(leaf.not_before)).toBeLessThanOrEqual(398 * DAY);
    }
    expect(certificates.describe()).toMatchObject({
      kind: 'local',
      ca: { path: join(world.folder, 'ca.crt') },
    });
    expect(certificates.caCertificate()).toBe(text('ca.crt'));
  });

  it('by two processes at the same moment makes one CA', async () => {
    await Promise.all([world.open(), world.open(), world.open()]);
    const ca = new X509Certificate(text('ca.crt'));
    expect((await world.open()).caCertificate()).toBe(text('ca.crt'));
    expect(ca.verify(ca.publicKey)).toBe(true);
    for (const leaf of ['leaf-ec.crt', 'leaf-rsa.crt']) {
      expect(new X509Certificate(text(leaf)).verify(ca.publicKey)).toBe(true);
    }
  });

  it('with a clock that shows 1970 makes certificates that are dated by the build', async () => {
    world.state.now = 0;
    world.state.trusted = false;
    const certificates = await world.open();
    expect(Date.parse(certificates.describe().not_before)).toBe(BUILD_DATE);
  });

  it('with a clock that shows 2099 too', async () => {
    world.state.now = Date.UTC(2099, 0, 1);
    world.state.trusted = false;
    expect(Date.parse((await world.open()).describe().not_before)).toBe(BUILD_DATE);
  });
});

describe('a later start', () => {
  it('changes nothing', async () => {
    await world.open();
    const before = readdirSync(world.folder).map(text);
    await world.open();
    expect(readdirSync(world.folder).map(text)).toEqual(before);
    expect(reasons()).toEqual(['missing']);
  });

  it.each(['leaf-ec.crt', 'leaf-rsa.key'])('makes leaves anew when %s is damaged or gone', async file => {
    (await world.open()).close();
    writeFileSync(join(world.folder, file), 'damaged');
    (await world.open()).close();
    rmSync(join(world.folder, file));
    const certificates = await world.open();
    expect(reasons()).toEqual(['missing', 'unusable', 'missing']);
    expect(certificates.current().cert[0]).toBe(text('leaf-ec.crt'));
  });

  it('makes leaves anew when they are of another CA, even while the clock is untrusted', async () => {
    (await world.open()).close();
    renameSync(world.folder, join(world.root, 'old'));
    (await world.open()).close();
    renameSync(join(world.root, 'old', 'leaf-ec.crt'), join(world.folder, 'leaf-ec.crt'));
    renameSync(join(world.root, 'old', 'leaf-ec.key'), join(world.folder, 'leaf-ec.key'));
    world.state.trusted = false;
    await world.open();
    expect(reasons().at(-1)).toBe('signed by another CA');
  });

  it('makes the certificate of the CA again from its key: devices trust the key', async () => {
    (await world.open()).close();
    const before = new X509Certificate(text('ca.crt'));
    rmSync(join(world.folder, 'ca.crt'));
    await world.open();
    const after = new X509Certificate(text('ca.crt'));
    expect([after.subject, after.publicKey.equals(before.publicKey)]).toEqual([before.subject, true]);
    expect(reasons()).toEqual(['missing']);
  });
});

describe('a CA that cannot be used refuses the start and is left alone', () => {
  it.each([
    ['its key is damaged', () => writeFileSync(join(world.folder, 'ca.key'), 'damaged')],
    ['its key is empty', () => writeFileSync(join(world.folder, 'ca.key'), '')],
    ['its key has gone', () => rmSync(join(world.folder, 'ca.key'))],
    ['its certificate is damaged', () => writeFileSync(join(world.folder, 'ca.crt'), 'damaged')],
    ['its key is another', () => writeFileSync(join(world.folder, 'ca.key'), text('leaf-rsa.key'))],
    [
      'its certificate is none of a CA',
      () => {
        writeFileSync(join(world.folder, 'ca.crt'), text('leaf-ec.crt'));
        writeFileSync(join(world.folder, 'ca.key'), text('leaf-ec.key'));
      },
    ],
    [
      'its key is damaged and its certificate gone',
      () => {
        writeFileSync(join(world.folder, 'ca.key'), 'damaged');
        rmSync(join(world.folder, 'ca.crt'));
      },
    ],
  ])('%s', async (_, damage) => {
    (await world.open()).close();
    damage();
    const files = () => readdirSync(world.folder).map(name => [name, text(name)]);
    const before = files();
    const message = await refusal();
    expect(message).toMatch(/ca\.(key|crt)/);
    expect(message).toContain('backup');
    expect(files()).toEqual(before);
  });

  it('where its folder cannot be made', async () => {
    writeFileSync(world.folder, 'a file');
    expect(await refusal()).toContain(world.folder);
  });
});

describe('while it runs', () => {
  it('renews 30 days before the end, with new keys, and tells the listeners', async () => {
    const certificates = await world.open();
    const first = certificates.current();
    const heard: unknown[] = [];
    certificates.onChange(material => heard.push(material));
    world.pass(360);
    world.pass(0);
    await waitFor(
      'the certificate not to be renewed yet',
      () => world.events.length === 1 && heard.length === 0,
    );
    world.pass(10);
    await waitFor('a renewed certificate', () => heard.length > 0);
    expect(reasons()).toEqual(['missing', 'expires soon']);
    expect(heard).toEqual([certificates.current()]);
    expect(certificates.current().key).not.toEqual(first.key);
    expect(Date.parse(certificates.describe().not_after)).toBeGreaterThan(world.state.now + 200 * DAY);
  });

  it('does not renew while the clock is untrusted, and does so once it is trusted', async () => {
    world.state.trusted = false;
    const certificates = await world.open();
    world.pass(5000);
    const before = certificates.current();
    await someLooks();
    expect(certificates.current()).toEqual(before);
    world.state.trusted = true;
    world.pass(0);
    await waitFor('a renewed certificate', () => reasons().includes('expires soon'));
  });

  it('takes a new address in with the same keys, and does not mind one that has gone', async () => {
    const certificates = await world.open();
    const first = certificates.current();
    world.state.addresses = [];
    world.pass(0);
    await someLooks();
    expect(certificates.current()).toEqual(first);
    world.state.addresses = ['10.0.0.7'];
    world.pass(0);
    await waitFor('the new address', () => certificates.describe().names.includes('10.0.0.7'));
    expect(certificates.current().key).toEqual(first.key);
    expect(reasons()).toEqual(['missing', 'addresses changed']);
  });

  it('follows configured names at the next start', async () => {
    const names = async (...configured: string[]) => {
      const certificates = await world.open({ names: configured });
      certificates.close();
      return certificates.describe().names;
    };
    expect(await names('a.example')).toContain('a.example');
    expect(await names('b.example')).toContain('b.example');
    expect(await names()).not.toContain('b.example');
    expect(reasons()).toEqual(['missing', 'names changed', 'names changed']);
  });

  it('is left alone by commands that see other names than it does', async () => {
    const server = await world.open({ names: ['mail.example.com'] });
    const before = server.current();
    const command = await world.open({ mode: 'command' });
    expect(command.current()).toEqual(before);
    expect(await command.renew()).toEqual({ kind: 'renewed' });
    await waitFor(
      'its names',
      () => server.describe().names.includes('mail.example.com') && reasons().length === 3,
    );
    expect(reasons()).toEqual(['missing', 'asked for', 'names changed']);
    expect(server.current().key).not.toEqual(before.key);
  });

  it('takes over what another process renewed, within a moment', async () => {
    const server = await world.open();
    const before = server.current();
    const command = await world.open({ mode: 'command' });
    expect(await command.renew()).toEqual({ kind: 'renewed' });
    command.close();
    await waitFor('the renewed certificate', () => server.current().cert[0] === command.current().cert[0]);
    expect(server.current()).toEqual(command.current());
    expect(server.current().key).not.toEqual(before.key);
    expect(reasons()).toEqual(['missing', 'asked for', 'its file changed']);
  });

  it('makes leaves anew that were removed under it', async () => {
    const certificates = await world.open();
    rmSync(join(world.folder, 'leaf-rsa.crt'));
    await waitFor('the leaf', () => readdirSync(world.folder).includes('leaf-rsa.crt'));
    await waitFor('its use', () => certificates.current().cert[1] === text('leaf-rsa.crt'));
  });

  it('does not make a new CA when the old one vanishes, and goes on with what it has', async () => {
    const certificates = await world.open();
    const before = certificates.current();
    rmSync(world.folder, { recursive: true });
    await waitFor('the event', () => world.events.some(e => e.event === 'certificate.rejected'));
    expect(await certificates.renew()).toMatchObject({ kind: 'refused' });
    expect(certificates.current()).toEqual(before);
    expect(world.events.filter(e => e.event === 'certificate.rejected')).toHaveLength(1);
  });
});
