// The sealing key is lost: the server goes on where it can, and the commands lead back to one that works.

import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/clock.ts';
import { systemRandom } from '../../server/ids.ts';
import { createConsents } from '../../server/relay/oauth/consents.ts';
import { openStore } from '../../server/storage/open-store.ts';
import { createKeyFile } from '../../server/storage/sealing-key.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

const secret = { stdin: 'upstream secret\n' };
const url = ['--url', 'smtps://me@relay.example', '--password-stdin'];

let line: CommandLine;
let key: string;
beforeEach(() => {
  line = makeCommandLine();
  key = join(line.folder, 'data/sealing.key');
});
afterEach(() => line.remove());

/** Why the server does not start; null where it does. */
async function refusedStart(): Promise<string | null> {
  try {
    const store = await openStore({
      path: join(line.folder, 'data'),
      as: 'serve',
      allowUnsafeFilesystem: false,
      random: systemRandom,
      onFatal: text => {
        throw new Error(text);
      },
    });
    await store.close();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const ways: readonly (readonly [string, () => void, RegExp])[] = [
  ['missing', () => rmSync(key), /The sealing key .* is missing: .*"postern key reset"/],
  [
    'another one',
    () => {
      rmSync(key);
      createKeyFile(key, systemRandom);
    },
    /The sealing key .* is not the one .*"postern key reset"/,
  ],
  [
    'damaged',
    () => writeFileSync(key, 'version 1\n'),
    /The sealing key .* is damaged: it is not whole.*"postern key reset"/,
  ],
];

describe.each(ways)('a sealing key that is %s, with passwords of upstreams', (_, lose, said) => {
  beforeEach(async () => {
    await line.run(['upstream', 'add', 'main', ...url], secret);
    await line.run(['upstream', 'add', 'second one', ...url], secret);
    lose();
  });

  it('leaves the commands that need no key, with a warning, but not the server', async () => {
    for (const words of [
      ['queue', 'list'],
      ['account', 'add', 'printer'],
      ['upstream', 'pause', 'main'],
      ['upstream', 'set', 'second one', '--default'],
    ]) {
      const ran = await line.run(words);
      expect(ran.status, words.join(' ')).toBe(0);
      expect(ran.stderr).toMatch(/^postern: warning: /);
      expect(ran.stderr).toMatch(said);
      expect(ran.stderr.trim()).not.toContain('\n');
    }
    expect(await refusedStart()).toMatch(said);
  });

  it('refuses to seal, and changes nothing', async () => {
    const ran = await line.run(['upstream', 'set', 'main', '--password-stdin'], secret);
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr).toMatch(/^postern: The sealing key .*\n$/);
  });

  it('is shown as lost', async () => {
    const shown = await line.run(['key', 'show', '--json']);
    expect(shown.status).toBe(1);
    expect(JSON.parse(shown.stdout)).toMatchObject({ id: null, lost: true, path: key });
    expect(shown.stderr).toMatch(/^postern: The sealing key .*\n$/);
  });

  it('cannot be rotated, and is made anew by "key reset", which says what must be entered again', async () => {
    const there = existsSync(key) ? readFileSync(key, 'utf8') : null;
    const rotated = await line.run(['key', 'rotate']);
    expect(rotated).toMatchObject({ status: 1, stdout: '' });
    expect(rotated.stderr).toMatch(/^postern: .*\n$/);
    const asked = await line.run(['key', 'reset']);
    expect(asked).toMatchObject({ status: 2, stdout: '' });
    expect(asked.stderr).toMatch(/^postern: .*\n$/);
    expect(asked.stderr).toContain('the passwords of the upstreams main, second one.');
    expect(existsSync(key) ? readFileSync(key, 'utf8') : null).toBe(there);

    const reset = await line.run(['key', 'reset', '--yes']);
    expect(reset).toMatchObject({ status: 0, stderr: '' });
    expect(reset.stdout).toContain('For a device that knows only CRAM-MD5, give its account a new password');
    expect(reset.stdout).toContain('postern upstream set main --password-stdin');
    expect(reset.stdout).toContain(`postern upstream set 'second one' --password-stdin`);
    expect(reset.stdout.includes(`${key}.before-reset`)).toBe(there !== null);
    expect(await refusedStart()).toBeNull();
    expect(await line.run(['upstream', 'set', 'main', '--password-stdin'], secret)).toMatchObject({
      status: 0,
      stderr: '',
    });
  });
});

describe('a sealing key that is lost, with OAuth2', () => {
  const client = ['--oauth-client-id', 'me', '--oauth-client-secret-stdin'];

  beforeEach(async () => {
    await line.run(
      ['upstream', 'add', 'person', '--preset', 'gmail', '--user', 'me@gmail.com', ...client],
      secret,
    );
    const account = join(line.folder, 'account.json');
    const { privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    const named = { type: 'service_account', client_email: 'bot@x.example', private_key: privateKey };
    writeFileSync(account, JSON.stringify(named));
    const workspace = ['--preset', 'google-workspace', '--user', 'scans@example.com'];
    await line.run([...['upstream', 'add', 'robot', ...workspace, '--oauth-service-account-file', account]]);
    await consent('person');
    rmSync(key);
  });

  async function consent(name: string): Promise<void> {
    const store = await openStore({
      path: join(line.folder, 'data'),
      as: 'command',
      allowUnsafeFilesystem: false,
      random: systemRandom,
      onFatal: text => {
        throw new Error(text);
      },
    });
    const { database, sealer } = store;
    const newId = () => 'A';
    const consents = createConsents({ database, sealer, clock: systemClock, newId, as: 'command' });
    const [row] = await database.read('SELECT id FROM upstream WHERE name = ?', [name]);
    const kept = await consents.keep(String(row?.['id']), { refreshToken: 'r', endsAt: null }, () => []);
    expect(kept.kind).toBe('committed');
    await store.close();
  }

  it('is reset only knowingly: what must be given again is named, with the commands', async () => {
    const asked = await line.run(['key', 'reset']);
    expect(asked.stderr).toContain(
      'this is forgotten: the client secrets of the upstreams person, the keys of the service accounts of the upstreams robot and the consents to send by the upstreams person.',
    );
    const reset = await line.json(['key', 'reset', '--yes']);
    expect(reset).toMatchObject({
      upstreams_without_password: [],
      upstreams_without_client_secret: ['person', 'robot'],
      upstreams_without_consent: ['person'],
    });
  });

  it('says how to give it again', async () => {
    const { stdout } = await line.run(['key', 'reset', '--yes']);
    expect(stdout).toContain('postern upstream set person --oauth-client-secret-prompt\n');
    expect(stdout).toContain('postern upstream set robot --oauth-service-account-file FILE\n');
    expect(stdout).toContain('postern upstream authorize person\n');
  });

  it('is said to be needed by a backup that is restored without it', async () => {
    const file = join(line.folder, 'backup.tar');
    expect((await line.run(['backup', file])).status).toBe(0);
    renameSync(join(line.folder, 'data'), join(line.folder, 'before'));
    const { stdout } = await line.run(['restore', file]);
    expect(stdout).toContain('Before the server can start, run "postern key reset --yes".');
    expect(stdout).toContain(
      'Then agree again that Postern sends by the upstream: postern upstream authorize person\n',
    );
  });
});

describe('the refusal to start', () => {
  it.each([
    ['upstreams', 'passwords of upstreams'],
    ['channels', 'settings of alert channels'],
    ['both', 'passwords of upstreams and settings of alert channels'],
  ])('with %s names what is sealed', async (which, what) => {
    await line.run(['account', 'add', 'printer']);
    if (which !== 'channels') await line.run(['upstream', 'add', 'main', ...url], secret);
    if (which !== 'upstreams')
      await line.run(['alert', 'channel', 'add', 'phone', '--ntfy', 'https://ntfy.sh/topic']);
    rmSync(key);
    expect(await refusedStart()).toMatch(new RegExp(`is missing: the one that seals ${what} \\(id `));
  });
});

describe.each(ways)('a sealing key that is %s, with accounts only', (_, lose, said) => {
  beforeEach(async () => {
    await line.run(['account', 'add', 'printer']);
    lose();
  });

  it('lets the server start without it: never a new one by itself', async () => {
    const there = existsSync(key) ? readFileSync(key, 'utf8') : null;
    expect(await refusedStart()).toBeNull();
    expect(existsSync(key) ? readFileSync(key, 'utf8') : null).toBe(there);
    const added = await line.run(['account', 'add', 'scanner']);
    expect(added.status).toBe(0);
    expect(added.stderr).toMatch(said);
    expect(added.stderr).toContain('CRAM-MD5 and SCRAM are not offered; PLAIN and LOGIN go on');
    const listed = JSON.parse((await line.run(['account', 'list', '--json'])).stdout);
    for (const account of listed)
      expect(account).toMatchObject({
        lacks: ['CRAM-MD5', 'SCRAM-SHA-256', 'SCRAM-SHA-256-PLUS'],
        lacks_reasons: [{ reason: 'sealing_key' }, { reason: 'sealing_key' }, { reason: 'sealing_key' }],
      });
    expect((await line.run(['account', 'list'])).stdout).toMatch(
      /CRAM-MD5# SCRAM#\n(.*\n)*# Not while the sealing key is lost\.\n$/,
    );
  });

  it('is made anew by "key reset", and nothing need be entered again', async () => {
    const asked = await line.run(['key', 'reset']);
    expect(asked.stderr).toContain('nothing that you entered is forgotten');
    expect(await line.run(['key', 'reset', '--yes'])).toMatchObject({ status: 0, stderr: '' });
    expect(await line.run(['account', 'list'])).toMatchObject({ status: 0, stderr: '' });
    expect(await line.run(['account', 'password', 'printer'])).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('a sealing key that comes back from the backup', () => {
  it('is as it was', async () => {
    await line.run(['upstream', 'add', 'main', ...url], secret);
    renameSync(key, `${key}.lost`);
    expect(await refusedStart()).not.toBeNull();
    renameSync(`${key}.lost`, key);
    expect(await refusedStart()).toBeNull();
    expect(await line.run(['key', 'reset', '--yes'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('there is nothing to reset'),
    });
  });
});
