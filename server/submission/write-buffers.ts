// The buffers in which large messages gather before they are written to their files. Each is used by one message at a time
// and then by the next: so hundreds of megabytes pass through a few, instead of through memory that waits to be collected.

export type WriteBuffers = Readonly<{
  take: () => Buffer;
  /** Not to be touched afterwards. */
  giveBack: (buffer: Buffer) => void;
}>;

/** Octets of one: a write of so many costs little more than they themselves, and a hundred of them are 6 MB. */
const SIZE = 64 * 1024;
/** Free ones that are kept: 1 MiB. */
const KEPT = 16;

export function createWriteBuffers(size: number = SIZE): WriteBuffers {
  const free: Buffer[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(size),
    giveBack: buffer => {
      if (free.length < KEPT) free.push(buffer);
    },
  };
}
