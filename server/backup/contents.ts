// Reads a backup from its first to its last octet and proves it: names that are known, and each file with the size and hash
// that the list at the end gives. What to do with each file is the caller's; nothing is believed before the end was reached.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { type ArchivedFile, type ArchiveEntry, octetsOf, readArchive } from './archive.ts';
import {
  type Heading,
  isKnownName,
  type Manifest,
  NAMES,
  parseHeading,
  parseManifest,
  writeSeal,
} from './manifest.ts';

export type Broken = Readonly<{ kind: 'broken'; why: string }>;

export type Beginning = Readonly<{
  kind: 'begun';
  heading: Heading;
  /** Encrypted; null where the backup has none. */
  secrets: Buffer | null;
}>;

type FileEntry = Extract<ArchiveEntry, { kind: 'file' }>;

/** Gets each file but the list, with its octets as they pass. */
export type OnFile = (name: string, content: AsyncIterable<Buffer>) => Promise<void>;

/** Heading, secrets and list are small; what claims to be larger than this is none of them. */
const MOST_OCTETS = 512 * 1024 * 1024;

/** The heading and the secrets, which come first: so a wrong passphrase is found out before anything is unpacked. */
export async function readBeginning(file: FileHandle): Promise<Beginning | Broken> {
  const entries = readArchive(file);
  const first = (await entries.next()).value;
  if (!first || first.kind === 'broken' || first.name !== NAMES.heading || first.size > MOST_OCTETS)
    return { kind: 'broken', why: 'it is not a backup of Postern' };
  const heading = parseHeading(await octetsOf(first.content()));
  if ('kind' in heading) return heading;
  const second = (await entries.next()).value;
  if (!second) return { kind: 'broken', why: 'it is cut off' };
  if (second.kind === 'broken') return second;
  if (second.name !== NAMES.secrets || second.size > MOST_OCTETS)
    return { kind: 'begun', heading, secrets: null };
  return { kind: 'begun', heading, secrets: await octetsOf(second.content()) };
}

/** Reads all of it. The list where everything is as it says; else why the backup is not to be trusted. */
export async function readContents(file: FileHandle, onFile: OnFile): Promise<Manifest | Broken> {
  const found: ArchivedFile[] = [];
  let list: Buffer | null = null;
  for await (const entry of readArchive(file)) {
    if (entry.kind === 'broken') return entry;
    const { name, size } = entry;
    if (!isKnownName(name)) return { kind: 'broken', why: 'there is a file in it that is none of ours' };
    if (name === NAMES.manifest && size <= MOST_OCTETS) list = await octetsOf(entry.content());
    else if (name === NAMES.seal && size <= MOST_OCTETS)
      return proven(list, await octetsOf(entry.content()), found);
    else found.push(await readFile(entry, onFile));
  }
  return { kind: 'broken', why: 'it is cut off: the list of its files is missing' };
}

async function readFile(entry: FileEntry, onFile: OnFile): Promise<ArchivedFile> {
  const hash = createHash('sha256');
  const hashed = async function* (): AsyncGenerator<Buffer> {
    for await (const piece of entry.content()) {
      hash.update(piece);
      yield piece;
    }
  };
  await onFile(entry.name, hashed());
  return { name: entry.name, size: entry.size, hash: hash.digest('hex') };
}

function proven(list: Buffer | null, seal: Buffer, found: readonly ArchivedFile[]): Manifest | Broken {
  const damaged = { kind: 'broken', why: 'the list of its files is damaged' } as const;
  if (list === null || !seal.equals(writeSeal(createHash('sha256').update(list).digest('hex'))))
    return damaged;
  const manifest = parseManifest(list);
  if ('kind' in manifest) return manifest;
  const byName = new Map(found.map(one => [one.name, one]));
  if (found.length !== manifest.files.length || byName.size !== found.length)
    return { kind: 'broken', why: 'it has other files than its list says' };
  for (const { name, size, hash } of manifest.files) {
    const same = byName.get(name);
    if (same?.size !== size || same.hash !== hash)
      return { kind: 'broken', why: `its file ${name} is damaged` };
  }
  if (!byName.has(NAMES.database)) return { kind: 'broken', why: 'there is no database in it' };
  return manifest;
}

/** For whoever needs only the proof of a file. */
export async function readThrough(content: AsyncIterable<Buffer>): Promise<void> {
  for await (const piece of content) if (piece.length === 0) return;
}

/** One line about a backup that cannot be used. */
export function brokenText(path: string, { why }: Broken): string {
  return `The backup ${path} cannot be used: ${why}. Take another backup.`;
}
