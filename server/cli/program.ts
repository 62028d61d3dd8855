// The command line: parses, opens what the command needs, runs it, prints the result, chooses the exit status.
// 0 done, 1 failed (one line on stderr: what, why, what to do), 2 wrong usage. The only importer of commander.

import { readFileSync } from 'node:fs';
import { CommanderError, Command as Parser, Option as ParserOption } from 'commander';
import { readingTrouble } from '../config/file-trouble.ts';
import type { ConfigSources, LoadedConfig } from '../config/load.ts';
import { loadConfig } from '../config/load.ts';
import { accountCommands } from './account.ts';
import { alertCommands } from './alert.ts';
import { channelCommands } from './alert-channel.ts';
import { applyCommand } from './apply.ts';
import { auditCommands } from './audit.ts';
import { backupCommands } from './backup.ts';
import { banCommands } from './ban.ts';
import { certificateCommands } from './certificate.ts';
import {
  type Call,
  type Command,
  type FileContent,
  misused,
  type Option,
  type Result,
  type WithStore,
} from './command.ts';
import type { CommandStore } from './command-store.ts';
import { configCommands } from './config.ts';
import { exportCommand } from './export.ts';
import { keyCommands } from './key.ts';
import { queueCommands } from './queue.ts';
import { recipientCommands } from './recipient.ts';
import { restoreCommands } from './restore.ts';
import { routeCommands } from './route.ts';
import type { CliParts } from './run-cli.ts';
import { type Serve, serveCommand } from './serve.ts';
import { setupCommand } from './setup.ts';
import { complain, type Terminal } from './terminal.ts';
import { upstreamCommands } from './upstream.ts';
import { upstreamAuthorizeCommand } from './upstream-authorize.ts';

const GROUPS: Readonly<Record<string, string>> = {
  account: 'logins for devices and apps',
  upstream: 'the servers that take our mail',
  route: 'which upstreams mail goes to',
  recipient: 'where mail to local recipients goes (root, root@localhost)',
  queue: 'mail that waits, and what became of it',
  certificate: 'certificates and the CA that devices trust',
  ban: 'who may not log in for a while',
  key: 'the key under which secrets are sealed',
  alert: 'what the operator is told, and how',
  'alert channel': 'ways in which alerts reach you: webhook, ntfy, e-mail',
  audit: 'who did what, and which logins stood out',
  config: 'check, show and document the configuration',
};

/** Runs one command. Resolves with the exit status. */
export async function runProgram(words: readonly string[], parts: CliParts): Promise<number> {
  let status = 0;
  const run = async (command: Command, parser: Parser): Promise<void> => {
    status = await runCommand(command, parser, parts);
  };
  const program = buildProgram(allCommands(parts.serve), parts, run);
  try {
    await program.parseAsync([...words], { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    throw error;
  }
}

/** Every command, in the order of the help and the reference. */
export function allCommands(serve: Serve): readonly Command[] {
  const commands: readonly Command[] = [
    serveCommand(serve),
    setupCommand,
    ...accountCommands,
    ...upstreamCommands,
    upstreamAuthorizeCommand,
    ...routeCommands,
    ...recipientCommands,
    ...queueCommands,
    applyCommand,
    exportCommand,
    ...certificateCommands,
    ...backupCommands,
    ...restoreCommands,
    ...banCommands,
    ...keyCommands,
    ...alertCommands,
    ...channelCommands,
    ...auditCommands,
    ...configCommands(() => commands),
  ];
  return commands;
}

function buildProgram(
  commands: readonly Command[],
  { terminal, version }: CliParts,
  run: (command: Command, parser: Parser) => Promise<void>,
): Parser {
  const program = new Parser('postern')
    .description('The SMTP submission server for printers, scanners, NAS and homelab apps.')
    .version(version, '--version', 'print the version')
    // Known before and after the command's words.
    .option('--config <FILE>', 'configuration file (default: config/postern.yaml, /etc/postern/postern.yaml)')
    .option('--data <DIR>', 'data folder (default: ./data)')
    .helpOption('-h, --help', 'show help')
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: terminal.print,
      writeErr: terminal.complain,
      outputError: text => complain(terminal, usageText(text)),
    })
    .exitOverride();
  const groupOf = groupsUnder(program);
  for (const command of commands) {
    const words = command.name.split(' ');
    const leaf = groupOf(words.slice(0, -1))
      .command(words.at(-1) ?? '')
      .description(command.means);
    if (command.argument !== '') leaf.arguments(command.argument);
    for (const option of command.options) leaf.addOption(parserOption(option));
    if (command.printsData) leaf.option('--json', 'print JSON');
    leaf.action(() => run(command, leaf));
  }
  return program;
}

/** The parser of the words before the last, made where it is missing: `alert channel` stands in `alert`. */
function groupsUnder(program: Parser): (words: readonly string[]) => Parser {
  const groups = new Map<string, Parser>([['', program]]);
  const groupOf = (words: readonly string[]): Parser => {
    const name = words.join(' ');
    const known = groups.get(name);
    if (known !== undefined) return known;
    const group = groupOf(words.slice(0, -1))
      .command(words.at(-1) ?? '')
      .description(GROUPS[name] ?? '')
      .helpCommand(false);
    groups.set(name, group);
    return group;
  };
  return groupOf;
}

async function runCommand(command: Command, parser: Parser, parts: CliParts): Promise<number> {
  const options: Readonly<Record<string, unknown>> = parser.optsWithGlobals();
  const files = filesOf(command, options);
  const call: Call = {
    arguments: parser.args,
    value: option => textOption(options[attributeOf(option)]),
    file: option => files.get(option) ?? null,
    has: option => options[attributeOf(option)] === true,
    terminal: parts.terminal,
  };
  const config = call.value('config');
  const data = call.value('data');
  const sources: ConfigSources = {
    flags: { ...(config === null ? {} : { config }), ...(data === null ? {} : { data }) },
    environment: parts.environment,
    folder: parts.folder,
  };
  const result = await resultOf(command, call, sources, parts);
  return report(result, { json: call.has('json'), terminal: parts.terminal });
}

async function resultOf(
  command: Command,
  call: Call,
  sources: ConfigSources,
  parts: CliParts,
): Promise<Result> {
  if (command.onTerminal !== undefined && !parts.terminal.interactive) return misused(command.onTerminal);
  if (command.needs === 'nothing') return command.run(call, sources);
  const loaded = await loadConfig(sources);
  if (loaded.kind === 'refused') return { kind: 'failed', lines: loaded.problems };
  if (command.needs === 'config') return command.run(call, loaded);
  if (command.needs === 'backups') return command.run(call, await parts.openBackups(loaded));
  const withStore: WithStore = use => useStore(loaded, parts, use);
  if (command.needs === 'store later') return command.run(call, sources, withStore);
  return withStore(store => command.run(call, store));
}

async function useStore(
  loaded: LoadedConfig,
  { openStore, terminal }: CliParts,
  use: (store: CommandStore) => Promise<Result>,
): Promise<Result> {
  const opened = await openStore(loaded);
  if (opened.kind === 'refused') return { kind: 'failed', lines: [opened.text] };
  const { store } = opened;
  try {
    const result = await use(store);
    // A command that failed says why in one line; and one may have put right what would be warned of.
    if (isGood(result)) for (const warning of store.warnings()) complain(terminal, `warning: ${warning}`);
    return result;
  } finally {
    await store.close();
  }
}

function isGood(result: Result): boolean {
  if (result.kind === 'ended') return result.status === 0;
  return result.kind === 'done' && result.problem === null;
}

function report(result: Result, { json, terminal }: Readonly<{ json: boolean; terminal: Terminal }>): number {
  switch (result.kind) {
    case 'ended':
      return result.status;
    case 'failed':
      for (const line of result.lines) complain(terminal, line);
      return 1;
    case 'misused':
      complain(terminal, result.text);
      return 2;
    case 'done':
      for (const warning of result.warnings) complain(terminal, `warning: ${warning}`);
      if (json) terminal.print(`${JSON.stringify(result.data, null, 2)}\n`);
      else if (result.text !== '') terminal.print(`${result.text}\n`);
      if (result.problem !== null) complain(terminal, result.problem);
      return result.problem === null ? 0 : 1;
    default:
      return result satisfies never;
  }
}

/** What commander says, with what it does not know: names with a dash, and why passwords are no arguments. */
function usageText(said: string): string {
  // What follows `--passwort=` or `-p`, and what nobody expected, may be a password.
  const text = said
    .replace(/^error: /, '')
    .replace(/^(unknown option '(?:--[^'=]*|-p))[^']*(?='|$)/s, '$1')
    .replace(/^(too many arguments .* but got \d+):.*$/s, '$1')
    .trim()
    .replace(/\.$/, '');
  const option = /^unknown option '([^']+)'/.exec(text)?.[1];
  const secret = /^--(passphrase|pass|secret|token)(?:word|wd)?(?:=|$)/
    .exec(option ?? '')?.[1]
    ?.replace(/^pass$/, 'password');
  if (secret !== undefined) {
    return `unknown option '--${secret}': other users of this machine can read what stands on a command line; use --${secret}-stdin, --${secret}-file FILE or --${secret}-prompt`;
  }
  const advice = option === undefined ? '' : '; before a name that begins with a dash, write --';
  return `${text}${advice}; --help shows what is possible`;
}

function parserOption({ flags, means, repeats }: Option): ParserOption {
  const option = new ParserOption(withValue(flags), means);
  if (repeats !== true) return option;
  return option.argParser((value, before: unknown) =>
    typeof before === 'string' ? `${before},${value}` : value,
  );
}

/** commander writes a value that must be given as `--sender <ADDR>`. */
function withValue(flags: string): string {
  return flags.replace(/ (\S+)$/, ' <$1>');
}

/** The files that options name, read now. An empty name is no file. */
function filesOf(
  command: Command,
  options: Readonly<Record<string, unknown>>,
): ReadonlyMap<string, FileContent> {
  const files = new Map<string, FileContent>();
  for (const { flags, readsFile } of command.options) {
    const option = /^--([\w-]+)/.exec(flags)?.[1] ?? '';
    const path = textOption(options[attributeOf(option)]);
    if (readsFile === true && path !== null && path !== '') files.set(option, readContent(path));
  }
  return files;
}

function readContent(path: string): FileContent {
  try {
    return { kind: 'read', octets: readFileSync(path) };
  } catch (error) {
    const { reason, remedy } = readingTrouble(error);
    return { kind: 'unreadable', why: `"${path}" cannot be read: ${reason}. ${remedy}` };
  }
}

/** commander keeps `--password-stdin` as `passwordStdin`. */
function attributeOf(option: string): string {
  return option.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

function textOption(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
