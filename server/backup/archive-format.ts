// The header of one file in a tar archive (POSIX.1-1988 "ustar"), which every tar can list and unpack. Only what a backup
// needs: plain files with short names. A size beyond 8 GiB is written in GNU's binary form, which all readers know. Pure.

export const BLOCK = 512;

/** Two empty blocks end an archive. */
export const ARCHIVE_END: Uint8Array = new Uint8Array(2 * BLOCK);

export type FileHeader = Readonly<{ name: string; size: number }>;

export type ParsedHeader =
  | (FileHeader & Readonly<{ kind: 'file' }>)
  /** The end of the archive. */
  | Readonly<{ kind: 'end' }>
  | Readonly<{ kind: 'broken'; why: string }>;

const NAME = { at: 0, length: 100 };
const SIZE = { at: 124, length: 12 };
const CHECKSUM = { at: 148, length: 8 };
const TYPE_AT = 156;
const MAGIC = { at: 257, text: 'ustar' };
const PLAIN_FILE = '0'.charCodeAt(0);
/** What twelve octal digits, the last a NUL, can say. */
const LARGEST_OCTAL = 8 ** 11 - 1;
const BINARY = 0x80;

/** `modifiedAt` in seconds since 1970. The name must be ASCII and shorter than 100 octets. */
export function writeHeader({ name, size }: FileHeader, modifiedAt: number): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, NAME.at, NAME.length, 'latin1');
  writeOctal(block, 100, 8, 0o600);
  writeOctal(block, 108, 8, 0);
  writeOctal(block, 116, 8, 0);
  if (size <= LARGEST_OCTAL) {
    writeOctal(block, SIZE.at, SIZE.length, size);
  } else {
    block[SIZE.at] = BINARY;
    block.writeBigUInt64BE(BigInt(size), SIZE.at + 4);
  }
  writeOctal(block, 136, 12, modifiedAt);
  block[TYPE_AT] = PLAIN_FILE;
  block.write(`${MAGIC.text}\0`, MAGIC.at, 'latin1');
  block.write('00', MAGIC.at + 6, 'latin1');
  block.write(`${checksumOf(block).toString(8).padStart(6, '0')}\0 `, CHECKSUM.at, 'latin1');
  return block;
}

export function parseHeader(block: Buffer): ParsedHeader {
  if (block.every(octet => octet === 0)) return { kind: 'end' };
  const said = octalAt(block, CHECKSUM.at, CHECKSUM.length);
  if (said !== checksumOf(block)) return { kind: 'broken', why: 'a header in it is damaged' };
  if (block.toString('latin1', MAGIC.at, MAGIC.at + MAGIC.text.length) !== MAGIC.text)
    return { kind: 'broken', why: 'it is not a tar archive' };
  if (block[TYPE_AT] !== PLAIN_FILE)
    return { kind: 'broken', why: 'there is something else than files in it' };
  const end = block.indexOf(0, NAME.at);
  const name = block.toString('latin1', NAME.at, Math.min(end, NAME.length));
  const size =
    ((block[SIZE.at] ?? 0) & BINARY) === 0
      ? octalAt(block, SIZE.at, SIZE.length)
      : Number(block.readBigUInt64BE(SIZE.at + 4));
  if (size === null || !Number.isSafeInteger(size)) return { kind: 'broken', why: 'a size in it is damaged' };
  return { kind: 'file', name, size };
}

/** Octets after a file of that size, up to the next block. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function writeOctal(block: Buffer, at: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
}

function octalAt(block: Buffer, at: number, length: number): number | null {
  const digits = /^ *([0-7]+)[\0 ]*$/.exec(block.toString('latin1', at, at + length))?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 8);
}

/** The sum of all octets, those of the checksum itself counted as spaces. */
function checksumOf(block: Buffer): number {
  let sum = 0;
  for (const [at, octet] of block.entries()) {
    sum += at >= CHECKSUM.at && at < CHECKSUM.at + CHECKSUM.length ? 0x20 : octet;
  }
  return sum;
}
