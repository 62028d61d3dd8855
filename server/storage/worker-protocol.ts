// What passes between the main thread and the database thread: one flat message a tick, because tens of thousands of
// statements a second would otherwise be spent on cloning small objects. SQL texts are sent once and then by number;
// blobs travel in one transferred buffer. Both sides number the texts alike, since messages arrive in order.

import type { CommitResult, Row, SqlValue, Statement } from './database.ts';
import type { Durability } from './sqlite.ts';

export type DatabaseFile = Readonly<{ path: string; durability: Durability }>;

/** A slot of a flat message. `true` says: a blob follows, as offset and length within `octets`. */
type Slot = SqlValue | true;

export type Work = Readonly<{ kind: 'work'; file: number; slots: readonly Slot[]; octets: ArrayBuffer }>;

export type Request =
  | Work
  /** Report changes by other processes from now on. */
  | Readonly<{ kind: 'watch'; file: number }>
  | Readonly<{ kind: 'close'; file: number }>;

/** The changes of each statement of a committed group without rows; or the result in full. */
export type Answer =
  | readonly number[]
  | CommitResult
  | Readonly<{ kind: 'rows'; rows: readonly Row[] }>
  | Readonly<{ kind: 'bug'; text: string }>;

export type Reply =
  | Readonly<{ kind: 'opened' }>
  | Readonly<{ kind: 'not-opened'; text: string }>
  | Readonly<{ kind: 'done'; file: number; answers: readonly (readonly [ticket: number, answer: Answer])[] }>
  | Readonly<{ kind: 'fatal'; text: string }>
  | Readonly<{ kind: 'changed'; file: number }>
  | Readonly<{ kind: 'closed'; file: number }>;

/** `patient`: nobody waits for it (database.ts). */
export type WorkOptions = Readonly<{ patient: boolean }>;

export type WorkWriter = Readonly<{
  group: (ticket: number, statements: readonly Statement[], options: WorkOptions) => void;
  query: (ticket: number, sql: string, params: readonly SqlValue[]) => void;
  /** Everything written since the last call, or null. */
  take: () => Work | null;
}>;

export type WaitingGroup = Readonly<{
  ticket: number;
  statements: readonly Statement[];
  patient: boolean;
}>;
export type WaitingQuery = Readonly<{ ticket: number; sql: string; params: readonly SqlValue[] }>;
export type WaitingWork = Readonly<{ groups: WaitingGroup[]; queries: WaitingQuery[] }>;

const GROUP = 0;
const QUERY = 1;
const PATIENT_GROUP = 2;
const NO_REQUIREMENT = -1;
/** SQL beyond so many different texts is sent in full each time; a program has few texts, unless it builds them. */
const MAX_NUMBERED = 512;
const NO_OCTETS = new ArrayBuffer(0);

export function createWorkWriter(file: number): WorkWriter {
  const numbers = new Map<string, number>();
  let slots: Slot[] = [];
  let blobs: Uint8Array[] = [];
  let blobSize = 0;

  const writeSql = (sql: string): void => {
    const number = numbers.get(sql);
    if (number === undefined && numbers.size < MAX_NUMBERED) numbers.set(sql, numbers.size);
    slots.push(number ?? sql);
  };
  const writeParams = (params: readonly SqlValue[]): void => {
    slots.push(params.length);
    for (const value of params) {
      if (value instanceof Uint8Array) {
        slots.push(true, blobSize, value.byteLength);
        blobs.push(value);
        blobSize += value.byteLength;
      } else {
        slots.push(value);
      }
    }
  };
  return {
    group: (ticket, statements, { patient }) => {
      slots.push(patient ? PATIENT_GROUP : GROUP, ticket, statements.length);
      for (const { sql, params, require } of statements) {
        writeSql(sql);
        slots.push(require ?? NO_REQUIREMENT);
        writeParams(params ?? []);
      }
    },
    query: (ticket, sql, params) => {
      slots.push(QUERY, ticket);
      writeSql(sql);
      writeParams(params);
    },
    take: () => {
      if (slots.length === 0) return null;
      const work: Work = { kind: 'work', file, slots, octets: joined(blobs, blobSize) };
      slots = [];
      blobs = [];
      blobSize = 0;
      return work;
    },
  };
}

/** Reads what a writer of the same file wrote, message by message in their order, and adds it to `waiting`. */
export function createWorkReader(): (work: Work, waiting: WaitingWork) => void {
  const texts: string[] = [];
  return (work, waiting) => {
    let at = 0;
    const next = (): Slot => work.slots[at++] ?? null;
    const nextNumber = (): number => Number(next());
    const nextSql = (): string => {
      const slot = next();
      if (typeof slot === 'number') return texts[slot] ?? '';
      if (texts.length < MAX_NUMBERED) texts.push(String(slot));
      return String(slot);
    };
    const nextParams = (): SqlValue[] => {
      const params: SqlValue[] = [];
      for (let count = nextNumber(); count > 0; count--) {
        const slot = next();
        params.push(slot === true ? new Uint8Array(work.octets, nextNumber(), nextNumber()) : slot);
      }
      return params;
    };
    const nextStatement = (): Statement => {
      const sql = nextSql();
      const require = nextNumber();
      const params = nextParams();
      return require === NO_REQUIREMENT ? { sql, params } : { sql, params, require };
    };
    while (at < work.slots.length) {
      const kind = next();
      if (kind !== QUERY) {
        const ticket = nextNumber();
        const statements: Statement[] = [];
        for (let count = nextNumber(); count > 0; count--) statements.push(nextStatement());
        waiting.groups.push({ ticket, statements, patient: kind === PATIENT_GROUP });
      } else {
        waiting.queries.push({ ticket: nextNumber(), sql: nextSql(), params: nextParams() });
      }
    }
  };
}

/** Copied, never transferred from the caller: it may still need its octets, and they may be a slice of a larger slab. */
function joined(blobs: readonly Uint8Array[], size: number): ArrayBuffer {
  if (size === 0) return NO_OCTETS;
  const octets = new Uint8Array(size);
  let at = 0;
  for (const blob of blobs) {
    octets.set(blob, at);
    at += blob.byteLength;
  }
  return octets.buffer;
}
