// `postern setup` on a real terminal (tmux): from nothing to a test mail at the far end, again over what is there, with OAuth2
// against a real OAuth2 server, and whoever gives up half way.

import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Remote, startRemote } from '../relay/remote.ts';
import { mustSkip } from '../support/needs.ts';
import { MAILBOX, type OAuthServer, SCOPE, startOAuthServer } from '../support/oauth-server.ts';
import { type Installation, install, ROOT } from '../support/postern.ts';
import { openScreen, type TestScreen } from '../support/screen.ts';

const skip = mustSkip('setup', ['tmux']);

const PASSWORD = 'Upstream pä$$ "1"';
const ME = 'me@example.com';

let at: Installation;
let upstream: Remote;
let oauth: OAuthServer;
let screen: TestScreen | null = null;

beforeAll(async () => {
  if (skip) return;
  at = await install();
  upstream = await startRemote({ tls: 'none', account: { user: MAILBOX, password: PASSWORD } });
  oauth = await startOAuthServer();
});

afterEach(() => {
  screen?.close();
  screen = null;
});

afterAll(async () => {
  await at?.remove();
  await upstream?.close();
  await oauth?.stop();
});

function setup(size: { columns?: number; rows?: number } = {}, installation = at): TestScreen {
  const place = ['--config', installation.config, '--data', installation.data];
  const command = [join(ROOT, 'bin/postern'), 'setup', ...place];
  screen?.close();
  screen = openScreen(command, { folder: installation.folder, columns: 80, rows: 70, ...size });
  return screen;
}

/** Waits for the question, types the answer over what stands there, and Enter. A key such as `Down` is pressed first. */
async function answer(
  on: TestScreen,
  question: string,
  typed = '',
  ...keys: readonly string[]
): Promise<void> {
  await on.sees(new RegExp(`◆  ${question.replace(/[.*+?()[\]\\]/g, '\\$&')}`));
  if (keys.length > 0) on.press(...keys);
  if (typed !== '') on.type(typed);
  on.press('Enter');
}

const url = (remote: Remote) => `smtp+notls://${MAILBOX}@127.0.0.1:${remote.port}`;

async function answerPlace(on: TestScreen, remote: Remote): Promise<void> {
  await answer(on, 'Through which provider', 'not in this list');
  await answer(on, 'Its address', url(remote), 'C-u');
}

async function answerPassword(on: TestScreen, remote: Remote, password: string): Promise<void> {
  await answerPlace(on, remote);
  await answer(on, 'How is Postern to log in');
  await answer(on, 'The password', password);
  await answer(on, 'Send as');
}

const stored = async () => [await at.json(['upstream', 'list']), await at.json(['account', 'list'])];
/** The last thing that the screen says. */
const lastWords = (on: TestScreen) => on.history().replaceAll('\n', ' ').trim();

describe.skipIf(skip)('postern setup', () => {
  it('stores nothing where the person stops: at a question, while it tries, or where it does not work', async () => {
    const silent = await startRemote({
      tls: 'none',
      script: ({ verb }) => (verb === 'EHLO' ? 'SILENCE' : undefined),
    });
    const first = setup();
    await first.sees('type to search');
    first.press('Escape'); // pressed by mistake: nothing happens
    await answerPassword(first, silent, PASSWORD);
    await first.sees('◆  Is that right?');
    first.press('C-c');
    expect(await first.ended()).toBe(1);
    expect(lastWords(first)).toMatch(/postern: Stopped: nothing was stored\.$/);

    const second = setup();
    await answerPassword(second, silent, PASSWORD);
    await answer(second, 'Is that right?');
    await second.sees('Trying 127.0.0.1');
    second.press('C-c');
    expect(await second.ended()).toBe(1);
    expect(lastWords(second)).toMatch(/postern: Stopped: nothing was stored\.$/);

    const third = setup();
    await answerPassword(third, upstream, 'wrong');
    await answer(third, 'Is that right?');
    await third.sees('◆  What now?');
    third.press('C-c');
    expect(await third.ended()).toBe(1);
    expect(await stored()).toEqual([[], []]);
    await silent.close();
  });

  it('leads from nothing to a test mail that goes the way of a device, at 80 columns', async () => {
    const server = await at.serve();
    const on = setup();
    await answerPassword(on, upstream, 'wrong');
    await answer(on, 'Is that right?');
    await on.sees(/FAILED +login: .*does not accept/);
    // "Change what I said": what was said before stands there, but for the password.
    await answer(on, 'What now?', '', 'Down');
    await answer(on, 'Through which provider');
    await answer(on, 'Its address');
    await answer(on, 'How is Postern to log in');
    await answer(on, 'The password', PASSWORD);
    await answer(on, 'Send as');
    await answer(on, 'Is that right?');
    await answer(on, 'A name for the login');
    await answer(on, 'Your own address', ME, 'C-u');
    await answer(on, 'The sender of its mail');
    await answer(on, 'Make this login?');
    await answer(on, 'The test mail goes to');
    await answer(on, 'Has it arrived');
    expect(await on.ended()).toBe(0);
    await server.stop();

    const shown = on.history();
    expect(shown).toMatch(/took it from the device's login, and mail\s.*took\s.*it from Postern/s);
    expect(shown).toMatch(/User name +scanner\n.*Password +[A-Za-z0-9]{16}\n/);
    expect(shown).not.toContain(PASSWORD);
    for (const line of shown.split('\n')) expect([...line].length).toBeLessThanOrEqual(80);
    expect(upstream.commands).toContain(`RCPT TO:<${ME}>`);
    expect(upstream.bodies.at(-1)?.toString('latin1')).toContain(`To: <${ME}>`);
    const [upstreams, accounts] = await stored();
    expect(upstreams).toMatchObject([
      { name: 'mail', url: url(upstream), default: true, rewrite: 'if-not-permitted' },
    ]);
    expect(accounts).toMatchObject([{ name: 'scanner', owner: ME, sender: MAILBOX }]);
  });

  it('run again, offers what is there and changes nothing; the server need not run; at 60 columns', async () => {
    const before = await stored();
    const sent = upstream.bodies.length;
    const on = setup({ columns: 60 });
    await answer(on, 'Which way is your mail to go out?');
    await answer(on, 'What about mail?');
    await answer(on, 'Which login is the device to have', 'scanner');
    await answer(on, 'The password of scanner cannot be read back');
    await answer(on, 'The test mail goes to');
    await answer(on, 'Has it arrived');
    expect(await on.ended()).toBe(0);
    expect(on.history()).toContain('straight to the provider');
    expect(upstream.bodies.length).toBe(sent + 1);
    expect(await stored()).toEqual(before);
  });

  it('tries another password before it is stored', async () => {
    const on = setup();
    await answer(on, 'Which way is your mail to go out?');
    await answer(on, 'What about mail?', '', 'Down');
    await answer(on, 'The new password', 'wrong again');
    await on.sees(/FAILED +login/);
    on.press('C-c');
    expect(await on.ended()).toBe(1);
    expect(lastWords(on)).toMatch(/Stopped: nothing was stored\.$/);
    expect(await at.json(['upstream', 'test', 'mail'])).toMatchObject({ ok: true });
  });

  it('says in one line what to do without a terminal', async () => {
    const done = await at.cli(['setup']);
    expect(done.code).toBe(2);
    expect(done.stderr).toMatch(/^postern: [^\n]*upstream add[^\n]*\n$/);
  });
});

describe.skipIf(skip)('postern setup with OAuth2', () => {
  let tokenUpstream: Remote;
  beforeAll(async () => {
    if (!skip) tokenUpstream = await startRemote({ tls: 'none', keywords: ['AUTH XOAUTH2', '8BITMIME'] });
  });
  afterAll(() => tokenUpstream?.close());

  async function answerClient(on: TestScreen, flow: readonly string[]): Promise<void> {
    await answer(on, 'Which way is your mail to go out?', '', 'Down');
    await answerPlace(on, tokenUpstream);
    await answer(on, 'How is Postern to log in', '', 'Down');
    await answer(on, 'Its token endpoint', oauth.endpoints.token);
    await answer(on, 'Its authorization endpoint', oauth.endpoints.authorization);
    await answer(on, 'Its device endpoint', oauth.endpoints.device);
    await answer(on, 'Scopes for sending mail', SCOPE);
    await answer(on, 'Client id', 'postern');
    await answer(on, 'Client secret');
    await answer(on, 'How do you want to agree?', '', ...flow);
    await answer(on, 'Send as');
    await answer(on, 'Is that right?');
  }

  it('stores nothing where the person stops before agreeing', async () => {
    const before = await stored();
    const on = setup();
    await answerClient(on, ['Down']);
    await on.sees(/^Address:/m);
    on.press('C-c');
    expect(await on.ended()).toBe(1);
    expect(lastWords(on)).toMatch(/Stopped: nothing was stored\.$/);
    expect(await stored()).toEqual(before);
  });

  it('keeps upstream and consent together once it works, and asks before it becomes the default', async () => {
    const on = setup();
    await answerClient(on, []);
    const shown = await on.sees(/Waiting for you to agree/);
    await oauth.approveDevice(/Code +(\S+)/.exec(shown)?.[1] ?? '');
    await on.sees('◆  Postern may send by it.');
    await answer(on, 'Send all mail by mail2 from now on?', '', 'Right');
    await answer(on, 'Which login is the device to have', 'scanner');
    await answer(on, 'The password of scanner cannot be read back');
    await on.sees('◆  The test mail goes to');
    on.press('C-c');
    expect(await on.ended()).toBe(1);
    expect(lastWords(on)).toMatch(/Stopped: what was complete is kept\. "postern setup" offers it\.$/);
    expect(oauth.secrets().filter(secret => on.history().includes(secret))).toEqual([]);

    const upstreams = await at.json(['upstream', 'list']);
    expect(upstreams).toMatchObject([
      { name: 'mail', default: true },
      { name: 'mail2', default: false },
    ]);
    // The consent is there: another process comes to a token that is good for the mailbox.
    expect(await at.json(['upstream', 'test', 'mail2'])).toMatchObject({ ok: true });
    const login = tokenUpstream.commands.filter(line => /^AUTH XOAUTH2 /.test(line)).at(-1) ?? '';
    const response = Buffer.from(login.slice('AUTH XOAUTH2 '.length), 'base64').toString();
    const token = /Bearer ([\w~+/.-]+)/.exec(response)?.[1] ?? '';
    expect(await oauth.mailboxOf(token)).toBe(MAILBOX);
  });
});
