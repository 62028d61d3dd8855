import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(() => {
  line = makeCommandLine();
});
afterAll(() => line.remove());

const time = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

describe('account add', () => {
  it('generates a password, prints it once, and says what to enter on the device', async () => {
    const ran = await line.run([
      'account',
      'add',
      'printer',
      '--sender',
      'printer@home.example',
      '--note',
      '2nd floor',
    ]);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^Account printer is ready\.$/m);
    expect(ran.stdout).toMatch(/^User name {2}printer$/m);
    expect(ran.stdout).toMatch(/^Password {3}[A-Za-z0-9]{16}$/m);
    expect(ran.stdout).toMatch(/^Port {7}587 with STARTTLS.*465 with implicit TLS/m);
    expect(ran.stdout).toContain(join(line.folder, 'data/tls/ca.crt'));
  });
  it('proposes a name where none is given', async () => {
    expect(await line.json(['account', 'add'])).toEqual({
      name: expect.stringMatching(/^[a-z][a-z0-9]{3,15}$/),
      password: expect.stringMatching(/^[A-Za-z0-9]{16}$/),
    });
  });
  it('prints no password where one was given', async () => {
    const given = { stdin: 'correct horse battery staple\nsecond line\n' };
    expect(await line.json(['account', 'add', 'scanner', '--password-stdin'], given)).toEqual({
      name: 'scanner',
    });
    const shown = await line.run(['account', 'show', 'scanner']);
    expect(shown.stdout).not.toContain('staple');
  });
  it('takes a password from a file or a prompt, asked twice', async () => {
    writeFileSync(join(line.folder, 'secret'), 'from a file, long enough\r\n');
    const file = ['account', 'add', 'filed', '--password-file', join(line.folder, 'secret')];
    expect(await line.json(file)).toEqual({ name: 'filed' });
    const prompted = await line.run(['account', 'add', 'asked', '--password-prompt'], {
      answers: ['typed by a person', 'typed by a person'],
    });
    expect(prompted.status).toBe(0);
    expect(prompted.stdout + prompted.stderr).not.toContain('typed by');
    const givenUp = await line.run(['account', 'add', 'asked2', '--password-prompt'], { answers: [] });
    expect(givenUp).toMatchObject({ status: 1, stderr: expect.stringContaining('nothing was changed') });
    const differing = await line.run(['account', 'add', 'typo', '--password-prompt'], {
      answers: ['one', 'two'],
    });
    expect(differing).toMatchObject({ status: 1, stderr: expect.stringContaining('not the same') });
  });
  it('warns of a weak password and takes it', async () => {
    const ran = await line.run(['account', 'add', 'weak', '--password-stdin', '--json'], { stdin: 'scan' });
    expect(ran.status).toBe(0);
    expect(ran.stderr).toMatch(/^postern: warning: [^\n]+\n$/);
    expect(JSON.parse(ran.stdout)).toEqual({ name: 'weak' });
  });
  it.each([
    ['an empty password', '\n', /the first line is empty/],
    ['no password at all', '', /the first line is empty/],
    ['octets that are not UTF-8', new Uint8Array([0x70, 0xd1, 0x0a]), /not UTF-8/],
  ])('refuses %s', async (_, stdin, said) => {
    const ran = await line.run(['account', 'add', 'nobody', '--password-stdin'], { stdin });
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(said);
    expect((await line.run(['account', 'show', 'nobody'])).status).toBe(1);
  });
  it.each([
    ['add', 'unnamed'],
    ['password', 'printer'],
  ])('account %s refuses a password file without a name', async (word, name) => {
    const ran = await line.run(['account', word, name, '--password-file', '']);
    expect(ran).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('names no file') });
  });
  it('says in words why a password file cannot be read', async () => {
    const ran = await line.run(['account', 'add', 'unread', '--password-file', line.folder]);
    expect(ran).toMatchObject({ status: 1, stdout: '' });
    expect(ran.stderr).toContain(`The password file "${line.folder}" cannot be read: it is a folder.`);
  });
  it('takes a name that begins with a dash, after --', async () => {
    expect((await line.run(['account', 'add', '--', '-dash'])).status).toBe(0);
  });
  it('cannot prompt where there is no terminal', async () => {
    const ran = await line.run(['account', 'add', 'x', '--password-prompt'], { stdin: '' });
    expect(ran).toMatchObject({ status: 2, stderr: expect.stringContaining('--password-stdin') });
  });
  it('refuses a name that is taken, in any spelling', async () => {
    const ran = await line.run(['account', 'add', 'PRINTER']);
    expect(ran).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/^postern: .*taken.*\n$/),
    });
  });
});

describe('an account', () => {
  it('is listed with everything that is no secret', async () => {
    const list = await line.json(['account', 'list']);
    expect(list).toContainEqual({
      id: expect.any(String),
      name: 'printer',
      enabled: true,
      created_at: time,
      last_used_at: null,
      password_changed_at: time,
      sender: 'printer@home.example',
      note: '2nd floor',
    });
    expect((await line.run(['account', 'list'])).stdout).toMatch(
      /^printer +yes +- +printer@home.example +2nd floor$/m,
    );
  });
  it('is shown, changed, disabled, enabled', async () => {
    expect(await line.json(['account', 'set', 'printer', '--note', '', '--name', 'Printer 2'])).toMatchObject(
      {
        name: 'Printer 2',
        note: null,
        sender: 'printer@home.example',
      },
    );
    expect(await line.json(['account', 'disable', 'printer 2'])).toMatchObject({ enabled: false });
    expect(await line.json(['account', 'show', 'PRINTER 2'])).toMatchObject({ enabled: false });
    expect(await line.json(['account', 'enable', 'Printer 2'])).toMatchObject({ enabled: true });
  });
  it('gets a new password, generated or given', async () => {
    expect(await line.json(['account', 'password', 'scanner'])).toEqual({
      name: 'scanner',
      password: expect.stringMatching(/^[A-Za-z0-9]{16}$/),
    });
    const given = { stdin: 'another long password' };
    expect(await line.json(['account', 'password', 'scanner', '--password-stdin'], given)).toEqual({
      name: 'scanner',
    });
  });
  it('is gone when it was removed', async () => {
    const removed = await line.json(['account', 'remove', 'scanner']);
    expect(removed).toMatchObject({ name: 'scanner', enabled: false, removed: true });
    const ran = await line.run(['account', 'remove', 'scanner']);
    expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('no account named "scanner"') });
  });
});
