// What a command of the command line is: its words, its options, what it needs, and what it comes to. One table serves the
// parser, the help and the reference. A command returns its result; program.ts prints it and chooses the exit status.

import type { Backups } from '../backup/backups.ts';
import type { ConfigSources, LoadedConfig } from '../config/load.ts';
import type { CommandStore } from './command-store.ts';
import type { Terminal } from './terminal.ts';

export type Option = Readonly<{
  /** As in the help: `--sender ADDR` takes a value, `--all` does not. */
  flags: string;
  means: string;
  /** Its value names a file, which is read before the store is opened: after that, root has become the folder's owner. */
  readsFile?: true;
  /** May be given more than once: its value is then all of them with commas between. */
  repeats?: true;
}>;

type Described = Readonly<{
  /** For example `account add`. */
  name: string;
  /** For example `[NAME]`, `NAME`, `PATTERN ADDRESS`, `[ID...]`; empty for none. */
  argument: string;
  means: string;
  options: readonly Option[];
  /** Whether it prints data, and so takes --json. */
  printsData: boolean;
  /** It works on a terminal alone. Elsewhere this is said, and nothing is opened. */
  onTerminal?: string;
}>;

export type Command = Described &
  (
    | Readonly<{ needs: 'nothing'; run: (call: Call, sources: ConfigSources) => Promise<Result> }>
    | Readonly<{ needs: 'config'; run: (call: Call, loaded: LoadedConfig) => Promise<Result> }>
    | Readonly<{ needs: 'backups'; run: (call: Call, backups: Backups) => Promise<Result> }>
    | Readonly<{ needs: 'store'; run: (call: Call, store: CommandStore) => Promise<Result> }>
    /** It opens the store when it is ready: until then it has the rights of who started it, root perhaps. */
    | Readonly<{
        needs: 'store later';
        run: (call: Call, sources: ConfigSources, withStore: WithStore) => Promise<Result>;
      }>
  );

/** Opens the store, closes it afterwards. What it resolves with is the command's result. */
export type WithStore = (use: (store: CommandStore) => Promise<Result>) => Promise<Result>;

/** Makes the commands of one group, which work on the store and print data: `account add`, `account list` … */
export function commandsOf(group: string) {
  return (
    word: string,
    argument: string,
    means: string,
    run: (call: Call, store: CommandStore) => Promise<Result>,
    options: readonly Option[] = [],
  ): Command => ({
    name: `${group} ${word}`,
    argument,
    means,
    options,
    printsData: true,
    needs: 'store',
    run,
  });
}

export type FileContent =
  | Readonly<{ kind: 'read'; octets: Buffer }>
  /** `why` says it after "The … file " and what to do: `"x" cannot be read: there is no such file. Check …`. */
  | Readonly<{ kind: 'unreadable'; why: string }>;

/** What was typed. */
export type Call = Readonly<{
  arguments: readonly string[];
  /** The value of `--sender ADDR` is `value('sender')`; null where it was not given. */
  value: (option: string) => string | null;
  /** What stands in the file of `--ca FILE`; null where the option was not given, or names no file. */
  file: (option: string) => FileContent | null;
  /** Whether `--all` was given. */
  has: (option: string) => boolean;
  terminal: Terminal;
}>;

export type Result =
  | Readonly<{
      kind: 'done';
      /** For people; ends without a line end. Empty prints nothing. */
      text: string;
      /** For --json. */
      data: unknown;
      /** One line each, on stderr. */
      warnings: readonly string[];
      /** What the data says is wrong, and what to do: one line on stderr, and exit status 1. Null: all is well. */
      problem: string | null;
    }>
  /** One line: what, why, what to do. Exit status 1. */
  | Readonly<{ kind: 'failed'; lines: readonly string[] }>
  /** Wrong usage. Exit status 2. */
  | Readonly<{ kind: 'misused'; text: string }>
  /** It printed for itself. */
  | Readonly<{ kind: 'ended'; status: number }>;

export function done(
  text: string,
  data: unknown = null,
  { warnings = [], problem = null }: Readonly<{ warnings?: readonly string[]; problem?: string | null }> = {},
): Result {
  return { kind: 'done', text, data, warnings, problem };
}

export function failed(...lines: readonly string[]): Result {
  return { kind: 'failed', lines };
}

export function misused(text: string): Result {
  return { kind: 'misused', text };
}
