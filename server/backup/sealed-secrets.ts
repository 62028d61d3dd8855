// The files without which secrets cannot be read or devices do not trust us (sealing key, CA key), encrypted by a passphrase:
// scrypt makes the key (64 MiB and about half a second a guess), AES-256-GCM seals. Text in JSON, so that another program
// could open it. Whoever has the backup and guesses the passphrase has the passwords of the upstreams.

import { createCipheriv, createDecipheriv, scrypt } from 'node:crypto';
import type { RandomBytes } from '../ids.ts';

export type SecretFile = Readonly<{ name: string; octets: Buffer }>;

export type OpenedSecrets =
  | Readonly<{ kind: 'open'; files: readonly SecretFile[] }>
  | Readonly<{ kind: 'wrong-passphrase' }>
  | Readonly<{ kind: 'broken'; why: string }>;

type Cost = Readonly<{ N: number; r: number; p: number }>;

const COST: Cost = { N: 2 ** 16, r: 8, p: 2 };
/** A file that asks for more would keep the machine busy for minutes, or ask for all its memory. */
const MOST: Cost = { N: 2 ** 20, r: 16, p: 16 };
const KEY_SIZE = 32;
const TAG_SIZE = 16;
const PURPOSE = Buffer.from('postern backup secrets 1');

export async function sealSecrets(
  files: readonly SecretFile[],
  passphrase: string,
  random: RandomBytes,
): Promise<Buffer> {
  const [salt, nonce] = [Buffer.from(random(16)), Buffer.from(random(12))];
  const cipher = createCipheriv('aes-256-gcm', await keyOf(passphrase, salt, COST), nonce).setAAD(PURPOSE);
  const plain = Object.fromEntries(files.map(({ name, octets }) => [name, octets.toString('base64')]));
  const sealed = Buffer.concat([
    cipher.update(JSON.stringify(plain), 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  const text = {
    version: 1,
    key: 'scrypt',
    ...COST,
    salt: salt.toString('base64'),
    cipher: 'aes-256-gcm',
    nonce: nonce.toString('base64'),
    sealed: sealed.toString('base64'),
  };
  return Buffer.from(`${JSON.stringify(text, null, 2)}\n`);
}

export async function openSecrets(octets: Buffer, passphrase: string): Promise<OpenedSecrets> {
  const parsed = parse(octets);
  if ('kind' in parsed) return parsed;
  const { cost, salt, nonce, sealed } = parsed;
  const cipher = createDecipheriv('aes-256-gcm', await keyOf(passphrase, salt, cost), nonce);
  cipher.setAAD(PURPOSE).setAuthTag(sealed.subarray(-TAG_SIZE));
  try {
    const plain = Buffer.concat([cipher.update(sealed.subarray(0, -TAG_SIZE)), cipher.final()]);
    const files = Object.entries(JSON.parse(plain.toString('utf8')));
    return {
      kind: 'open',
      files: files.map(([name, text]) => ({ name, octets: Buffer.from(String(text), 'base64') })),
    };
  } catch {
    return { kind: 'wrong-passphrase' };
  }
}

type Parsed = Readonly<{ cost: Cost; salt: Buffer; nonce: Buffer; sealed: Buffer }>;

function parse(octets: Buffer): Parsed | Readonly<{ kind: 'broken'; why: string }> {
  const broken = { kind: 'broken', why: 'its secrets are damaged' } as const;
  const value = parseObject(octets);
  if (value === null) return broken;
  if (value['version'] !== 1 || value['key'] !== 'scrypt' || value['cipher'] !== 'aes-256-gcm')
    return { kind: 'broken', why: 'its secrets were sealed by a newer Postern' };
  const cost = { N: Number(value['N']), r: Number(value['r']), p: Number(value['p']) };
  const isFit = (name: keyof Cost) =>
    Number.isInteger(cost[name]) && cost[name] >= 1 && cost[name] <= MOST[name];
  const isPower = cost.N > 1 && Math.log2(cost.N) % 1 === 0;
  const [salt, nonce, sealed] = ['salt', 'nonce', 'sealed'].map(name =>
    Buffer.from(String(value[name] ?? ''), 'base64'),
  );
  if (!isFit('N') || !isFit('r') || !isFit('p') || !isPower) return broken;
  if (!salt || !nonce || !sealed || nonce.length !== 12 || sealed.length < TAG_SIZE) return broken;
  return { cost, salt, nonce, sealed };
}

function parseObject(octets: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(octets.toString('utf8'));
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : null;
  } catch {
    return null;
  }
}

/** The same passphrase, however the keyboard composed its letters. */
function keyOf(passphrase: string, salt: Buffer, cost: Cost): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const maxmem = 256 * cost.N * cost.r;
    scrypt(passphrase.normalize('NFC'), salt, KEY_SIZE, { ...cost, maxmem }, (error, key) => {
      if (error === null) resolve(key);
      else reject(error);
    });
  });
}
