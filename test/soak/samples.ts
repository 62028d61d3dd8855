// What a running server takes of the machine, and whether that grows.

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

export type Sample = Readonly<{
  /** Proportional set size, 10^6 octets. */
  memoryMb: number;
  descriptors: number;
  /** The database with its write-ahead log, 10^6 octets. */
  databaseMb: number;
  /** Messages that the sink has taken so far. */
  relayed: number;
}>;

/** What the garbage collector may leave between two samples. */
const ALLOWED_MEMORY_MB = 80;
/** Warm connections to the upstream come and go. */
const ALLOWED_DESCRIPTORS = 30;

export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

export function databaseMb(data: string): number {
  const files = readdirSync(data).filter(name => /^postern\.db(-wal)?$/.test(name));
  return files.reduce((sum, name) => sum + statSync(join(data, name)).size, 0) / 1e6;
}

/** What grew from the second sample (the first warms up) to the last. */
export function judge(samples: readonly Sample[]): readonly string[] {
  const [, early] = samples;
  const last = samples.at(-1);
  if (early === undefined || last === undefined) return ['too few samples to compare'];
  const growth = {
    memory: last.memoryMb - early.memoryMb,
    descriptors: last.descriptors - early.descriptors,
  };
  return [
    ...(growth.memory > ALLOWED_MEMORY_MB ? [`memory grew by ${growth.memory.toFixed(0)} MB`] : []),
    ...(growth.descriptors > ALLOWED_DESCRIPTORS ? [`${growth.descriptors} descriptors more`] : []),
    ...(last.databaseMb > Math.max(...samples.map(sample => sample.databaseMb)) * 0.9 && last.databaseMb > 100
      ? [`the database stays at ${last.databaseMb.toFixed(0)} MB`]
      : []),
  ];
}
