// `postern upstream authorize` against a real OAuth2 server: on a real terminal (tmux) as a person sees it, and without one as a
// script does. A device code, a pasted address, a browser on this machine, and whoever gives up.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip } from '../support/needs.ts';
import {
  MAILBOX,
  OAUTH_CLIENTS,
  type OAuthServer,
  SCOPE,
  startOAuthServer,
} from '../support/oauth-server.ts';
import { type Installation, install, ROOT } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { openScreen, type TestScreen } from '../support/screen.ts';

const skip = mustSkip('authorize', ['tmux']);

let oauth: OAuthServer;
let at: Installation;
let screen: TestScreen | null = null;

async function add(name: string, flow: string, client: keyof typeof OAUTH_CLIENTS = 'public'): Promise<void> {
  const { id, secret, authentication } = OAUTH_CLIENTS[client];
  const { endpoints } = oauth;
  const words = [
    ...['upstream', 'add', name, '--url', `smtp+notls://${MAILBOX}@127.0.0.1:2525`],
    ...['--oauth-provider', 'other', '--oauth-flow', flow, '--oauth-client-id', id, '--oauth-scope', SCOPE],
    ...[
      '--oauth-authorization-endpoint',
      endpoints.authorization,
      '--oauth-device-endpoint',
      endpoints.device,
    ],
    ...['--oauth-token-endpoint', endpoints.token, '--oauth-client-authentication', authentication],
    ...(secret === null ? [] : ['--oauth-client-secret-stdin']),
  ];
  const done = await at.cli(words, secret === null ? {} : { stdin: `${secret}\n` });
  if (done.code !== 0) throw new Error(done.stderr);
}

beforeAll(async () => {
  if (skip) return;
  oauth = await startOAuthServer();
  at = await install();
  await add('by-device', 'device-code');
  await add('by-code', 'authorization-code');
  await add('daemon', 'client-credentials', 'daemon');
});

afterEach(() => {
  screen?.close();
  screen = null;
});

afterAll(async () => {
  await at?.remove();
  await oauth?.stop();
});

function authorize(words: readonly string[], size: { columns?: number; rows?: number } = {}): TestScreen {
  const place = ['--config', at.config, '--data', at.data];
  const command = [join(ROOT, 'bin/postern'), 'upstream', 'authorize', ...words, ...place];
  screen = openScreen(command, { folder: at.folder, ...size });
  return screen;
}

/** The address to open, as it stands on its line. */
function addressOn(text: string): string {
  const found = new RegExp(`^${oauth.endpoints.authorization}\\?\\S+$`, 'm').exec(text)?.[0];
  if (found === undefined) throw new Error(`no address in:\n${text}`);
  return found;
}

const codeOn = (text: string) => /Code +(\S+)/.exec(text)?.[1] ?? '';
const stored = () => at.json(['upstream', 'list']);

/** No code or token that the server ever gave out. */
function expectNoSecrets(text: string): void {
  expect(oauth.secrets().filter(secret => text.includes(secret))).toEqual([]);
}

describe.skipIf(skip)('on a terminal', () => {
  it('a device code: the QR code, the address and the code stand on one screen', async () => {
    const terminal = authorize(['by-device'], { columns: 80, rows: 40 });
    const shown = await terminal.sees(/Waiting for you to agree/);
    // Two of the three squares in the corners of every QR code.
    expect(shown).toMatch(/█ ▄▄▄▄▄ █.*█ ▄▄▄▄▄ █/);
    expect(shown).toMatch(/Address +http:\/\/127\.0\.0\.1:\d+\/device/);
    await oauth.approveDevice(codeOn(shown));
    expect(await terminal.ended()).toBe(0);
    expect(terminal.history()).toContain('Postern may send by by-device');
    expectNoSecrets(terminal.history());
  });

  it('a device code at 60 columns: no line is broken by the terminal', async () => {
    const terminal = authorize(['by-device'], { columns: 60, rows: 40 });
    const shown = await terminal.sees(/Waiting for you to agree/);
    for (const line of terminal.history().split('\n')) expect([...line].length).toBeLessThanOrEqual(60);
    await oauth.refuseDevice(codeOn(shown));
    expect(await terminal.ended()).toBe(1);
    expect(terminal.history()).toContain('postern: ');
  });

  it('a pasted address of more than 4096 characters, after a wrong one; the code is not shown', async () => {
    const terminal = authorize(['by-code'], { columns: 80, rows: 30 });
    await terminal.sees(/^Address:/m);
    const address = addressOn(terminal.history());
    terminal.paste(address);
    terminal.press('Enter');
    await terminal.sees('log in and agree there first');
    const answer = `${await oauth.approveCode(address)}&session_state=${'x'.repeat(6000)}`;
    terminal.paste(answer);
    await terminal.sees(/\?… \(\d+ characters\)/);
    terminal.press('Enter');
    expect(await terminal.ended()).toBe(0);
    expect(terminal.history()).toContain('Postern may send by by-code');
    expectNoSecrets(terminal.history());
  });

  it('a browser on this machine comes back by itself', async () => {
    const terminal = authorize(['by-code']);
    await terminal.sees(/^Address:/m);
    const page = await fetch(await oauth.approveCode(addressOn(terminal.history())));
    expect(await page.text()).toContain('You can close this window');
    expect(await terminal.ended()).toBe(0);
    expect(terminal.history()).toContain('The browser has come back.');
  });

  it.each([
    ['by-device', /Waiting for you to agree/],
    ['by-code', /^Address:/m],
  ])('Ctrl-C stores nothing and says so: %s', async (name, seen) => {
    const before = await stored();
    const terminal = authorize([name]);
    await terminal.sees(seen);
    terminal.press('C-c');
    expect(await terminal.ended()).toBe(1);
    expect(terminal.history()).toContain('postern: Stopped: nothing was stored.');
    expect(await stored()).toEqual(before);
  });
});

describe.skipIf(skip)('without a terminal', () => {
  it('a script answers on standard input what it reads on stderr, and gets JSON', async () => {
    const place = ['--config', at.config, '--data', at.data];
    const words = ['upstream', 'authorize', 'by-code', '--json', ...place];
    const child = spawn(join(ROOT, 'bin/postern'), words, { stdio: 'pipe', timeout: 60_000 });
    const said = { stdout: '', stderr: '' };
    child.stdout.on('data', chunk => {
      said.stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      said.stderr += chunk;
    });
    const ended = once(child, 'close');
    await waitFor('the question', () => said.stderr.includes('Address: '));
    child.stdin.write(`${await oauth.approveCode(addressOn(said.stderr))}\n`);
    expect(await ended).toEqual([0, null]);
    expect(JSON.parse(said.stdout)).toEqual({
      name: 'by-code',
      authorized: true,
      flow: 'authorization-code',
      ends_at: null,
    });
    expectNoSecrets(said.stderr);
  });

  it('ends where no address comes on standard input', async () => {
    const done = await at.cli(['upstream', 'authorize', 'by-code', '--json'], {
      stdin: 'http://127.0.0.1/?code=x\n',
    });
    expect(done.code).toBe(1);
    expect(done.stderr).toMatch(/cut off|another address/);
    expect(done.stderr).toContain('Standard input ended');
    expect(done.stdout).toBe('');
  });

  it('gets a right that nobody need agree to at once', async () => {
    expect(await at.json(['upstream', 'authorize', 'daemon'])).toEqual({
      name: 'daemon',
      authorized: true,
      flow: 'client-credentials',
      ends_at: null,
    });
  });

  it.each([
    [['daemon', '--flow', 'code'], 1, /nobody need agree/],
    [['by-code', '--flow', 'magic'], 2, /takes code or device/],
    [['nobody'], 1, /no upstream named "nobody"/],
  ])('refuses %j', async (words, code, said) => {
    const done = await at.cli(['upstream', 'authorize', ...words]);
    expect(done.code).toBe(code);
    expect(done.stderr).toMatch(said);
  });
});
