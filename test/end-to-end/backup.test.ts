// A backup made under load, and what becomes of it on another machine: everything acknowledged before it began is there, held,
// and arrives when it is released. Nothing is missing though mail is deleted and large files go meanwhile.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seededRandom } from '../crash/random.ts';
import { type Acknowledged, type Sender, startSender } from '../crash/sender.ts';
import { type CertificateFiles, makeCertificate } from '../support/certificate.ts';
import { loadTools, mustSkip } from '../support/needs.ts';
import { freePort } from '../support/ports.ts';
import {
  type Account,
  addAccount,
  addUpstream,
  field,
  type Installation,
  install,
  queueStats,
  type Server,
} from '../support/postern.ts';
import { startProgram, waitFor } from '../support/process.ts';
import { SINK_LOGIN, type Sink, startSink } from '../support/sink.ts';

const skip = mustSkip('end-to-end backup', loadTools);
const PASSPHRASE = 'correct horse battery staple';
let at: Installation;
let other: Installation;
let account: Account;
let server: Server;
let certificate: CertificateFiles;
let sinkPort: number;
let sink: Sink;
let sender: Sender;
const acknowledged: Acknowledged[] = [];

beforeAll(async () => {
  if (skip) return;
  at = await install({ queue: { retry_min: '1s', retry_max: '2s' } });
  certificate = await makeCertificate(at.folder);
  sinkPort = await freePort();
  account = await addAccount(at, 'load', 'load secret');
  // The upstream is away for now: everything waits.
  const url = `smtp+starttls://${SINK_LOGIN.user}@localhost:${sinkPort}`;
  await addUpstream(at, 'sink', { url, password: SINK_LOGIN.password, ca: certificate.certificate });
  server = await at.serve();
  other = await install({ queue: { retry_min: '1s', retry_max: '2s' } });
});

afterAll(async () => {
  sender?.stop();
  await sender?.ended;
  await other?.remove();
  await at?.remove();
  await sink?.stop();
});

function startLoad(): Sender {
  return startSender({
    ...{ port: at.ports.implicit, ca: readFileSync(at.ca, 'utf8'), account, clients: 4, tag: 'backup' },
    ...{ random: seededRandom(4), patience: 60_000, onAcknowledged: message => acknowledged.push(message) },
  });
}

const backup = (file: string, ...more: readonly string[]) =>
  at.json(['backup', join(at.folder, file), '--passphrase-stdin', ...more], { stdin: `${PASSPHRASE}\n` });

const spooled = (installation: Installation) =>
  readdirSync(join(installation.data, 'spool')).filter(name => name.endsWith('.eml'));

describe.skipIf(skip)('a backup under load', () => {
  const before: Acknowledged[] = [];

  it('is whole, though mail comes and goes meanwhile', async () => {
    sender = startLoad();
    await waitFor('mail, some of it large', () => acknowledged.length > 150 && spooled(at).length > 10);
    // A part of the large ones is deleted while the backup runs.
    const large = spooled(at)
      .map(name => name.replace('.eml', ''))
      .slice(0, 5);
    before.push(...acknowledged.filter(({ queueId }) => !large.includes(queueId)));
    const [made] = await Promise.all([backup('backup.tar'), at.cli(['queue', 'delete', ...large])]);
    expect(field(made, 'lacking')).toEqual([]);
    expect(field(made, 'has_sealing_key')).toBe(true);
    expect(Number(field(made, 'messages'))).toBeGreaterThanOrEqual(before.length);
    const checked = await at.json(['backup', join(at.folder, 'backup.tar'), '--check']);
    expect(field(checked, 'messages')).toBe(field(made, 'messages'));
    await waitFor('mail after it', () => acknowledged.length > before.length + 50);
    expect(existsSync(join(at.data, 'backup.part'))).toBe(false);
  });

  it('that is killed leaves no file, and the server goes on removing files', async () => {
    const file = join(at.folder, 'killed.tar');
    const killed = startProgram({
      command: [process.execPath, 'bin/postern', 'backup', file, '--config', at.config, '--data', at.data],
      ...{ outputFolder: at.folder, name: 'killed', cwd: join(import.meta.dirname, '../..') },
    });
    await waitFor(
      'the backup to begin',
      () => existsSync(join(at.data, 'backup.part')) || killed.hasExited(),
    );
    await killed.kill();
    sender.stop();
    await sender.ended;
    // It may have been quicker than we.
    if (existsSync(file)) expect((await at.cli(['backup', file, '--check'])).code).toBe(0);
    const [one] = spooled(at).map(name => name.replace('.eml', ''));
    expect((await at.cli(['queue', 'delete', one ?? ''])).code).toBe(0);
    expect(spooled(at)).not.toContain(`${one}.eml`);
    expect(existsSync(join(at.data, 'backup.part'))).toBe(false);
  });

  it('is restored held, with its keys, into a folder that a server then takes', async () => {
    const file = join(at.folder, 'backup.tar');
    const refused = await at.cli(['restore', file, '--without-key']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/^postern: The data folder .* is not empty .*\n$/);
    const wrong = await other.cli(['restore', file, '--passphrase-stdin'], { stdin: 'wrong\n' });
    expect(wrong.stderr).toContain('The passphrase does not open the keys');
    const restored = await other.cli(['restore', file, '--passphrase-stdin'], { stdin: `${PASSPHRASE}\n` });
    expect(restored.code, restored.stderr).toBe(0);
    expect(restored.stdout).toMatch(
      /\d+ messages for \d+ recipients are held, because what was relayed since the backup would be sent again\. Look with "postern queue list", then release with "postern queue release --all", or delete\./,
    );
    expect(restored.stdout).not.toContain('CA is not restored');
    expect(readFileSync(other.ca, 'utf8')).toBe(readFileSync(at.ca, 'utf8'));
  });

  it('delivers all of it once it is released, and nothing before', async () => {
    await server.stop();
    sink = await startSink({ folder: at.folder, port: sinkPort, certificate });
    await other.serve();
    const stats = await queueStats(other);
    expect(stats['held']).toBeGreaterThanOrEqual(before.length);
    expect(stats).toMatchObject({ queued: 0, in_flight: 0, deferred: 0 });
    expect((await other.cli(['queue', 'release', '--all'])).code).toBe(0);
    await waitFor(
      'all of it to be relayed',
      async () => {
        const { held, queued, in_flight, deferred } = await queueStats(other);
        return held === 0 && queued === 0 && in_flight === 0 && deferred === 0;
      },
      60_000,
    );
    const arrived = new Map(sink.records().map(record => [record.loadId, record.bodySize]));
    expect(before.filter(({ loadId, bodySize }) => arrived.get(loadId) !== bodySize)).toEqual([]);
  });
});
