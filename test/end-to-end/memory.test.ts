// A message of 100 MB needs no more memory than smaller ones: octets go through Postern, they are never gathered in it.
// Measured as the peak of the server's resident memory, from taking the message to having relayed it.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { type Gate, openGate, submit } from './gate.ts';

const skip = mustSkip('end-to-end memory', suiteNeeds['end-to-end']);
const SIZE = 100_000_000;
/** What buffers and the garbage collector may take; a message that is gathered takes at least its own size. */
const ALLOWED_MB = 60;
let gate: Gate;

beforeAll(async () => {
  if (!skip) gate = await openGate({ limits: { message_size: '128 MiB' } });
});

afterAll(async () => gate?.close());

/** The peak resident memory so far, in MB. */
function peakMb(): number {
  const status = readFileSync(`/proc/${gate.server.pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1000;
}

function message(subject: string, size: number): Buffer {
  const line = `${'m'.repeat(76)}\r\n`;
  return Buffer.from(`Subject: ${subject}\r\n\r\n${line.repeat(Math.ceil(size / line.length))}`);
}

describe.skipIf(skip)('a message of 100 MB', () => {
  it('needs no more memory than smaller ones', { timeout: 180_000 }, async () => {
    for (const name of ['warm-up one', 'warm-up two'])
      await submit(gate, { message: message(name, 20_000_000) });
    await gate.arrival('Subject: warm-up two\n');
    const before = peakMb();
    expect(await submit(gate, { message: message('a hundred megabytes', SIZE) })).toMatch(/^250 /);
    const arrived = await gate.arrival('Subject: a hundred megabytes\n', 120_000);
    expect(arrived.length).toBeGreaterThan(SIZE * 0.98);
    expect(peakMb() - before).toBeLessThan(ALLOWED_MB);
  });
});
