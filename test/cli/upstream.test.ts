import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkLines } from '../../server/cli/upstream-test.ts';
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
      path: null,
      region: null,
      user: null,
      oauth: null,
      preset: null,
      default: false,
      paused: false,
      paused_at: null,
      own_ca: true,
      ehlo_name: 'gate.example',
      provider: null,
      connections: 7,
      per_connection: null,
      per_minute: null,
      per_hour: null,
      per_day: null,
      max_size: null,
      announced_size: null,
      sender: null,
      senders: [],
      rewrite: 'keep',
      null_sender: 'keep',
      display_name: 'keep',
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

describe('what an upstream takes', () => {
  it('is set, shown, and taken away', async () => {
    await line.run(['upstream', 'add', 'paced', '--url', 'smtps://relay.example']);
    const limits = ['--per-connection', '50', '--per-minute', '10', '--per-hour', '100', '--per-day', '500'];
    const senders = ['--sender', 'scan+{account}@example.com', '--senders', '@example.com,*@example.net'];
    const wishes = [
      '--rewrite',
      'if-not-permitted',
      '--null-sender',
      'replace',
      '--display-name',
      'without-at',
    ];
    const all = [...limits, ...senders, ...wishes, '--max-size', '25M'];
    expect(await line.json(['upstream', 'set', 'paced', ...all])).toMatchObject({
      per_connection: 50,
      per_minute: 10,
      per_hour: 100,
      per_day: 500,
      max_size: 26_214_400,
      sender: 'scan+{account}@example.com',
      senders: ['@example.com', '@example.net'],
      rewrite: 'if-not-permitted',
      null_sender: 'replace',
      display_name: 'without-at',
    });
    const shown = await line.run(['upstream', 'show', 'paced']);
    expect(shown.stdout).toMatch(/Per hour +100; sent: 0\n/);
    expect(shown.stdout).toMatch(/Largest message +25\.0 MiB; it announces nothing known yet\n/);
    const none = ['--per-minute', 'none', '--per-hour', '0', '--max-size', 'none', '--senders', ''];
    expect(await line.json(['upstream', 'set', 'paced', ...none])).toMatchObject({
      per_connection: 50,
      per_minute: null,
      per_hour: null,
      per_day: 500,
      max_size: null,
      senders: [],
    });
    await line.run(['upstream', 'remove', 'paced']);
  });

  it('comes from the preset of its provider where nothing is given, and goes when it moves', async () => {
    const m365 = ['--url', 'smtp+starttls://me@example.com@smtp.office365.com'];
    const added = await line.run(['upstream', 'add', 'm365', ...m365, '--password-stdin'], secret);
    expect(added.stdout).toContain('It is Microsoft 365.');
    const shown = await line.run(['upstream', 'show', 'm365']);
    expect(shown.stdout).toMatch(/Per minute +30 \(from the preset of Microsoft 365\)\n/);
    await line.run(['upstream', 'set', 'm365', '--per-hour', '77']);
    const other = ['--url', 'smtp+starttls://me@example.com@mail.example.com'];
    expect(await line.json(['upstream', 'set', 'm365', ...other])).toMatchObject({
      provider: null,
      per_minute: null,
      per_hour: 77,
      display_name: 'keep',
    });
    await line.run(['upstream', 'remove', 'm365']);
  });

  it.each([
    [['--per-minute', 'few'], 2, /whole number/],
    [['--per-day', '1000000000'], 1, /from 1 to/],
    [['--max-size', 'big'], 2, /size such as/],
    [['--rewrite', 'sometimes'], 2, /keep, if-not-permitted or always/],
    [['--rewrite', 'always'], 1, /no sender/],
    [['--null-sender', 'replace'], 1, /null sender cannot be replaced/],
    [['--sender', 'nobody'], 1, /one address/],
  ])('refuses %j in one line', async (options, status, words) => {
    const ran = await line.run(['upstream', 'set', 'second', ...options]);
    expect(ran).toMatchObject({ status, stderr: expect.stringMatching(/^postern: [^\n]+\n$/) });
    expect(ran.stderr).toMatch(words);
  });
});

describe('upstream test', () => {
  it('shows no words of an upstream that would command the terminal', () => {
    const check = { name: 'tls', ok: false, text: 'issued by \u001b[2J\u009bx\n\u202eA' } as const;
    expect(checkLines({ ok: false, checks: [check, { ...check, text: 'b' }] })).toBe(
      'FAILED  tls: issued by \\u001b[2J\\u009bx\\u000a\\u202eA\nFAILED  tls: b',
    );
  });

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
