// A running server under hundreds of hostile connections: noise, dialogues that go wrong in the middle, TLS that is none,
// clients that vanish. It stays alive, forgets every connection, keeps its memory, and has taken only what an account sent.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { addAccount, field, type Installation, install, isReady, type Server } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { type Attack, attacks, carryOut } from './attack.ts';
import { factor, seed } from './fuzz.ts';

const NAME = 'attacked';
const PASSWORD = 'the password under attack';
const ATTACKS = 600 * factor;
/** Connections at a time. */
const AT_ONCE = 12;
/** With so small a heap the garbage collector leaves nothing lying about: what grows is what is kept. */
const SMALL_HEAP = { NODE_OPTIONS: '--max-old-space-size=64 --max-semi-space-size=2' };
/** What caches may still take after the first third; keeping something of every connection takes more. */
const ALLOWED_MB = 50;

const base64 = (given: string) => Buffer.from(given, 'utf8').toString('base64');
const credentials = [
  `AUTH PLAIN ${base64(`\0${NAME}\0${PASSWORD}`)}`,
  `AUTH LOGIN\r\n${base64(NAME)}\r\n${base64(PASSWORD)}`,
  `AUTH PLAIN ${base64(`\0${NAME}\0wrong`)}`,
];

let at: Installation;
let server: Server;

beforeAll(async () => {
  at = await install();
  await addAccount(at, NAME, PASSWORD);
  server = await at.serve({ env: SMALL_HEAP });
});

afterAll(async () => at?.remove());

describe('the server under attack', () => {
  it(`survives ${ATTACKS} hostile connections`, async () => {
    const list = fc.sample(attacks(credentials), { seed, numRuns: ATTACKS });
    const third = Math.floor(list.length / 3);
    await attackAll(list.slice(0, third));
    const before = residentMb();
    await attackAll(list.slice(third));
    const after = residentMb();
    expect(after - before, `${before} MB, then ${after} MB`).toBeLessThan(ALLOWED_MB);
  });

  // Node never closes a TLS socket of STARTTLS whose client resets the connection while it is being answered (24.21).
  it('notices clients that reset the connection in the middle of an answer', async () => {
    const pieces = ['NOOP\r\n', 'NOOP\r\n'].map(line => Buffer.from(line));
    const rude: Attack = { way: 'upgraded', pieces, slow: false, leaves: 'reset', from: '127.0.1.2' };
    await attackAll(Array.from({ length: 24 }, () => rude));
    await waitFor('their sessions to be closed', () => openSessions() === 0, 15_000);
  });

  it('is alive and well', async () => {
    expect(await isReady(at.ports.admin)).toBe(true);
    expect(await honestMessage()).toMatch(/250 2\.0\.0 Ok: queued as \S+\r\n221 /);
  });

  it('has forgotten every connection', async () => {
    await waitFor('every session to be closed', () => openSessions() === 0);
    expect(count('session.opened')).toBeGreaterThan(ATTACKS / 3);
  });

  it('has met no bug', () => {
    expect(server.stderr()).not.toMatch(/\berror\b|exception|rejection|warning/i);
    const log = server.log();
    expect(log.filter(line => line.event === 'server.failed')).toEqual([]);
    // Nor has it taken a client that was gone at once for one from a strange network.
    expect(log.filter(line => line['kind'] === 'network-refused')).toEqual([]);
    expect(log.filter(line => /\bbug\b/i.test(String(line['reason'] ?? '')))).toEqual([]);
  });

  it('has taken messages only from the account, with its sender or a broken one', async () => {
    const queued = await at.json(['queue', 'list']);
    if (!Array.isArray(queued)) throw new Error('queue list printed no array');
    expect(queued.length).toBeGreaterThan(5);
    for (const message of queued) expect(field(message, 'account')).toBe(NAME);
    const events = server.log().filter(line => line.event === 'message.queued');
    expect(events).toHaveLength(queued.length);
    for (const event of events) expect(event['account']).toBe(NAME);
  });
});

function count(event: string): number {
  return server.log().filter(line => line.event === event).length;
}

/** Sessions that were opened and not closed. */
function openSessions(): number {
  const open = new Set<unknown>();
  for (const { event, session } of server.log()) {
    if (event === 'session.opened') open.add(session);
    if (event === 'session.closed') open.delete(session);
  }
  return open.size;
}

async function attackAll(list: readonly Attack[]): Promise<void> {
  const target = { ports: at.ports, ca: readFileSync(at.ca, 'utf8') };
  const left = [...list];
  const work = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await carryOut(next, target);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function honestMessage(): Promise<string> {
  const lines = [
    'EHLO x',
    credentials[0],
    'MAIL FROM:<honest@sender.test>',
    'RCPT TO:<a@destination.test>',
    'DATA',
    'Subject: x',
    '',
    '.',
    'QUIT',
    '',
  ];
  const pieces = [Buffer.from(lines.join('\r\n'))];
  const honest: Attack = { way: 'implicit', pieces, slow: false, leaves: 'stay', from: '127.0.1.1' };
  return carryOut(honest, { ports: at.ports, ca: readFileSync(at.ca, 'utf8') });
}

function residentMb(): number {
  const status = readFileSync(`/proc/${server.pid}/status`, 'utf8');
  return Math.round(Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1000);
}
