// `postern backup` and `postern restore` as a person meets them: what they say, ask for and refuse.

import { existsSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fill } from '../backup/support.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

const PASSPHRASE = 'correct horse battery staple';
let line: CommandLine;
let file: string;

beforeEach(async () => {
  line = makeCommandLine();
  file = join(line.folder, 'backup.tar');
  const url = 'smtps://u@relay.example';
  await line.run(['upstream', 'add', 'main', '--url', url, '--password-stdin'], {
    stdin: 'upstream secret\n',
  });
});
afterEach(() => line.remove());

const data = () => join(line.folder, 'data');

describe('backup and restore', () => {
  it('without a passphrase: say what is not in it, and what is to be done again', async () => {
    fill(join(data(), 'postern.db'), join(data(), 'spool'));
    const made = await line.run(['backup', file]);
    expect(made).toMatchObject({ status: 0, stderr: '' });
    expect(made.stdout).toContain(
      `${file} holds 6 messages (5 recipients wait), all accounts and settings: `,
    );
    expect(made.stdout).toContain(
      'Keys and certificates are not in it. After a restore the passwords of upstreams',
    );
    const checked = await line.run(['backup', file, '--check']);
    expect(checked.stdout).toMatch(
      /^The backup is whole: made 20\d\d-.* by Postern 1\.2\.3 \(schema \d+\), with 6 messages/,
    );

    renameSync(data(), `${data()}.before`);
    const restored = await line.run(['restore', file]);
    expect(restored).toMatchObject({ status: 0, stderr: '' });
    expect(restored.stdout.trim().split('\n').slice(1)).toEqual([
      '5 messages for 5 recipients are held, because what was relayed since the backup would be sent again. Look with "postern queue list", then release with "postern queue release --all", or delete.',
      'The sealing key is not restored. Before the server can start, run "postern key reset --yes".',
      'Then give the upstream its password again: postern upstream set main --password-stdin',
      'CRAM-MD5 and SCRAM-SHA-256 work for each account again after its next login by PLAIN or LOGIN.',
      expect.stringContaining('The CA is not restored'),
    ]);
    expect((await line.run(['key', 'reset', '--yes'])).status).toBe(0);
    const set = ['upstream', 'set', 'main', '--password-stdin'];
    expect((await line.run(set, { stdin: 'upstream secret\n' })).status).toBe(0);
  });

  it('with a passphrase, asked for twice: nothing is to be done again', async () => {
    const made = await line.run(['backup', file, '--with-key'], { answers: [PASSPHRASE, PASSPHRASE] });
    expect(made.status).toBe(0);
    expect(made.stdout).toContain('encrypted: keep the passphrase, nobody can find it out');
    renameSync(data(), `${data()}.before`);
    const asked = await line.run(['restore', file], { answers: [PASSPHRASE] });
    expect(asked.status).toBe(0);
    expect(asked.stdout.trim().split('\n').slice(1)).toEqual(['No mail waits.']);
    expect((await line.run(['key', 'show'])).status).toBe(0);
  });

  it('refuse in one line what would overwrite, what is no backup, and passphrases that differ', async () => {
    const differ = await line.run(['backup', file, '--with-key'], { answers: [PASSPHRASE, 'other'] });
    expect(differ).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('The two passphrases are not the same'),
    });
    expect(existsSync(file)).toBe(false);
    expect((await line.run(['backup', file])).status).toBe(0);
    expect((await line.run(['backup', file])).stderr).toMatch(
      /^postern: .* there is such a file already\. .*--force\.\n$/,
    );
    expect((await line.run(['backup', file, '--force'])).status).toBe(0);
    expect((await line.run(['restore', file])).stderr).toMatch(
      /^postern: The data folder .* is not empty .*\n$/,
    );
    const diary = join(data(), 'postern.db');
    expect((await line.run(['restore', diary])).stderr).toMatch(
      /^postern: .* it is not a backup of Postern\. .*\n$/,
    );
    expect((await line.run(['restore', join(line.folder, 'no')])).stderr).toMatch(/there is no such file/);
    expect((await line.run(['backup'])).status).toBe(2);
    const typed = await line.run(['backup', file, '--passphrase', PASSPHRASE]);
    expect(typed).toMatchObject({ status: 2, stderr: expect.stringContaining('--passphrase-stdin') });
    expect(typed.stderr).not.toContain(PASSPHRASE);
  });

  it('warn of a passphrase that is short', async () => {
    const made = await line.run(['backup', file, '--passphrase-stdin'], { stdin: 'short\n' });
    expect(made.status).toBe(0);
    expect(made.stderr).toContain('warning: The passphrase has less than 12 characters');
  });

  it('refuse a backup that would be lost with its data', async () => {
    const made = await line.run(['backup', join(data(), 'backup.tar')]);
    expect(made.status).toBe(1);
    expect(made.stderr).toMatch(/^postern: .*data folder.*\n$/);
  });
});
