// A real Postern in its own folder and ports, tested from outside: the command line, the ports, the log, the signals.
// `install` makes the folder and the configuration; `serve` starts the server, as often as a test likes.
// Imports nothing of the server: only what DESIGN.md calls the interface is used.

import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { freePort } from './ports.ts';
import { type Exit, type Finished, type RunOptions, run, startProgram, waitFor } from './process.ts';
import { makeScratch, removeScratch } from './scratch.ts';

export const ROOT = resolve(import.meta.dirname, '../..');
const LAUNCHER = join(ROOT, 'bin/postern');

export type Ports = Readonly<{ starttls: number; implicit: number; admin: number }>;

export type Installation = Readonly<{
  folder: string;
  data: string;
  config: string;
  ports: Ports;
  /** The local CA's certificate; there once a command has run. */
  ca: string;
  /** Runs `postern ARGS…` on this installation, whether the server runs or not. */
  cli: (args: readonly string[], options?: RunOptions) => Promise<Finished>;
  /** Like cli, with --json; throws unless it exits 0 and prints JSON. */
  json: (args: readonly string[], options?: RunOptions) => Promise<unknown>;
  /** Starts the server and waits until it can accept mail. */
  serve: (options?: ServeOptions) => Promise<Server>;
  /** Stops what still runs and removes the folder. */
  remove: () => Promise<void>;
}>;

export type ServeOptions = Readonly<{
  /** Put before the command: `strace …`. */
  wrapper?: readonly string[];
  env?: Readonly<Record<string, string>>;
  /** False returns at once, without waiting for readiness. */
  waitUntilReady?: boolean;
}>;

export type LogLine = Readonly<Record<string, unknown> & { event: string }>;

export type Server = Readonly<{
  pid: number;
  /** Events on stdout, of all runs of this installation. */
  log: () => readonly LogLine[];
  stdout: () => string;
  stderr: () => string;
  exited: Promise<Exit>;
  /** SIGTERM, then SIGKILL after the grace. */
  stop: () => Promise<Exit>;
  /** kill -9. */
  kill9: () => Promise<Exit>;
  signal: (signal: NodeJS.Signals) => void;
}>;

export type ConfigSections = Readonly<Record<string, unknown>>;

/** The configuration of a test installation; `sections` replaces whole top-level sections. */
function configuration(ports: Ports, data: string, sections: ConfigSections): ConfigSections {
  const limits = { disk_reserve: '1 MiB' };
  return {
    hostname: 'postern.test',
    listeners: [
      { port: ports.starttls, address: '127.0.0.1', tls: 'starttls' },
      { port: ports.implicit, address: '127.0.0.1', tls: 'implicit' },
    ],
    storage: { path: data },
    admin: { listen: `127.0.0.1:${ports.admin}` },
    log: { level: 'debug', format: 'json' },
    ...sections,
    limits: { ...limits, ...asSection(sections['limits']) },
  };
}

export async function install(sections: ConfigSections = {}): Promise<Installation> {
  const folder = makeScratch('test');
  const data = join(folder, 'data');
  const config = join(folder, 'postern.yaml');
  const ports = { starttls: await freePort(), implicit: await freePort(), admin: await freePort() };
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(configuration(ports, data, sections), null, 2));
  const place = ['--config', config, '--data', data];
  const servers: Server[] = [];
  const cli = (args: readonly string[], options?: RunOptions) =>
    run([process.execPath, LAUNCHER, ...args, ...place], { cwd: folder, ...options });
  return {
    folder,
    data,
    config,
    ports,
    ca: join(data, 'tls/ca.crt'),
    cli,
    json: async (args, options) => {
      const done = await cli([...args, '--json'], options);
      if (done.code !== 0) throw new Error(`postern ${args.join(' ')} exited ${done.code}: ${done.stderr}`);
      return JSON.parse(done.stdout);
    },
    serve: async options => {
      const server = await serve({ folder, ports, place, append: servers.length > 0 }, options ?? {});
      servers.push(server);
      return server;
    },
    remove: async () => {
      for (const server of servers) await server.stop();
      removeScratch(folder);
    },
  };
}

type Place = Readonly<{ folder: string; ports: Ports; place: readonly string[]; append: boolean }>;

async function serve(where: Place, options: ServeOptions): Promise<Server> {
  const program = startProgram({
    // As an operator starts it: the launcher's shell part chooses the Node and its settings.
    command: [...(options.wrapper ?? []), LAUNCHER, 'serve', ...where.place],
    outputFolder: where.folder,
    name: 'serve',
    append: where.append,
    cwd: where.folder,
    ...(options.env === undefined ? {} : { env: options.env }),
  });
  if (options.waitUntilReady !== false) {
    await waitFor('the server to be ready', async () => {
      if (program.hasExited())
        throw new Error(`postern serve ended early:\n${program.stderr()}\n${program.stdout()}`);
      return isReady(where.ports.admin);
    }).catch(async error => {
      await program.kill();
      throw new Error(`${error}\n${program.stderr().slice(-2000)}`);
    });
  }
  return {
    pid: program.pid,
    log: () => parseLog(program.stdout()),
    stdout: program.stdout,
    stderr: program.stderr,
    exited: program.exited,
    stop: () => program.stop(),
    kill9: program.kill,
    signal: program.signal,
  };
}

/** Whether /readyz says that mail can be accepted durably. */
export async function isReady(adminPort: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`, { signal: AbortSignal.timeout(2000) });
    await answer.body?.cancel();
    return answer.status === 200;
  } catch {
    return false;
  }
}

export type Account = Readonly<{ name: string; password: string }>;

/** Adds an account, with a generated password unless one is given. */
export async function addAccount(at: Installation, name: string, password?: string): Promise<Account> {
  const given = password === undefined ? [] : ['--password-stdin'];
  const made = await at.json(
    ['account', 'add', name, ...given],
    password === undefined ? {} : { stdin: `${password}\n` },
  );
  const generated = field(made, 'password');
  return { name, password: password ?? String(generated) };
}

export type UpstreamAddress = Readonly<{ url: string; password?: string; ca?: string }>;

/** Adds an upstream; the first one becomes the default. */
export async function addUpstream(at: Installation, name: string, upstream: UpstreamAddress): Promise<void> {
  const args = ['upstream', 'add', name, '--url', upstream.url];
  if (upstream.password !== undefined) args.push('--password-stdin');
  if (upstream.ca !== undefined) args.push('--ca', upstream.ca);
  const done = await at.cli(args, upstream.password === undefined ? {} : { stdin: `${upstream.password}\n` });
  if (done.code !== 0) throw new Error(`upstream add exited ${done.code}: ${done.stderr}`);
}

/** The recipients' counts by state, as `queue stats` gives them. */
export async function queueStats(at: Installation): Promise<Readonly<Record<string, number>>> {
  const stats = await at.json(['queue', 'stats']);
  if (typeof stats !== 'object' || stats === null) throw new Error('queue stats printed no object');
  return Object.fromEntries(Object.entries(stats).map(([name, value]) => [name, Number(value)]));
}

export function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  return Object.entries(value).find(([key]) => key === name)?.[1];
}

function asSection(value: unknown): ConfigSections {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

/** Complete lines only: the server may be writing the last one. A line that is no event is the test's business: it throws. */
function parseLog(text: string): readonly LogLine[] {
  const complete = text.slice(0, text.lastIndexOf('\n') + 1);
  return complete
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const value: unknown = JSON.parse(line);
      const event = field(value, 'event');
      if (typeof event !== 'string') throw new Error(`a line on stdout without event: ${line}`);
      return { ...asSection(value), event };
    });
}
