// OAuth2 from one end to the other: a real OAuth server, a real Postfix whose Dovecot asks it whether a token is good, and a
// server that takes mail all the time while consents are given, tokens end, and consents are withdrawn. Nothing that was
// accepted is lost, nothing arrives twice, and no token stands where one could read it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type HttpServer, startHttpServer } from '../notification/http-server.ts';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { MAILBOX, type OAuthServer, startOAuthServer } from '../support/oauth-server.ts';
import {
  type Account,
  addAccount,
  field,
  type Installation,
  install,
  ROOT,
  type Server,
} from '../support/postern.ts';
import { startProgram, waitFor } from '../support/process.ts';
import { type PostfixUpstream, startPostfix } from '../support/upstream-postfix.ts';
import { addByClient, addByConsent, authorizeByDevice, authorizeByPasting, UPSTREAM } from './consent.ts';
import { submit } from './gate.ts';

const skip = mustSkip('end-to-end OAuth2', suiteNeeds['end-to-end']);

/** In seconds: short enough to see one end, and with a second to spare, for the server rounds them down. */
const SHORT = 8;
const LONG = 3600;
/** An upstream's, by default. */
const CONNECTIONS = 3;

type Scene = Readonly<{
  at: Installation;
  account: Account;
  postfix: PostfixUpstream;
  oauth: OAuthServer;
  close: () => Promise<void>;
}>;

async function openScene(
  mechanism: string,
  { accessToken, length }: Readonly<{ accessToken: number; length: number }>,
): Promise<Scene> {
  const cleanUps: (() => unknown)[] = [];
  const close = async () => {
    for (const cleanUp of cleanUps.reverse()) await cleanUp();
  };
  try {
    const oauth = await startOAuthServer({ lives: { accessToken }, accessTokenLength: length });
    cleanUps.push(oauth.stop);
    const introspection = oauth.endpoints.introspection;
    const postfix = await startPostfix({ introspection, mechanisms: [mechanism] });
    cleanUps.push(postfix.stop);
    const at = await install();
    cleanUps.push(at.remove);
    const account = await addAccount(at, 'scanner', 'printer password');
    return { at, account, postfix, oauth, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The upstream's login as `upstream test` tells of it. */
async function loginOf({ at }: Scene): Promise<Readonly<{ ok: boolean; text: string }>> {
  const result: unknown = JSON.parse((await at.cli(['upstream', 'test', UPSTREAM, '--json'])).stdout);
  const checks = field(result, 'checks');
  const login = Array.isArray(checks) ? checks.find(check => field(check, 'name') === 'login') : undefined;
  return { ok: field(login, 'ok') === true, text: String(field(login, 'text')) };
}

const placeOf = ({ config, data }: Installation) => ['--config', config, '--data', data];

const subjectsIn = (postfix: PostfixUpstream) =>
  postfix.delivered().flatMap(message => /^Subject: (number \d+)$/m.exec(message.toString())?.[1] ?? []);

const faultsIn = (server: Server) =>
  server
    .log()
    .filter(line => line.event === 'upstream.fault')
    .map(line => line['kind']);

/** Those that are on disk. */
const refreshesOf = (server: Server) => server.log().filter(line => line.event === 'oauth.refreshed');

type Sender = Readonly<{
  /** Subjects of what was taken with 250. */
  accepted: () => readonly string[];
  /** What came instead of a 250. */
  refused: () => readonly string[];
  /** Sends nothing until `go`. */
  pause: () => Promise<void>;
  go: () => void;
}>;

const sendTo = ({ at, account }: Scene, number: number) =>
  submit({ at, account }, { message: Buffer.from(`Subject: number ${number}\r\n\r\nbody\r\n`) });

/** A device that sends a message five times a second, whatever happens behind the server. */
function startSender(scene: Scene): Sender {
  const accepted: string[] = [];
  const refused: string[] = [];
  let running: Promise<void> | null = null;
  let paused = false;
  const send = async (): Promise<void> => {
    while (!paused) {
      const number = accepted.length + refused.length + 1;
      const reply = await sendTo(scene, number).catch(String);
      if (reply.startsWith('250')) accepted.push(`number ${number}`);
      else refused.push(reply);
      await sleep(200);
    }
  };
  const go = () => {
    paused = false;
    running = send();
  };
  go();
  return {
    accepted: () => accepted,
    refused: () => refused,
    pause: async () => {
      paused = true;
      await running;
    },
    go,
  };
}

/** A younger token that is refused is not replaced: it cannot be its age. */
const OLD_ENOUGH = 5500;

describe.skipIf(skip)('an upstream that uses OAuth2', () => {
  let scene: Scene;
  let bearer: Scene;
  let bearerServer: Server;
  let server: Server;
  let sender: Sender;
  let webhook: HttpServer;
  let closeWebhook: () => Promise<void>;
  let longSince = 0;
  /** Refreshes by the command line. */
  let beforeStart = 0;
  const printed: string[] = [];

  beforeAll(async () => {
    // As Microsoft has it: one mechanism, and tokens too long for the command.
    [scene, bearer] = await Promise.all([
      openScene('XOAUTH2', { accessToken: SHORT, length: 2000 }),
      openScene('OAUTHBEARER', { accessToken: LONG, length: 43 }),
    ]);
    webhook = await startHttpServer(cleanUp => {
      closeWebhook = async () => cleanUp();
    });
    await scene.at.json(['alert', 'channel', 'add', 'hook', '--webhook', webhook.origin, '--full']);
  });

  afterAll(async () => {
    await sender?.pause();
    await Promise.all([scene?.close(), bearer?.close(), closeWebhook?.()]);
  });

  const refreshes = () => scene.oauth.answered().filter(({ grant }) => grant === 'refresh_token');
  const isDelivered = (subject: string | undefined) => {
    if (subject === undefined) throw new Error('nothing was accepted');
    return subjectsIn(scene.postfix).includes(subject);
  };
  /** What is sent from now on arrives. */
  const mailFlows = async () => {
    const before = sender.accepted().length;
    await waitFor('more mail', () => sender.accepted().length > before + 1);
    await waitFor('its arrival', () => isDelivered(sender.accepted()[before + 1]));
  };
  const note = (done: Readonly<{ code: number | null; stdout: string; stderr: string }>) => {
    printed.push(done.stdout, done.stderr);
    expect(done.code, done.stderr).toBe(0);
  };

  it('is not given mail while its client has no right, and all once it has (by OAUTHBEARER)', async () => {
    bearer.oauth.answerAlways({ kind: 'answer', status: 401, body: '{"error":"invalid_client"}' });
    await addByClient(bearer);
    bearerServer = await bearer.at.serve();
    await sendTo(bearer, 1);
    await waitFor('the fault', () => faultsIn(bearerServer).length > 0);
    expect(subjectsIn(bearer.postfix)).toEqual([]);

    bearer.oauth.answerAlways(null);
    const done = await bearer.at.cli(['upstream', 'authorize', UPSTREAM]);
    expect(done.code, done.stderr).toBe(0);
    await waitFor('the message', () => subjectsIn(bearer.postfix).length > 0);
    expect(bearer.postfix.log()).toContain(`sasl_method=OAUTHBEARER, sasl_username=${MAILBOX}`);
  });

  it('cannot be used before somebody has consented, which its test says', async () => {
    await addByConsent(scene);
    expect(await loginOf(scene)).toMatchObject({
      ok: false,
      text: expect.stringContaining(`postern upstream authorize ${UPSTREAM}`),
    });
    expect(scene.postfix.log()).not.toContain('auth=');
  });

  it('is authorised in a browser, and takes the first mail', async () => {
    note(await authorizeByPasting(scene.at, scene.oauth));
    expect(await loginOf(scene)).toEqual({
      ok: true,
      text: `The login as ${MAILBOX} is accepted (XOAUTH2).`,
    });
    beforeStart = refreshes().length;
    server = await scene.at.serve();
    sender = startSender(scene);
    await mailFlows();
    expect(scene.postfix.log()).toContain(`sasl_method=XOAUTH2, sasl_username=${MAILBOX}`);
  });

  it('gets a fresh token before the old one ends, each refresh token once', async () => {
    await waitFor('a refresh after the first', () => refreshesOf(server).length >= 2);
    await mailFlows();
    expect(refreshes().length).toBeGreaterThan(2);
    expect(scene.oauth.answered().every(({ status }) => status === 200)).toBe(true);
    expect(faultsIn(server)).toEqual([]);
  });

  it('goes on after a crash: a refresh token that was replaced is on disk before it is used', async () => {
    await sender.pause();
    await waitFor('all mail', () => subjectsIn(scene.postfix).length >= sender.accepted().length);
    // Whoever dies between the provider's answer and the disk has lost the consent: nothing mends that.
    await sleep(300);
    await waitFor('what is under way', () => refreshesOf(server).length === refreshes().length - beforeStart);
    await server.kill9();
    scene.oauth.setLives({ accessToken: LONG });
    server = await scene.at.serve();
    sender.go();
    await mailFlows();
    longSince = performance.now();
    expect(refreshes().every(({ status }) => status === 200)).toBe(true);
    expect(faultsIn(server)).toEqual([]);
  });

  it('is used by the command line at the same time', async () => {
    expect((await loginOf(scene)).ok).toBe(true);
    await mailFlows();
    expect(faultsIn(server)).toEqual([]);
  });

  it('is at fault once the consent is withdrawn: the operator is told, mail is taken, and waits', async () => {
    await sleep(Math.max(0, longSince + OLD_ENOUGH - performance.now()));
    scene.oauth.revokeConsents();
    await waitFor('the fault', () => faultsIn(server).length > 0);
    const told = () => webhook.received.find(({ body }) => body.includes('upstream-fault'))?.body;
    expect(await waitFor('the alert', told)).toContain(`postern upstream authorize ${UPSTREAM}`);
    const asked = scene.oauth.tokenRequests();
    const before = sender.accepted().length;
    await waitFor('more mail', () => sender.accepted().length > before + 4);
    expect(isDelivered(sender.accepted().at(-1))).toBe(false);
    // At most by each connection that was being made.
    expect(scene.oauth.tokenRequests()).toBeLessThanOrEqual(asked + CONNECTIONS);
    expect(faultsIn(server)).toEqual(['consent']);
  });

  it('takes all that has waited once somebody consents again, on another device', async () => {
    const waiting = sender.accepted().at(-1);
    note(await authorizeByDevice(scene.at, scene.oauth));
    await waitFor('what has waited', () => isDelivered(waiting));
    await mailFlows();
  });

  it('is not lost where somebody stops a command while the provider replaces the refresh token', async () => {
    const asked = scene.oauth.tokenRequests();
    // The provider has replaced it, and its answer takes its time.
    scene.oauth.setDelay(1000);
    const command = startProgram({
      command: [join(ROOT, 'bin/postern'), 'upstream', 'test', UPSTREAM, ...placeOf(scene.at)],
      outputFolder: scene.at.folder,
      name: 'stopped',
    });
    await waitFor('the request', () => scene.oauth.tokenRequests() > asked);
    await sleep(200);
    command.signal('SIGINT');
    expect(await command.exited).toEqual({ code: null, signal: 'SIGINT' });
    scene.oauth.setDelay(0);
    expect(command.stderr()).toContain('Ctrl-C again ends it at once');
    expect(await loginOf(scene)).toMatchObject({ ok: true });
    expect(refreshes().at(-1)?.status).toBe(200);
  });

  it('got every message once, and nothing was ever refused', async () => {
    await sender.pause();
    const accepted = [...sender.accepted()].sort();
    await waitFor('all mail', () => subjectsIn(scene.postfix).length >= accepted.length);
    expect(subjectsIn(scene.postfix).sort()).toEqual(accepted);
    expect(sender.refused()).toEqual([]);
    expect(accepted.length).toBeGreaterThan(20);
  });

  it('gets another token at once, and once, where one is withdrawn before its time (by OAUTHBEARER)', async () => {
    const [faults, asked] = [faultsIn(bearerServer).length, bearer.oauth.tokenRequests()];
    bearer.oauth.revokeAccessTokens();
    await sendTo(bearer, 2);
    await waitFor('the message', () => subjectsIn(bearer.postfix).length === 2);
    expect(bearer.oauth.tokenRequests()).toBe(asked + 1);
    expect(faultsIn(bearerServer)).toHaveLength(faults);
    expect(bearer.postfix.log().match(/SASL OAUTHBEARER authentication failed/g)).toHaveLength(1);
  });

  it('has its tokens where nobody reads them', async () => {
    await server.stop();
    const files = filesIn(scene.at.folder).map(path => [path, readFileSync(path)] as const);
    const said = [...printed, ...webhook.received.map(({ body }) => body)];
    const written = [...files, ['what was said', Buffer.from(said.join('\n'))] as const];
    const secrets = scene.oauth.secrets();
    expect(secrets.length).toBeGreaterThan(10);
    expect(files.some(([, octets]) => octets.includes('oauth.refreshed'))).toBe(true);
    for (const [where, octets] of written) {
      const found = secrets.filter(secret => octets.includes(secret) || octets.includes(base64(secret)));
      expect(found.length, where).toBe(0);
    }
  });
});

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name));
}

const base64 = (text: string) => Buffer.from(text).toString('base64');
