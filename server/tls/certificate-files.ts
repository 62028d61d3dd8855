// Certificates and keys on disk. A file is written whole or not at all: temporary file, sync, rename, directory sync.
// A certificate and its key are two files, so a reader can catch a pair half changed: `readPair` says so, and looks twice.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { link, mkdir, open, readFile, rename, stat, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { RandomBytes } from '../ids.ts';

export type PairPaths = Readonly<{ certificate: string; key: string }>;

/** A certificate and the private key that belongs to it, both as PEM and parsed. */
export type Pair = Readonly<{
  certificate: string;
  key: string;
  parsed: X509Certificate;
  privateKey: KeyObject;
}>;

export type PairReading =
  | Readonly<{ kind: 'pair'; pair: Pair }>
  /** The named file does not exist. Where both are missing, it is the key. */
  | Readonly<{ kind: 'missing'; path: string; both: boolean }>
  /** `text` says which file and what is wrong with it, as the middle of a sentence. */
  | Readonly<{ kind: 'unusable'; text: string }>;

const SECRET = 0o600;
const PUBLIC = 0o644;
/** How long another process may take between the two renames of a pair. */
const SETTLING_MS = 150;

/** Reads both files and checks that they belong together; a pair that does not is read once more. */
export async function readPair(paths: PairPaths): Promise<PairReading> {
  const first = await readPairOnce(paths);
  if (first.kind === 'pair' || (first.kind === 'missing' && first.both)) return first;
  await wait(SETTLING_MS);
  return readPairOnce(paths);
}

async function readPairOnce(paths: PairPaths): Promise<PairReading> {
  const key = await readText(paths.key);
  const certificate = await readText(paths.certificate);
  for (const [path, reading] of [
    [paths.key, key],
    [paths.certificate, certificate],
  ] as const) {
    if (reading.kind === 'missing') {
      return { kind: 'missing', path, both: key.kind === 'missing' && certificate.kind === 'missing' };
    }
    if (reading.kind === 'unreadable')
      return { kind: 'unusable', text: `${path} cannot be read: ${reading.text}` };
  }
  if (key.kind !== 'text' || certificate.kind !== 'text') throw new Error('unreachable: handled above');
  return parsePair(paths, certificate.text, key.text);
}

function parsePair(paths: PairPaths, certificate: string, key: string): PairReading {
  const privateKey = parse(() => createPrivateKey(key));
  if (privateKey.kind === 'failed') {
    const encrypted = /ENCRYPTED/.test(key) ? 'it is encrypted with a passphrase' : privateKey.text;
    return { kind: 'unusable', text: `${paths.key} holds no usable private key: ${encrypted}` };
  }
  const parsed = parse(() => new X509Certificate(certificate));
  if (parsed.kind === 'failed') {
    return { kind: 'unusable', text: `${paths.certificate} holds no usable certificate: ${parsed.text}` };
  }
  if (!parsed.value.checkPrivateKey(privateKey.value)) {
    return {
      kind: 'unusable',
      text: `${paths.key} is not the key of the first certificate in ${paths.certificate}`,
    };
  }
  return {
    kind: 'pair',
    pair: { certificate, key, parsed: parsed.value, privateKey: privateKey.value },
  };
}

/** Replaces a pair, the key first: until the certificate follows, a reader sees a mismatch and never a wrong match. */
export async function writePair(
  paths: PairPaths,
  pair: Readonly<{ certificate: string; key: string }>,
  random: RandomBytes,
): Promise<void> {
  if ((await readText(paths.key)).text !== pair.key)
    await writeFileDurably(paths.key, pair.key, SECRET, random);
  await writeFileDurably(paths.certificate, pair.certificate, PUBLIC, random);
}

export function writeCertificate(path: string, pem: string, random: RandomBytes): Promise<void> {
  return writeFileDurably(path, pem, PUBLIC, random);
}

/** Creates a key file. False: it was there already, and was left alone. */
export async function createKey(path: string, pem: string, random: RandomBytes): Promise<boolean> {
  const temporary = await writeTemporary(path, pem, SECRET, random);
  try {
    await link(temporary, path); // unlike rename, fails where the file exists
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(temporary);
  }
  await syncFolder(dirname(path));
  return true;
}

/** Makes the folder, for its owner alone, and its entry in the parent durable. */
export async function makeFolder(path: string): Promise<void> {
  if ((await mkdir(path, { recursive: true, mode: 0o700 })) !== undefined) await syncFolder(dirname(path));
}

/**
 * Changes when any of the files is replaced or written, or its owner or mode changes: what could not be read before may
 * then be readable (hence ctime, not mtime). A missing file counts as a state of its own.
 */
export async function fileStamp(paths: readonly string[]): Promise<string> {
  const stamps = await Promise.all(
    paths.map(async path => {
      try {
        const found = await stat(path, { bigint: true });
        return `${found.dev}:${found.ino}:${found.size}:${found.ctimeNs}`;
      } catch (error) {
        return errorCode(error) ?? 'unknown';
      }
    }),
  );
  return stamps.join(' ');
}

async function writeFileDurably(
  path: string,
  text: string,
  mode: number,
  random: RandomBytes,
): Promise<void> {
  const temporary = await writeTemporary(path, text, mode, random);
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

async function writeTemporary(
  path: string,
  text: string,
  mode: number,
  random: RandomBytes,
): Promise<string> {
  const suffix = Buffer.from(random(6)).toString('hex');
  const temporary = join(dirname(path), `.${basename(path)}.${suffix}`);
  const file = await open(temporary, 'wx', mode);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  return temporary;
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

type Reading = Readonly<
  { kind: 'text'; text: string } | { kind: 'missing'; text: null } | { kind: 'unreadable'; text: string }
>;

async function readText(path: string): Promise<Reading> {
  try {
    return { kind: 'text', text: await readFile(path, 'utf8') };
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return { kind: 'missing', text: null };
    return { kind: 'unreadable', text: error instanceof Error ? error.message : String(error) };
  }
}

type Parsed<T> = Readonly<{ kind: 'parsed'; value: T } | { kind: 'failed'; text: string }>;

function parse<T>(reader: () => T): Parsed<T> {
  try {
    return { kind: 'parsed', value: reader() };
  } catch (error) {
    return { kind: 'failed', text: error instanceof Error ? error.message : String(error) };
  }
}

function errorCode(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error)) return null;
  return typeof error.code === 'string' ? error.code : null;
}
