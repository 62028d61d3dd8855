// Many large messages at once, of which Postern reads a few at a time (submission/reading-turns.ts): all are taken, whatever
// single clients do meanwhile, small ones need not wait for them, and a stop lets those finish that wait.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Account, addAccount, type Installation, install, type Server } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import type { Wire } from '../support/wire.ts';
import { login, say } from './gate.ts';

/** More than are read at a time. */
const SILENT = 12;
const MANY = 40;
const LARGE = 1_500_000;
const LINE = `${'x'.repeat(76)}\r\n`;

let at: Installation;
let account: Account;
let server: Server;

beforeAll(async () => {
  at = await install();
  account = await addAccount(at, 'scanner');
  server = await at.serve();
});
afterAll(() => at.remove());

/** A client that has sent so many octets of its message, and nothing of its end. */
async function beginMessage(octets: number): Promise<Wire> {
  const wire = await login({ at, account });
  await say(wire, 'MAIL FROM:<scans@sender.test>', '250');
  await say(wire, 'RCPT TO:<someone@destination.test>', '250');
  await say(wire, 'DATA', '354');
  await wire.send(`Subject: scan\r\n\r\n${LINE.repeat(Math.ceil(octets / LINE.length))}`);
  return wire;
}

async function endMessage(wire: Wire): Promise<string> {
  await wire.send('.\r\n');
  const [reply = 'closed'] = await wire.reply();
  wire.close();
  return reply.slice(0, 4);
}

async function submit(octets: number): Promise<string> {
  return endMessage(await beginMessage(octets));
}

const times = <T>(count: number, one: () => Promise<T>) => Promise.all(Array.from({ length: count }, one));
const queued = async () => {
  const { queued } = Object(await at.json(['queue', 'stats']));
  return Number(queued);
};
const unfinished = () => readdirSync(join(at.data, 'spool')).filter(name => name.endsWith('.part'));

describe('many large messages at once', () => {
  it('are all taken while others have stopped in the middle, and small ones with them', async () => {
    const silent = await times(SILENT, () => beginMessage(200_000));
    await waitFor('their files', () => unfinished().length === SILENT);
    const large = times(MANY, () => submit(LARGE));
    for (let i = 0; i < 10; i++) expect(await submit(1_000)).toBe('250 ');
    expect(new Set(await large)).toEqual(new Set(['250 ']));

    // Of those that stopped half go on, and half are never heard of again.
    for (const wire of silent.splice(SILENT / 2)) wire.close();
    expect(new Set(await Promise.all(silent.map(endMessage)))).toEqual(new Set(['250 ']));
    await waitFor('no file of those that vanished', () => unfinished().length === 0);
    expect(await queued()).toBe(MANY + 10 + SILENT / 2);
  });

  it('are all finished when Postern is stopped in the middle of them', async () => {
    const before = await queued();
    const wires = await times(MANY / 2, () => beginMessage(LARGE / 10));
    const ending = wires.map(async wire => {
      await wire.send(LINE.repeat(LARGE / LINE.length));
      return endMessage(wire);
    });
    server.signal('SIGTERM');
    expect(new Set(await Promise.all(ending))).toEqual(new Set(['250 ']));
    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(await queued()).toBe(before + MANY / 2);
  });
});
