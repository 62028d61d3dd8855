// bin/postern in a package of its own, whose server only says how it was started.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run, startProgram, waitFor } from '../support/process.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const FIT = process.execPath;

/** Prints what it was given as one JSON line; with `wait`, waits for SIGTERM and then ends with 7. */
const MAIN = `
const given: Readonly<Record<string, unknown>> = { args: process.argv.slice(2), version: process.version, pid: process.pid };
process.on('SIGTERM', () => process.exit(7));
process.stdout.write(JSON.stringify(given) + '\\n');
if (process.argv[2] === 'fail') process.exit(3);
if (process.argv[2] === 'wait') setInterval(() => {}, 1000);
`;

let scratch: string;
let launcher: string;
beforeEach(() => {
  scratch = realpathSync(makeScratch('launcher'));
  launcher = makePackage(join(scratch, 'package'));
});
afterEach(() => removeScratch(scratch));

function makePackage(root: string): string {
  for (const folder of ['bin', 'server']) mkdirSync(join(root, folder), { recursive: true });
  for (const file of ['postern', 'package.json'])
    copyFileSync(join(ROOT, 'bin', file), join(root, 'bin', file));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(root, 'server', 'main.ts'), MAIN);
  return join(root, 'bin', 'postern');
}

/** A folder with nothing but a `node` that says it is of this version, and that does nothing else. */
function pretend(version: string): string {
  const folder = join(scratch, version || 'broken');
  mkdirSync(folder);
  const script = version === '' ? 'exit 1' : `[ "$1" = --version ] && echo ${version} || echo "ran $*"`;
  writeFileSync(join(folder, 'node'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

/** As `npm ci` leaves it. */
function bundle(): void {
  const folder = join(scratch, 'package', 'node_modules', '.bin');
  mkdirSync(folder, { recursive: true });
  symlinkSync(FIT, join(folder, 'node'));
}

const told = (stdout: string): { args: string[]; version: string; pid: number } => JSON.parse(stdout);

describe('the launcher', () => {
  it('uses the machine’s Node where it fits, and hands on arguments and exit code', async () => {
    const PATH = `${dirname(FIT)}${delimiter}/usr/bin${delimiter}/bin`;
    const done = await run([launcher, 'fail', 'a b', '', '--json'], { env: { PATH } });
    expect(done).toMatchObject({ code: 3, stderr: '' });
    expect(told(done.stdout).args).toEqual(['fail', 'a b', '', '--json']);
  });

  it.each(['v22.18.0', 'v23.6.0', 'v24.0.0', 'v26.1.0'])('takes %s for fit', async version => {
    const done = await run([launcher, 'list'], { env: { PATH: pretend(version) } });
    expect(done.stdout).toBe(`ran --max-semi-space-size=2 ${launcher} list\n`);
  });

  it.each([
    'v12.22.12',
    'v20.20.2',
    'v22.17.1',
    'v23.5.0',
    'strange',
    '',
  ])('takes the installed one where the machine’s is %j', async version => {
    bundle();
    const done = await run([launcher, 'list'], { env: { PATH: pretend(version) } });
    expect(done.stderr).toBe('');
    expect(told(done.stdout)).toMatchObject({ args: ['list'], version: process.version });
  });

  it('takes the installed one where the machine has none', async () => {
    bundle();
    const done = await run([launcher], { env: { PATH: scratch } });
    expect(told(done.stdout).version).toBe(process.version);
  });

  it.each([
    ['v20.20.2', 'the machine has v20.20.2'],
    ['', 'the machine has one that does not run'],
  ])('says what to do where the machine’s is %j and none is installed', async (version, what) => {
    const done = await run([launcher, 'serve'], { env: { PATH: pretend(version) } });
    expect(done).toMatchObject({ code: 1, stdout: '' });
    expect(done.stderr).toMatch(/^postern: Node 22\.18 or newer is needed, .*npm ci.*\n$/);
    expect(done.stderr).toContain(what);
  });

  it('says what to do where the installed one is for another kind of machine', async () => {
    mkdirSync(join(scratch, 'package', 'node_modules', '.bin'), { recursive: true });
    writeFileSync(join(scratch, 'package', 'node_modules', '.bin', 'node'), '\x7fELF?', { mode: 0o755 });
    const done = await run([launcher], { env: { PATH: scratch } });
    expect(done.code).toBe(1);
    expect(done.stderr).toMatch(/^postern: Node 22\.18 or newer is needed, but the machine has none: .*\n$/);
  });

  it('works from any folder, through links to it and to its folder', async () => {
    bundle();
    mkdirSync(join(scratch, 'bin'));
    symlinkSync('../package/bin/postern', join(scratch, 'bin', 'relative'));
    symlinkSync(join(scratch, 'bin', 'relative'), join(scratch, 'bin', 'twice'));
    symlinkSync(join(scratch, 'package'), join(scratch, 'linked'));
    for (const path of ['bin/relative', 'bin/twice', 'linked/bin/postern']) {
      const done = await run([join(scratch, path), 'x'], { cwd: '/', env: { PATH: pretendOnce() } });
      expect(told(done.stdout).args).toEqual(['x']);
    }
  });

  it('is one process with the server: what kills one kills both', async () => {
    bundle();
    const program = startProgram({
      command: [launcher, 'wait'],
      ...{ outputFolder: scratch, name: 'server', env: { PATH: pretendOnce() } },
    });
    await waitFor('the server', () => program.stdout().includes('\n'));
    expect(told(program.stdout()).pid).toBe(program.pid);
    expect(await program.stop()).toMatchObject({ code: 7 });
  });

  it('refuses a place where Node runs no TypeScript', async () => {
    const installed = makePackage(join(scratch, 'node_modules', 'postern'));
    const done = await run([FIT, installed]);
    expect(done.code).toBe(1);
    expect(done.stderr).toMatch(/^postern: .*node_modules.*\n$/);
  });

  it('leaves nothing behind but its cache', async () => {
    bundle();
    await run([FIT, launcher]);
    const files = readdirSync(join(scratch, 'package'), { recursive: true, encoding: 'utf8' });
    const own = files.filter(file => !file.startsWith(join('node_modules', '.cache')));
    expect(own.sort()).toEqual([
      ...[
        'bin',
        'bin/package.json',
        'bin/postern',
        'node_modules',
        'node_modules/.bin',
        'node_modules/.bin/node',
      ],
      ...['package.json', 'server', 'server/main.ts'],
    ]);
  });

  it('makes no node_modules for its cache where there is none', async () => {
    await run([FIT, launcher]);
    expect(existsSync(join(scratch, 'package', 'node_modules'))).toBe(false);
  });
});

/** The PATH of a machine whose Node is too old, made once for a test. */
function pretendOnce(): string {
  const folder = join(scratch, 'v20.20.2');
  return `${existsSync(folder) ? folder : pretend('v20.20.2')}${delimiter}/usr/bin${delimiter}/bin`;
}

/** Only where the machine's own Node is too old can the launcher be started by it. */
const OLD = ['/usr/bin/node', '/usr/local/bin/node'].find(path => existsSync(path) && isOld(path));

describe.skipIf(OLD === undefined)('`node bin/postern` with an old Node', () => {
  const old = OLD ?? '';
  const env = () => ({ PATH: `${dirname(old)}${delimiter}/bin` });

  it('goes on with the one that fits, and hands on arguments and exit code', async () => {
    bundle();
    const done = await run([old, launcher, 'fail', 'a b'], { env: env() });
    expect(done).toMatchObject({ code: 3, stderr: '' });
    expect(told(done.stdout)).toMatchObject({ args: ['fail', 'a b'], version: process.version });
  });

  it('says what to do where none fits', async () => {
    const done = await run([old, launcher], { env: env() });
    expect(done).toMatchObject({ code: 1, stdout: '' });
    expect(done.stderr).toMatch(/^postern: Node 22\.18 or newer is needed, .*\n$/);
  });

  const start = () =>
    startProgram({
      command: [old, launcher, 'wait'],
      ...{ outputFolder: scratch, name: 'server', env: env() },
    });

  it('hands SIGTERM on and ends as the server ends', async () => {
    bundle();
    const program = start();
    await waitFor('the server', () => program.stdout().includes('\n'));
    expect(told(program.stdout()).pid).not.toBe(program.pid);
    expect(await program.stop()).toMatchObject({ code: 7 });
  });

  it('does not leave the server running when it is killed', async () => {
    bundle();
    const parent = spawn(old, [launcher, 'wait'], { env: env(), stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = await once(parent.stdout, 'data');
    const server = told(String(line)).pid;
    try {
      expect(isRunning(server)).toBe(true);
      parent.kill('SIGKILL');
      await waitFor('the server to end', () => !isRunning(server));
    } finally {
      parent.kill('SIGKILL');
      if (isRunning(server)) process.kill(server, 'SIGKILL');
    }
  });
});

function isOld(path: string): boolean {
  const major = /^v(\d+)\./.exec(spawnSync(path, ['--version']).stdout.toString())?.[1];
  return major !== undefined && Number(major) < 22;
}

/** An orphan that nobody collects in a container is dead all the same. */
function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}
