// A cheap upstream that counts, records and fails on demand: bench/smtpsink.c in a process of its own.
// With STARTTLS and AUTH; each accepted message leaves a line with its X-Load-Id. See bench/README.md.

import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { CertificateFiles } from './certificate.ts';
import { flags, type LoadOptions, loadTool } from './load-tools.ts';
import { canConnect, freePort } from './ports.ts';
import { startProgram, waitFor } from './process.ts';

export const SINK_LOGIN = { user: 'up', password: 'upstream secret' } as const;

export type SinkRecord = Readonly<{
  at: number;
  loadId: string;
  size: number;
  bodySize: number;
  recipients: number;
  /** Its client was not told that it was taken: a failure at `lost`. */
  lost: boolean;
}>;

export type Sink = Readonly<{
  port: number;
  pid: number;
  /** All that was accepted, in order, also by earlier sinks in the same folder. */
  records: () => readonly SinkRecord[];
  /** Its counters. */
  stats: () => Promise<Readonly<Record<string, number>>>;
  /** Zeroes counters and records. */
  reset: () => Promise<void>;
  stop: () => Promise<void>;
}>;

export type SinkOptions = Readonly<{
  folder: string;
  certificate: CertificateFiles;
  port?: number;
  /** `STAGE:PROBABILITY:CODE`, code 0 drops the connection. */
  failures?: readonly string[];
  seed?: number;
  /** Recording costs a line per message; the benchmark goes without. */
  record?: boolean;
  more?: LoadOptions;
}>;

export async function startSink(options: SinkOptions): Promise<Sink> {
  const tool = await loadTool('smtpsink');
  const port = options.port ?? (await freePort());
  const record = join(options.folder, 'sink.record');
  const program = startProgram({
    command: [
      ...[tool, '--port', `${port}`, '--tls', 'starttls', '--auth', '--quiet'],
      ...['--cert', options.certificate.certificate, '--key', options.certificate.key],
      ...['--user', SINK_LOGIN.user, '--password', SINK_LOGIN.password],
      ...(options.record === false ? [] : ['--record', record]),
      ...['--seed', `${options.seed ?? 1}`],
      ...(options.failures ?? []).flatMap(failure => ['--fail', failure]),
      ...flags(options.more ?? {}),
    ],
    outputFolder: options.folder,
    name: 'sink',
    append: true,
  });
  await waitFor('the sink', () => {
    if (program.hasExited()) throw new Error(`smtpsink ended: ${program.stderr()}`);
    return canConnect(port);
  });
  return {
    port,
    pid: program.pid,
    records: () => parseRecords(record),
    stats: async () => JSON.parse((await control(port, 'XSTATS')).slice(4)),
    reset: async () => {
      await control(port, 'XRESET');
    },
    stop: async () => {
      await program.stop(2000);
    },
  };
}

function parseRecords(path: string): readonly SinkRecord[] {
  const text = readFileSync(path, 'utf8');
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter(line => line !== '')
    .map(line => {
      const [at, loadId, size, bodySize, recipients, lost] = line.split(' ');
      return {
        at: Number(at),
        loadId: loadId ?? '',
        size: Number(size),
        bodySize: Number(bodySize),
        recipients: Number(recipients),
        lost: lost === '1',
      };
    });
}

/** Sends one control command in clear and returns the reply line. */
function control(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.setTimeout(10_000, () => socket.destroy(new Error('the sink does not answer')));
    socket.on('error', reject);
    socket.on('data', chunk => {
      text += chunk.toString('latin1');
      const lines = text.split('\r\n');
      const reply = lines[1];
      if (lines.length === 2 && !text.includes(command)) socket.write(`${command}\r\n`);
      if (lines.length > 2 && reply !== undefined) {
        socket.destroy();
        resolve(reply);
      }
    });
  });
}
