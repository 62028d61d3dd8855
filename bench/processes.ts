// What a server costs: memory and processor time of all its processes, and what its disk had to write, from /proc.
// Worker threads belong to their process and are counted with it. Also ends a server that runs under another program.

import { readdirSync, readFileSync, statSync } from 'node:fs';

/** Clock ticks per second in /proc/PID/stat; 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
const KIB = 1024;
/** Milliseconds in which a server must have ended. */
const GRACE = 20_000;
/** Of /proc/diskstats, whatever the disk's own is. */
const SECTOR = 512;

/** The process and all that descend from it. */
export function processTree(root: number): readonly number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const parent = Number(statFields(pid)?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

/** Proportional set size of the whole tree in MB (10^6 octets): shared pages count once. */
export function memoryMb(root: number): number {
  const kib = processTree(root).reduce((sum, pid) => {
    const match = /^Pss:\s+(\d+) kB/m.exec(readOrEmpty(`/proc/${pid}/smaps_rollup`));
    return sum + Number(match?.[1] ?? 0);
  }, 0);
  return (kib * KIB) / 1e6;
}

/** Processor time of the tree so far in ms, with that of its children that ended and were waited for. */
export function processorMs(root: number): number {
  const ticks = processTree(root).reduce((sum, pid) => {
    // Fields 14 to 17 of proc(5): utime, stime, cutime, cstime.
    const fields = statFields(pid)?.slice(11, 15).map(Number) ?? [];
    return sum + fields.reduce((a, b) => a + b, 0);
  }, 0);
  return (ticks * 1000) / TICKS_PER_SECOND;
}

/**
 * Octets written so far to the disk that holds the path: by everybody, with the journal of its file system, which no process
 * is charged with. NaN where the path lies on no disk of its own (tmpfs, overlay).
 */
export function diskOctets(path: string): number {
  const device = statSync(path).dev;
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  const line = readOrEmpty('/proc/diskstats')
    .split('\n')
    .map(text => text.trim().split(/\s+/))
    .find(([first, second]) => Number(first) === major && Number(second) === minor);
  return Number(line?.[9] ?? Number.NaN) * SECTOR;
}

/** strace passes no signal on: the server itself must be told. Resolves when it has ended, or after a while. */
export async function endWrapped({
  pid,
  exited,
}: Readonly<{ pid: number; exited: Promise<unknown> }>): Promise<void> {
  const server = processTree(pid)[1];
  if (server === undefined) return;
  try {
    process.kill(server, 'SIGTERM');
  } catch {
    return; // it has ended by itself
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise(resolve => {
    timer = setTimeout(resolve, GRACE);
  });
  await Promise.race([exited, late]);
  clearTimeout(timer);
}

/** Fields from the third (state) on: the second, the name, may hold spaces. */
function statFields(pid: number): readonly string[] | undefined {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** A process may end between the listing and the reading. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
