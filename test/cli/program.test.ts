// What every command has in common: exit status, one-line errors, help, where the data is.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { allCommands } from '../../server/cli/program.ts';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(() => {
  line = makeCommandLine();
});
afterAll(() => line.remove());

const oneLine = /^postern: [^\n]+\n$/;

describe('wrong usage', () => {
  it.each([
    [['acount', 'list'], /unknown command 'acount' \(Did you mean account\?\)/],
    [['account', 'lst'], /unknown command 'lst' \(Did you mean list\?\)/],
    [['account', 'add', '--password', 'x'], /unknown option '--password'.*--password-stdin/],
    [['account', 'add', '-dash'], /unknown option '-dash'; before a name that begins with a dash, write --;/],
    [['account', 'list', 'extra'], /too many arguments for 'list'. Expected 0 arguments but got 1; --help/],
    [['account', 'set', 'x'], /nothing to change/],
    [['account', 'show'], /missing required argument 'NAME'/],
    [['account', 'add', '--sender'], /option '--sender.*argument missing/],
    [['queue', 'list', '--state', 'sent'], /--state takes one of queued, in_flight/],
    [['queue', 'delete'], /give IDs, a filter such as --account NAME, or --all/],
    [['queue', 'retry'], /give IDs, a filter such as --account NAME, or --all/],
    [['queue', 'delete', 'X', '--all'], /either IDs or filters/],
    [['upstream', 'add', 'x'], /--url is missing/],
    [['upstream', 'set', 'x'], /nothing to change/],
    [['serve', '--port', '25'], /unknown option '--port'/],
    [['account', 'add', '--password-stdin', '--password-prompt'], /Give one of/],
  ])('%j exits with 2 and says so in one line', async (words, said) => {
    const ran = await line.run(words);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toMatch(oneLine);
    expect(ran.stderr).toMatch(said);
    expect(ran.stdout).toBe('');
  });
  it.each([[[]], [['account']], [['queue']]])('%j shows the help on stderr and exits with 2', async words => {
    const ran = await line.run(words);
    expect(ran.status).toBe(2);
    expect(ran.stderr).toMatch(/^Usage: postern/);
  });
});

describe('help', () => {
  it.each(allCommands(async () => 0).map(command => command.name))('of "%s" is printed', async name => {
    const ran = await line.run([...name.split(' '), '--help']);
    expect(ran.status).toBe(0);
    expect(ran.stdout).toContain(`Usage: postern ${name}`);
    expect(ran.stdout).toContain('--config');
    expect(ran.stdout).toContain('--data');
  });
  it('and version exit with 0', async () => {
    expect(await line.run(['--version'])).toEqual({ status: 0, stdout: '1.2.3\n', stderr: '' });
    expect((await line.run(['--help'])).status).toBe(0);
  });
});

describe('configuration and data folder', () => {
  it('are given before or after the words of the command, or in the environment', async () => {
    await line.run(['--data', 'first', 'account', 'list']);
    await line.run(['account', 'list', '--data', 'second']);
    await line.run(['account', 'list'], { environment: { POSTERN_DATA_DIR: 'third' } });
    writeFileSync(join(line.folder, 'my.yaml'), 'storage:\n  path: fourth\n');
    await line.run(['--config', 'my.yaml', 'account', 'list']);
    for (const name of ['first', 'second', 'third', 'fourth']) {
      expect(existsSync(join(line.folder, name, 'postern.db')), name).toBe(true);
    }
  });
  it('every problem is one line, and exit 1', async () => {
    writeFileSync(join(line.folder, 'bad.yaml'), 'logg: 1\nlimits:\n  recipients: many\n');
    for (const words of [['account', 'list'], ['serve']]) {
      const ran = await line.run([...words, '--config', 'bad.yaml']);
      expect(ran).toMatchObject({ status: 1, stdout: '' });
      expect(ran.stderr.trim().split('\n').sort()).toEqual([
        expect.stringMatching(/^postern: limits\.recipients: "many" cannot be used/),
        expect.stringMatching(/^postern: logg: unknown key; did you mean log\?/),
      ]);
    }
  });
  it('a data folder that cannot be used is one line, and exit 1', async () => {
    writeFileSync(join(line.folder, 'file'), '');
    const ran = await line.run(['account', 'list', '--data', 'file']);
    expect(ran.status).toBe(1);
    expect(ran.stderr).toMatch(oneLine);
  });
  it('serve is handed the configuration', async () => {
    mkdirSync(join(line.folder, 'empty'), { recursive: true });
    expect(await line.run(['serve', '--data', 'empty'])).toEqual({ status: 0, stdout: '', stderr: '' });
    expect(await line.run(['--data=empty', 'serve'])).toEqual({ status: 0, stdout: '', stderr: '' });
  });
});
