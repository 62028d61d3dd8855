// One process holds the data folder for its life: only it migrates, sweeps and makes keys. The lock is SQLite's
// exclusive lock on an empty file, since Node has no flock; the kernel drops it when the process ends, kill -9 included.
// Who holds it stands in a second file, for people and for the decision to wait: a command is over soon, a server is not.

import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, lockFile } from './sqlite.ts';

export type HolderKind = 'serve' | 'command';

export type Holder = Readonly<{ kind: HolderKind; pid: number }>;

export type FolderLock =
  /** Ours until `release`, or the end of the process. */
  | Readonly<{ kind: 'held'; release: () => void }>
  /** Another process has it. `holder` is null where it could not be learnt. */
  | Readonly<{ kind: 'taken'; holder: Holder | null }>;

type TakeOptions = Readonly<{
  /** Path of the lock file; `.holder` beside it names the holder. */
  path: string;
  as: HolderKind;
  /** How long to wait for a command that holds it, in milliseconds. A server is not waited for. */
  patience?: number;
}>;

const PATIENCE_MS = 10_000;
const LOOK_MS = 30;
/** The holder writes its name just after it took the lock: what is read must stand unchanged for so many looks. */
const LOOKS_TO_BELIEVE = 3;

/** Takes the lock; waits for a short command, gives way to a server at once. Throws where the file cannot be opened. */
export async function takeFolderLock({ path, as, patience = PATIENCE_MS }: TakeOptions): Promise<FolderLock> {
  let looks = 0;
  let seen = '';
  for (let waited = 0; ; waited += LOOK_MS) {
    const lock = lockFile(path);
    if (lock !== null) return hold(lock, path, as);
    const text = readHolder(path);
    looks = text === seen ? looks + 1 : 1;
    seen = text;
    const holder = parseHolder(text);
    const believed = looks >= LOOKS_TO_BELIEVE && holder?.kind === 'serve';
    if (believed || waited >= patience) return { kind: 'taken', holder };
    await sleep(LOOK_MS);
  }
}

function hold(lock: Connection, path: string, as: HolderKind): FolderLock {
  noteHolder(path, as);
  // Being listened for also keeps the connection from the garbage collector, which would close it and drop the lock.
  const release = (): void => {
    process.off('exit', release);
    if (!lock.open) return;
    rmSync(holderPath(path), { force: true });
    lock.close();
  };
  process.on('exit', release);
  return { kind: 'held', release };
}

/** A note for people; the lock holds without it. On a full disk it cannot be written, and starting must help out of that. */
function noteHolder(path: string, as: HolderKind): void {
  try {
    // The time makes two holders with the same number distinct.
    writeFileSync(holderPath(path), `${as} ${process.pid} ${process.hrtime.bigint()}\n`, { mode: 0o600 });
  } catch {
    rmSync(holderPath(path), { force: true });
  }
}

const holderPath = (path: string): string => `${path}.holder`;

function readHolder(path: string): string {
  try {
    return readFileSync(holderPath(path), 'utf8');
  } catch {
    return ''; // not yet written, or just released
  }
}

function parseHolder(text: string): Holder | null {
  const [, kind, pid] = /^(serve|command) (\d+) /.exec(text) ?? [];
  return kind === 'serve' || kind === 'command' ? { kind, pid: Number(pid) } : null;
}
