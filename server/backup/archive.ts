// Writes and reads a tar archive as a stream, file by file: no more than a piece of it is ever in memory. What is written is
// hashed on the way, so that the list at its end (manifest.ts) proves each file. Errors of the file system are thrown.

import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { ARCHIVE_END, BLOCK, paddingOf, parseHeader, writeHeader } from './archive-format.ts';

/** A file of the archive; `hash` is SHA-256, hexadecimal. */
export type ArchivedFile = Readonly<{ name: string; size: number; hash: string }>;

export type ArchiveWriter = Readonly<{
  /** Writes exactly `size` octets; what the source lacks is filled with zeros, what it has more is left out. */
  add: (name: string, size: number, source: AsyncIterable<Uint8Array>) => Promise<ArchivedFile>;
  addOctets: (name: string, octets: Uint8Array) => Promise<ArchivedFile>;
  /** Ends the archive. Returns its size in octets. It is not yet synced. */
  end: () => Promise<number>;
}>;

export type ArchiveEntry =
  /** Its content may be read until the next entry is asked for. */
  | Readonly<{ kind: 'file'; name: string; size: number; content: () => AsyncIterable<Buffer> }>
  /** The archive is cut off or damaged; nothing comes after it. */
  | Readonly<{ kind: 'broken'; why: string }>;

const PIECE = 1024 * 1024;

export function createArchiveWriter(file: FileHandle, modifiedAt: number): ArchiveWriter {
  let written = 0;

  const write = async (octets: Uint8Array): Promise<void> => {
    for (let at = 0; at < octets.length; ) {
      const { bytesWritten } = await file.write(octets, at, octets.length - at, written);
      at += bytesWritten;
      written += bytesWritten;
    }
  };
  const add: ArchiveWriter['add'] = async (name, size, source) => {
    await write(writeHeader({ name, size }, modifiedAt));
    const hash = createHash('sha256');
    for await (const piece of exactly(size, source)) {
      hash.update(piece);
      await write(piece);
    }
    await write(new Uint8Array(paddingOf(size)));
    return { name, size, hash: hash.digest('hex') };
  };
  return {
    add,
    addOctets: (name, octets) => add(name, octets.length, only(octets)),
    end: async () => {
      await write(ARCHIVE_END);
      return written;
    },
  };
}

/** The files of an archive in their order. An archive that does not end as it should ends with `broken`. */
export async function* readArchive(file: FileHandle): AsyncGenerator<ArchiveEntry> {
  const { size: whole } = await file.stat();
  for (let at = 0; ; ) {
    const header = await readHeader(file, at);
    if (header.kind === 'end') return;
    if (header.kind === 'broken') return yield header;
    const { name, size } = header;
    const start = at + BLOCK;
    if (start + size > whole) return yield { kind: 'broken', why: 'it is cut off' };
    yield { kind: 'file', name, size, content: () => piecesOf(file, start, size) };
    at = start + size + paddingOf(size);
  }
}

/** All octets of a small file. */
export async function octetsOf(content: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of content) pieces.push(piece);
  return Buffer.concat(pieces);
}

async function readHeader(file: FileHandle, at: number) {
  const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(BLOCK), position: at });
  if (bytesRead < BLOCK) return { kind: 'broken', why: 'it is cut off' } as const;
  return parseHeader(buffer);
}

/** Each piece has octets of its own: whoever gets it may keep it while the next is read. */
async function* piecesOf(file: FileHandle, start: number, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < size; ) {
    const length = Math.min(PIECE, size - at);
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, start + at);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read');
    at += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

/** A file that was announced with a size must have it in the archive, or all that follows would be unreadable. */
async function* exactly(size: number, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let left = size;
  for await (const piece of source) {
    if (left === 0) break;
    const taken = piece.subarray(0, Math.min(left, piece.length));
    left -= taken.length;
    yield taken;
  }
  for (; left > 0; left -= Math.min(left, PIECE)) yield new Uint8Array(Math.min(left, PIECE));
}

async function* only(octets: Uint8Array): AsyncGenerator<Uint8Array> {
  yield octets;
}
