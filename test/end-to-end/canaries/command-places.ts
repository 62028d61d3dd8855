// Everywhere that an operator could put a password on the command line: where it belongs, and where it does not.

import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Installation, ROOT } from '../../support/postern.ts';
import { type Finished, run } from '../../support/process.ts';
import { type Canary, coreOf } from './canary.ts';

export type CommandPlace = Readonly<{
  where: string;
  /** The exit status; 1 and 2 must keep silent as well. */
  code: 0 | 1 | 2;
  run: (at: Installation, secret: string) => Promise<Finished>;
}>;

/** Where the test keeps its own files, which may hold secrets: not the data folder. */
const fileWith = (at: Installation, content: string): string => {
  const path = join(at.folder, `given-${randomUUID()}`);
  writeFileSync(path, content);
  return path;
};

const withStdin =
  (...args: readonly string[]): CommandPlace['run'] =>
  (at, secret) =>
    at.cli(args, { stdin: `${secret}\n` });
const withArgument =
  (args: (secret: string) => readonly string[]): CommandPlace['run'] =>
  (at, secret) =>
    at.cli(args(secret), { stdin: 'upstream password\n' });
const withConfig =
  (yaml: (secret: string) => string): CommandPlace['run'] =>
  (at, secret) =>
    run([
      process.execPath,
      join(ROOT, 'bin/postern'),
      'config',
      'check',
      '--config',
      fileWith(at, yaml(secret)),
    ]);
const withDeclaration =
  (text: (secret: string) => string): CommandPlace['run'] =>
  (at, secret) =>
    at.cli(['apply', '-'], { stdin: text(secret) });
const withVariable =
  (name: string): CommandPlace['run'] =>
  (at, secret) =>
    at.cli(['config', 'show'], { env: { [name]: secret } });

/** `upstream`: URL of a server that repeats what it hears. */
export function commandPlaces(upstream: string): readonly CommandPlace[] {
  return [
    {
      where: 'account add --password-stdin',
      code: 0,
      run: withStdin('account', 'add', 'by-stdin', '--password-stdin'),
    },
    {
      where: 'account add --password-file',
      code: 0,
      run: (at, secret) =>
        at.cli(['account', 'add', 'by-file', '--password-file', fileWith(at, `${secret}\n`)]),
    },
    {
      where: 'account password --password-stdin',
      code: 0,
      run: withStdin('account', 'password', 'by-file', '--password-stdin', '--grace', '7d'),
    },
    {
      where: 'the second line of standard input',
      code: 0,
      run: (at, secret) =>
        at.cli(['account', 'password', 'by-file', '--password-stdin'], {
          stdin: `another password 1\n${secret}\n`,
        }),
    },
    {
      where: 'account add --password',
      code: 2,
      run: withArgument(s => ['account', 'add', 'x', '--password', s]),
    },
    {
      where: 'account add --password=',
      code: 2,
      run: withArgument(s => ['account', 'add', 'x', `--password=${s}`]),
    },
    {
      where: 'account add --passwort=',
      code: 2,
      run: withArgument(s => ['account', 'add', 'x', `--passwort=${s}`]),
    },
    {
      where: 'account add --password-stdin=',
      code: 2,
      run: withArgument(s => ['account', 'add', 'x', `--password-stdin=${s}`]),
    },
    { where: 'account add -p', code: 2, run: withArgument(s => ['account', 'add', 'x', `-p${s}`]) },
    {
      where: 'account add, one argument too many',
      code: 2,
      run: withArgument(s => ['account', 'add', 'x', s]),
    },
    {
      where: 'account password, one argument too many',
      code: 2,
      run: withArgument(s => ['account', 'password', 'by-stdin', s]),
    },
    {
      where: 'upstream add --password-stdin',
      code: 0,
      run: withStdin('upstream', 'add', 'echo', '--url', upstream, '--password-stdin'),
    },
    {
      where: 'the URL of an upstream',
      code: 1,
      run: withArgument(s => [
        'upstream',
        'add',
        'y',
        '--url',
        `smtps://user:${encodeURIComponent(s)}@localhost`,
      ]),
    },
    {
      where: 'the URL of an upstream, without a scheme',
      code: 1,
      run: withArgument(s => ['upstream', 'add', 'y', '--url', `user:${s}@localhost`]),
    },
    {
      where: 'the URL of an upstream, without a host',
      code: 1,
      run: withArgument(s => ['upstream', 'add', 'y', '--url', `smtps://user:${s}`]),
    },
    {
      where: 'the new URL of an upstream',
      code: 1,
      run: withArgument(s => ['upstream', 'set', 'echo', '--url', `smtps://user:${s}@localhost:587`]),
    },
    {
      where: 'alert channel add --secret-stdin',
      code: 0,
      run: withStdin(
        'alert',
        'channel',
        'add',
        'hook',
        '--webhook',
        'http://127.0.0.1:9/hook',
        '--secret-stdin',
      ),
    },
    {
      where: 'the path of a webhook',
      code: 0,
      run: withArgument(s => [
        'alert',
        'channel',
        'add',
        'path',
        '--webhook',
        `http://127.0.0.1:9/hook/${encodeURIComponent(s)}`,
      ]),
    },
    {
      where: 'the user part of a webhook',
      code: 1,
      run: withArgument(s => [
        'alert',
        'channel',
        'add',
        'user',
        '--webhook',
        `http://user:${encodeURIComponent(s)}@127.0.0.1:9/hook`,
      ]),
    },
    {
      where: 'alert channel add --token-stdin',
      code: 0,
      run: (at, s) =>
        at.cli(['alert', 'channel', 'add', 'push', '--ntfy', 'http://127.0.0.1:9/topic', '--token-stdin'], {
          stdin: `${coreOf(s)}\n`,
        }),
    },
    {
      where: 'the topic of ntfy',
      code: 0,
      run: withArgument(s => [
        'alert',
        'channel',
        'add',
        'topic',
        '--ntfy',
        `http://127.0.0.1:9/${coreOf(s)}`,
      ]),
    },
    {
      where: 'a webhook URL that is none',
      code: 1,
      run: withArgument(s => ['alert', 'channel', 'add', 'bad', '--webhook', `htp:/x/${s}`]),
    },
    {
      where: 'alert channel add --secret=',
      code: 2,
      run: withArgument(s => ['alert', 'channel', 'add', 'z', `--secret=${s}`]),
    },
    {
      where: 'a declared password',
      code: 0,
      run: withDeclaration(s =>
        JSON.stringify({ version: 1, accounts: [{ name: 'declared', password: s }] }),
      ),
    },
    {
      where: 'a mistyped key of a declaration',
      code: 1,
      run: withDeclaration(s => JSON.stringify({ version: 1, upstreams: [{ name: 'a', passwort: s }] })),
    },
    {
      where: 'a declaration that is no YAML',
      code: 1,
      run: withDeclaration(s => `version: 1\naccounts:\n  - name: c\n    password: *${s}\n   note: |${s}\n`),
    },
    {
      where: 'an unknown key of the configuration',
      code: 1,
      run: withConfig(s => `admin:\n  password: "${quotedYaml(s)}"\nsmtp_password: '${s}'\n`),
    },
    {
      where: 'a configuration that is no YAML',
      code: 1,
      run: withConfig(s => `admin:\n\tpassword: ${s}\nupstream: {password: ${s}\n`),
    },
    {
      where: 'an unknown variable of the environment',
      code: 1,
      run: withVariable('POSTERN_UPSTREAM_PASSWORD'),
    },
    {
      where: 'a secret file for the wrong variable',
      code: 1,
      run: (at, s) =>
        at.cli(['config', 'show'], { env: { POSTERN_LIMITS_RECIPIENTS_FILE: fileWith(at, s) } }),
    },
  ];
}

/** What an operator looks at; all of it is searched. */
export const lookCommands: readonly (readonly string[])[] = [
  ['account', 'list', '--json'],
  ['alert', 'list', '--json'],
  ['audit', 'list', '--json'],
  ['account', 'list'],
  ['account', 'show', 'by-stdin'],
  ['upstream', 'list'],
  ['upstream', 'show', 'echo'],
  ['upstream', 'test', 'echo'],
  ['alert', 'channel', 'list'],
  ['alert', 'list'],
  ['alert', 'test'],
  ['audit', 'list'],
  ['ban', 'list'],
  ['queue', 'list'],
  ['config', 'show'],
  ['export'],
];

/** Runs every command with its own canary; returns what was printed, by place. */
export async function runPlaces(
  at: Installation,
  places: readonly CommandPlace[],
  make: (where: string) => Canary,
): Promise<ReadonlyMap<CommandPlace, Finished>> {
  const printed = new Map<CommandPlace, Finished>();
  const runOne = async (place: CommandPlace) => {
    printed.set(place, await place.run(at, make(place.where).text));
  };
  // Those that change something build on each other; what is refused does not.
  for (const place of places.filter(({ code }) => code === 0)) await runOne(place);
  const refused = places.filter(({ code }) => code !== 0);
  for (let i = 0; i < refused.length; i += 2) await Promise.all(refused.slice(i, i + 2).map(runOne));
  return printed;
}

function quotedYaml(text: string): string {
  return text.replace(/["\\]/g, '\\$&');
}
