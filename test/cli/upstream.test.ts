import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../support/certificate.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(() => {
  line = makeCommandLine();
});
afterAll(() => line.remove());

const secret = { stdin: 'upstream secret\n' };
const gmail = 'smtp+starttls://me@example.com@smtp.example.com:587';

describe('upstream add', () => {
  it('adds; the first one is the default; the password is never shown', async () => {
    const added = await line.run(['upstream', 'add', 'main', '--url', gmail, '--password-stdin'], secret);
    expect(added).toMatchObject({ status: 0, stderr: '' });
    expect(added.stdout).toContain('is the default');
    const { folder } = line;
    const { certificate } = await makeCertificate(folder);
    const words = ['upstream', 'add', 'second', '--url', 'smtps://relay.example', '--ca', certificate];
    expect(await line.json([...words, '--ehlo-name', 'gate.example', '--connections', '7'])).toEqual({
      id: expect.any(String),
      name: 'second',
      url: 'smtps://relay.example:465',
      scheme: 'smtps',
      host: 'relay.example',
      port: 465,
      user: null,
      default: false,
      paused: false,
      paused_at: null,
      own_ca: true,
      ehlo_name: 'gate.example',
      connections: 7,
      created_at: expect.stringMatching(/Z$/),
      fault: null,
    });
    for (const words of [['list'], ['show', 'main'], ['list', '--json'], ['show', 'main', '--json']]) {
      expect((await line.run(['upstream', ...words])).stdout).not.toContain('upstream secret');
    }
  });
  it('asks for the password on a terminal', async () => {
    const ran = await line.run(['upstream', 'add', 'asked', '--url', gmail], { answers: ['typed secret'] });
    expect(ran.status).toBe(0);
    expect(ran.stdout + ran.stderr).not.toContain('typed secret');
  });
  it.each([
    ['a password in the URL', ['--url', 'smtps://me:hunter2@smtp.example.com'], 1, /password/],
    ['no password for a user, and nobody to ask', ['--url', gmail], 2, /--password-stdin/],
    ['clear text to another machine', ['--url', 'smtp+notls://smtp.example.com'], 1, /--allow-plaintext/],
    ['another scheme', ['--url', 'http://smtp.example.com'], 1, /smtps/],
    [
      'a CA file that is not there',
      ['--url', 'smtps://smtp.example.com', '--ca', '/nowhere.pem'],
      1,
      /CA file "\/nowhere\.pem" cannot be read: there is no such file\. Check the path/,
    ],
    [
      'a password file without a name',
      ['--url', gmail, '--password-file', ''],
      2,
      /--password-file names no file/,
    ],
    [
      'connections that are no number',
      ['--url', 'smtps://smtp.example.com', '--connections', 'many'],
      2,
      /takes a number/,
    ],
  ])('refuses %s', async (_, options, status, said) => {
    const ran = await line.run(['upstream', 'add', 'refused', ...options], { stdin: '' });
    expect(ran.status).toBe(status);
    expect(ran.stderr).toMatch(/^postern: [^\n]+\n$/);
    expect(ran.stderr).toMatch(said);
    expect(ran.stderr).not.toContain('hunter2');
  });
  it('refuses a CA file that is no certificate', async () => {
    const file = join(line.folder, 'no.pem');
    writeFileSync(file, 'nothing');
    const ran = await line.run([
      'upstream',
      'add',
      'refused',
      '--url',
      'smtps://smtp.example.com',
      '--ca',
      file,
    ]);
    expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining('PEM') });
  });
});

describe('an upstream', () => {
  it('is changed, made the default, paused, resumed, removed', async () => {
    expect(await line.json(['upstream', 'set', 'second', '--default', '--connections', '2'])).toMatchObject({
      default: true,
      connections: 2,
      own_ca: true,
    });
    expect(await line.json(['upstream', 'set', 'second', '--ca', '', '--ehlo-name', ''])).toMatchObject({
      own_ca: false,
      ehlo_name: null,
    });
    expect(await line.json(['upstream', 'show', 'main'])).toMatchObject({ default: false });
    expect(await line.json(['upstream', 'pause', 'main'])).toMatchObject({ paused: true });
    expect(await line.json(['upstream', 'resume', 'main'])).toMatchObject({ paused: false });
    expect(await line.json(['upstream', 'remove', 'main'])).toMatchObject({ name: 'main' });
    const left = (await line.json(['upstream', 'list'])) as readonly { name: string }[];
    expect(left.map(one => one.name)).toEqual(['second', 'asked']);
    expect(await line.run(['upstream', 'show', 'main'])).toMatchObject({ status: 1 });
  });
});

describe('upstream test', () => {
  it('says in checks what is wrong, and exits with 1', async () => {
    // A port on which nobody listens: taken, then given back.
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await new Promise(resolve => server.close(resolve));
    await line.run(['upstream', 'add', 'dead', '--url', `smtp+notls://127.0.0.1:${port}`]);
    const ran = await line.run(['upstream', 'test', 'dead', '--json']);
    expect(ran.status).toBe(1);
    const result = JSON.parse(ran.stdout);
    expect(result.ok).toBe(false);
    expect(result.checks.at(-1)).toEqual({ name: expect.any(String), ok: false, text: expect.any(String) });
    const shown = await line.run(['upstream', 'test', 'dead']);
    expect(shown.stdout).toMatch(/^FAILED {2}/m);
    for (const { stderr } of [ran, shown]) {
      expect(stderr).toMatch(
        /^postern: Upstream dead does not work: [^\n]+ postern upstream test dead again\.\n$/,
      );
    }
  });
});
