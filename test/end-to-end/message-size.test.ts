// What SIZE says and refuses when no upstream carries as much as Postern itself would take: from outside, live.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/ports.ts';
import { type Account, addAccount, addUpstream, type Installation, install } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { openWire, type Wire } from '../support/wire.ts';

/** Octets of 1M, and what Postern keeps of it for the fields that it adds. */
const UPSTREAM = 1_048_576;
const ADDED = 4_096;
const LARGEST = UPSTREAM - ADDED;

let at: Installation;
let account: Account;

beforeAll(async () => {
  at = await install();
  account = await addAccount(at, 'scanner');
  // Nobody listens there: nothing has to be relayed.
  await addUpstream(at, 'main', {
    url: `smtp+starttls://up@localhost:${await freePort()}`,
    password: 'upstream secret',
  });
  await at.serve();
});
afterAll(() => at.remove());

async function logIn(): Promise<Readonly<{ wire: Wire; size: number }>> {
  const ca = readFileSync(at.ca, 'utf8');
  const wire = await openWire({ port: at.ports.implicit, ca, implicitTls: true, timeout: 30_000 });
  await wire.reply();
  await wire.send('EHLO device\r\n');
  const size = Number(/SIZE (\d+)/.exec((await wire.reply()).join('\n'))?.[1]);
  const { name, password } = account;
  await wire.send(`AUTH PLAIN ${Buffer.from(`\0${name}\0${password}`).toString('base64')}\r\n`);
  expect((await wire.reply())[0]).toMatch(/^235/);
  return { wire, size };
}

async function announced(): Promise<number> {
  const { wire, size } = await logIn();
  wire.close();
  return size;
}

async function setLargest(size: string): Promise<void> {
  const done = await at.cli(['upstream', 'set', 'main', '--max-size', size]);
  if (done.code !== 0) throw new Error(done.stderr);
}

it('follows the largest message that any upstream takes', async () => {
  expect(await announced()).toBe(52_428_800);
  await setLargest('1M');
  await waitFor('the smaller size in EHLO', async () => (await announced()) === LARGEST);

  const { wire } = await logIn();
  const say = async (line: string) => {
    await wire.send(`${line}\r\n`);
    return (await wire.reply())[0];
  };
  const refusal = `552 5.3.4 Message too large, the mail provider takes at most ${LARGEST} octets`;
  expect(await say(`MAIL FROM:<a@example.net> SIZE=${LARGEST + 1}`)).toBe(refusal);
  // A client that declares nothing hears it while it sends.
  expect(await say('MAIL FROM:<a@example.net>')).toMatch(/^250/);
  expect(await say('RCPT TO:<b@example.org>')).toMatch(/^250/);
  expect(await say('DATA')).toMatch(/^354/);
  await wire.send(`Subject: x\r\n\r\n${`${'x'.repeat(70)}\r\n`.repeat(15_000)}.\r\n`);
  expect((await wire.reply())[0]).toBe(refusal);
  expect(await say('NOOP')).toMatch(/^250/);
  wire.close();

  await setLargest('none');
  await waitFor('the size of the configuration', async () => (await announced()) === 52_428_800);
});
