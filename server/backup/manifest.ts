// What a backup says of itself: a heading as its first file, and at its end a list of all files with their hashes, and the
// hash of this list, as `sha256sum -c` reads it. A backup without that was cut off. Parsed here, because a backup comes from outside. Pure.

import type { EpochMs } from '../clock.ts';
import type { ArchivedFile } from './archive.ts';

/** Names of the files in the archive. */
export const NAMES = {
  heading: 'postern-backup.json',
  secrets: 'secrets.sealed',
  database: 'postern.db',
  observations: 'observations.db',
  manifest: 'manifest.json',
  seal: 'manifest.json.sha256',
} as const;

const FORMAT = 1;
const SPOOL_NAME = /^spool\/([0-9A-Z]{1,40})\.eml$/;

export type Heading = Readonly<{
  /** Version of the Postern that made it. */
  version: string;
  /** Number of the database's schema. */
  schema: number;
  madeAt: EpochMs;
  /** Whether sealing key and certificates are in it, encrypted by a passphrase. */
  withKey: boolean;
}>;

/** A message whose file is not, or not whole, in the backup, because it was not in the data folder. */
export type Lacking = Readonly<{ id: string; why: string }>;

export type Manifest = Readonly<{
  heading: Heading;
  /** Messages that still have content, and recipients of them that still wait. */
  messages: number;
  waiting: number;
  lacking: readonly Lacking[];
  files: readonly ArchivedFile[];
}>;

export function spoolName(id: string): string {
  return `spool/${id}.eml`;
}

/** The id of a spool file; null for any other name. */
export function spoolIdOf(name: string): string | null {
  return SPOOL_NAME.exec(name)?.[1] ?? null;
}

/** Only these names may be unpacked: a path that leads elsewhere is never written. */
export function isKnownName(name: string): boolean {
  return Object.values(NAMES).some(known => known === name) || spoolIdOf(name) !== null;
}

export function writeHeading(heading: Heading): Buffer {
  return Buffer.from(`${JSON.stringify(headingFields(heading), null, 2)}\n`);
}

export function writeManifest({ heading, messages, waiting, lacking, files }: Manifest): Buffer {
  const value = {
    ...headingFields(heading),
    messages,
    waiting_recipients: waiting,
    lacking,
    files: files.map(({ name, size, hash }) => ({ name, size, sha256: hash })),
  };
  return Buffer.from(`${JSON.stringify(value, null, 1)}\n`);
}

/** The last file: `HASH  manifest.json`. */
export function writeSeal(hash: string): Buffer {
  return Buffer.from(`${hash}  ${NAMES.manifest}\n`);
}

type Refused = Readonly<{ kind: 'broken'; why: string }>;

export function parseHeading(octets: Buffer): Heading | Refused {
  const value = parseObject(octets);
  if (value === null || typeof value['format'] !== 'number') return NOT_OURS;
  if (value['format'] !== FORMAT)
    return { kind: 'broken', why: `it was made by a newer Postern (${String(value['version'])})` };
  const madeAt = Date.parse(String(value['made_at']));
  const schema = value['schema'];
  if (typeof schema !== 'number' || Number.isNaN(madeAt)) return NOT_OURS;
  return { version: String(value['version']), schema, madeAt, withKey: value['with_key'] === true };
}

export function parseManifest(octets: Buffer): Manifest | Refused {
  const heading = parseHeading(octets);
  const value = parseObject(octets);
  if ('kind' in heading || value === null) return DAMAGED;
  const { files, lacking, messages, waiting_recipients: waiting } = value;
  if (!Array.isArray(files) || !Array.isArray(lacking)) return DAMAGED;
  return {
    heading,
    messages: Number(messages),
    waiting: Number(waiting),
    lacking: lacking.map(one => ({ id: textOf(one, 'id'), why: textOf(one, 'why') })),
    files: files.map(one => ({
      name: textOf(one, 'name'),
      size: Number(textOf(one, 'size')),
      hash: textOf(one, 'sha256'),
    })),
  };
}

const NOT_OURS: Refused = { kind: 'broken', why: 'it is not a backup of Postern' };
const DAMAGED: Refused = { kind: 'broken', why: 'the list of its files is damaged' };

function headingFields({ version, schema, madeAt, withKey }: Heading): object {
  return {
    format: FORMAT,
    version,
    schema,
    made_at: new Date(madeAt).toISOString(),
    with_key: withKey,
  };
}

function parseObject(octets: Buffer): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(octets.toString('utf8'));
    return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : null;
  } catch {
    return null;
  }
}

function textOf(value: unknown, name: string): string {
  if (typeof value !== 'object' || value === null) return '';
  return String(Object.entries(value).find(([key]) => key === name)?.[1] ?? '');
}
