// A real server behind Microsoft Graph: a real OAuth server gives the tokens, a stand-in takes the mail. What devices send
// arrives octet for octet and at exactly its recipients; what is too large for Graph goes out by SMTP.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { makeIdentity } from '../relay/identity.ts';
import { startRemote } from '../relay/remote.ts';
import { MAILBOX, OAUTH_CLIENTS, SCOPE, startOAuthServer } from '../support/oauth-server.ts';
import { addAccount, field, install } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { startStandIn } from '../support/sending-api-stand-in.ts';
import { submit } from './gate.ts';

const cleanups: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const { id: CLIENT, secret: CLIENT_SECRET } = OAUTH_CLIENTS.daemon;

/** Graph first, then a mail server of the house. */
async function behindGraph() {
  const oauth = await startOAuthServer();
  cleanups.push(oauth.stop);
  const known = new Set<string | null>(Object.values(OAUTH_CLIENTS).map(({ secret }) => secret));
  const newestToken = () => oauth.secrets().findLast(secret => !known.has(secret)) ?? '';
  const identity = await makeIdentity();
  const graph = await startStandIn('graph', { user: MAILBOX, secret: newestToken, identity });
  cleanups.push(graph.close);
  const smtp = await startRemote({ tls: 'none', keywords: ['PIPELINING', '8BITMIME'] });
  cleanups.push(smtp.close);
  const at = await install({ queue: { retry_min: '1s', retry_max: '2s' } });
  cleanups.push(at.remove);
  const account = await addAccount(at, 'scanner', 'printer password');
  const ca = join(at.folder, 'graph.crt');
  writeFileSync(ca, identity.authority);
  const done = async (args: readonly string[], stdin = '') => {
    const result = await at.cli(args, { stdin });
    expect(result.code, result.stderr).toBe(0);
  };
  const url = `graph+https://${MAILBOX}@localhost:${graph.port}`;
  const client = [
    '--oauth-provider',
    'other',
    '--oauth-flow',
    'client-credentials',
    '--oauth-client-id',
    CLIENT,
  ];
  const endpoint = ['--oauth-token-endpoint', oauth.endpoints.token, '--oauth-scope', SCOPE];
  const secret = ['--oauth-client-secret-stdin'];
  await done(
    ['upstream', 'add', 'graph', '--url', url, '--ca', ca, ...client, ...endpoint, ...secret],
    `${CLIENT_SECRET}\n`,
  );
  await done(['upstream', 'add', 'house', '--url', `smtp+notls://127.0.0.1:${smtp.port}`]);
  await done(['route', 'add', 'all', '--upstream', 'graph,house']);
  const server = await at.serve();
  const send = async (to: readonly string[], message: string) => {
    expect(await submit({ at, account }, { message: Buffer.from(message, 'latin1'), to })).toMatch(/^250 /);
  };
  const arrival = (text: string) =>
    waitFor(`"${text}" at Graph`, () => graph.taken.find(({ message }) => message.includes(text)));
  return { oauth, graph, smtp, at, server, send, arrival };
}

it('mail goes out by Graph, and what is too large for it by the next upstream', async () => {
  const { oauth, graph, smtp, at, server, send, arrival } = await behindGraph();

  // Somebody hidden, somebody who is not asked for, octets of all kinds.
  const head = 'From: Scanner <scanner@sender.test>\r\nSubject: first\r\n';
  const body = '\r\n.one dot\r\n..\r\n\xe4\xff =20\r\n';
  const to = 'Anna <anna@example.net>, other@example.net';
  await send(['anna@example.net', 'hidden@example.org'], `${head}To: ${to}\r\n${body}`);
  const first = await arrival('Subject: first');
  expect(first.recipients).toEqual(['anna@example.net', 'hidden@example.org']);
  const text = first.message.toString('latin1');
  expect(
    text.endsWith(
      `${head}To: Anna <anna@example.net>\r\nX-Original-To: ${to}\r\nBcc: hidden@example.org\r\n${body}`,
    ),
  ).toBe(true);
  expect(graph.requests[0]?.target).toBe('/v1.0/users/scans%40example.com/sendMail');
  const listed = await waitFor('the record', async () => {
    const list = await at.json(['queue', 'list', '--all']);
    return JSON.stringify(list).includes('HTTP 202 Accepted: handed over; late bounces') ? list : undefined;
  });
  expect(JSON.stringify(listed)).toContain(`come to the mailbox ${MAILBOX}`);

  // The next one needs neither another token nor another connection.
  const [tokens, connections] = [oauth.tokenRequests(), graph.connections()];
  await send(['anna@example.net'], 'To: anna@example.net\r\nSubject: second\r\n\r\n');
  await arrival('Subject: second');
  expect(oauth.tokenRequests()).toBe(tokens);
  expect(graph.connections()).toBe(connections);

  // A scan of 4 MB: Graph is not even asked.
  const asked = graph.requests.length;
  const line = `${'x'.repeat(76)}\r\n`;
  await send(['anna@example.net'], `To: anna@example.net\r\nSubject: large\r\n\r\n${line.repeat(52_000)}`);
  await waitFor('the scan at the other upstream', () => smtp.bodies[0]);
  expect(smtp.bodies[0]?.length).toBeGreaterThan(4_000_000);
  expect(graph.requests).toHaveLength(asked);
  expect(field(await at.json(['upstream', 'show', 'graph']), 'fault')).toBeNull();

  for (const secret of oauth.secrets()) expect(server.stdout()).not.toContain(secret);
});
