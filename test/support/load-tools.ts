// Compiles the C programs of bench/ (load generator, sink, disk limits) once and finds them again.
// They lie in node_modules/.cache under a name that holds their source's hash: a changed source is compiled anew.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ROOT } from './postern.ts';
import { run } from './process.ts';

const CACHE = join(ROOT, 'node_modules/.cache/postern-bench');

export type LoadTool = 'smtpload' | 'smtpsink' | 'syslimits';

/** The path of a compiled tool. Needs cc and the headers of OpenSSL. */
export function loadTool(name: LoadTool): Promise<string> {
  return compiled(join(ROOT, 'bench', `${name}.c`), ['-lssl', '-lcrypto', '-lpthread', '-lm']);
}

/** The path of what cc makes of a source file, with these further arguments. */
export async function compiled(source: string, further: readonly string[]): Promise<string> {
  const name = basename(source, '.c');
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12);
  const target = join(CACHE, `${name}-${hash}`);
  if (existsSync(target)) return target;
  mkdirSync(CACHE, { recursive: true });
  // Renamed when complete: two suites may compile at the same time.
  const half = `${target}.${process.pid}`;
  const built = await run(['cc', '-O2', '-o', half, source, ...further]);
  if (built.code !== 0) throw new Error(`cannot compile ${name}.c: ${built.stderr}`);
  renameSync(half, target);
  return target;
}

export type LoadOptions = Readonly<Record<string, string | number>>;

/** What smtpload prints; see bench/README.md. */
export type LoadResult = Readonly<{
  ok: number;
  failed: number;
  last_error: string;
  /** Wall clock at the start, seconds since 1970. */
  start: number;
  setup_s: number;
  seconds: number;
  msg_s: number;
  mb_s: number;
  msg_ms?: Readonly<{ p50: number; p95: number; p99: number; max: number }>;
  conn_ms?: Readonly<{ p50: number; p95: number; p99: number; max: number }>;
  cpu_user: number;
  cpu_sys: number;
}>;

/** Runs smtpload to its end. Its own bounds (--max-seconds) end it; a failed message is in the result. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const tool = await loadTool('smtpload');
  const done = await run([tool, ...flags(options)], { timeout: 600_000 });
  if (!done.stdout.startsWith('{')) throw new Error(`smtpload exited ${done.code}: ${done.stderr}`);
  return JSON.parse(done.stdout);
}

/** `{ port: 25, pipeline: '' }` → `--port 25 --pipeline`. */
export function flags(options: LoadOptions): readonly string[] {
  return Object.entries(options).flatMap(([name, value]) =>
    value === '' ? [`--${name}`] : [`--${name}`, `${value}`],
  );
}
