import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(() => {
  line = makeCommandLine();
});
afterAll(() => line.remove());

type Shown = Readonly<{
  ca: Readonly<{ path: string; fingerprint_sha256: string }>;
  certificates: readonly Readonly<{ path: string; fingerprint_sha256: string; names: readonly string[] }>[];
}>;

async function show(words: readonly string[]): Promise<Shown> {
  return (await line.json(['certificate', ...words])) as Shown;
}

it('the certificates are shown, and renewed by the same CA', async () => {
  const before = await show(['show']);
  expect(new X509Certificate(readFileSync(before.ca.path)).fingerprint256).toBe(before.ca.fingerprint_sha256);
  expect(before.certificates).toHaveLength(2);
  expect(before.certificates[0]?.names).toContain('localhost');

  const renewed = await show(['renew']);
  expect(renewed.ca).toEqual(before.ca);
  const after = await show(['show']);
  expect(after).toEqual(renewed);
  const prints = (shown: Shown) => shown.certificates.map(one => one.fingerprint_sha256);
  expect(prints(after).some(print => prints(before).includes(print))).toBe(false);

  const text = (await line.run(['certificate', 'show'])).stdout;
  expect(text).toContain(`CA       ${before.ca.path} (devices must trust this one)`);
});
