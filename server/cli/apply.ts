// `postern apply FILE`: brings upstreams, accounts, routes, recipients and alert channels into the state that a file declares.
// The file, and the files that it names for secrets, are read before the store is opened, by who started the command.

import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { formatPath } from '../config/complaints.ts';
import { readingTrouble } from '../config/file-trouble.ts';
import type { Change, Problem } from '../declared/change.ts';
import type { Preview } from '../declared/declared.ts';
import type { ReadDeclaration } from '../declared/read-declaration.ts';
import { type Call, type Command, done, failed, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { isConfirmed, yesOption } from './confirmation.ts';
import { counted, harmless } from './output.ts';

export const applyCommand: Command = {
  name: 'apply',
  argument: 'FILE',
  means:
    'bring upstreams, accounts, routes, recipients and alert channels into the state that FILE (YAML or JSON; - for standard input) declares',
  options: [
    { flags: '--dry-run', means: 'only say what would be changed' },
    { flags: '--prune', means: 'also remove what a section of FILE does not name' },
    yesOption,
  ],
  printsData: true,
  needs: 'store later',
  run: async (call, { folder, environment }, withStore) => {
    const [path = ''] = call.arguments;
    const name = path === '-' ? 'standard input' : path;
    const given = path === '-' ? await readInput(call.terminal.input) : readOctets(resolve(folder, path));
    if ('reason' in given) return failed(`${name} cannot be read: ${given.reason}. ${given.remedy}`);
    const text = textOf(given.octets);
    if (text === null) return failed(`${name} is not UTF-8. Convert it, for example with iconv.`);
    const { readDeclaration } = await import('../declared/read-declaration.ts');
    const readFile = (file: string) => readOctets(resolve(folder, file));
    const read = await readDeclaration(text, name, { environment, readFile });
    if (read.kind === 'broken') return failed(...read.problems);
    return withStore(store => applyTo(call, store, { read, name }));
  },
};

type Given = Readonly<{ read: Extract<ReadDeclaration, { kind: 'read' }>; name: string }>;

async function applyTo(call: Call, store: CommandStore, { read, name }: Given): Promise<Result> {
  const declared = await store.declared();
  const preview = await declared.preview(read, { prune: call.has('prune') });
  if (preview.kind === 'refused') return refused(preview.problems, { read, name });
  if (call.has('dry-run')) return said(preview, 'Nothing was changed: this was a dry run.');
  const objection = await objectionTo(call, preview.changes);
  if (objection !== null) return objection;
  const applied = await preview.apply();
  return applied.kind === 'refused' ? failed(applied.text) : said(preview, null);
}

/** One line each, in the order of the file. */
function refused(problems: readonly Problem[], { read, name }: Given): Result {
  const lines = problems
    .map(({ path, text }) => ({ line: read.lineOf(path), text: `${formatPath(path)}: ${text}` }))
    .toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0))
    .map(({ line, text }) => (line === null ? `${text} (${name})` : `${text} (${name} line ${line})`));
  return failed(...lines, `Nothing was changed: put that right in ${name}, then apply it again.`);
}

async function objectionTo(call: Call, changes: readonly Change[]): Promise<Result | null> {
  const removed = changes.filter(({ action }) => action === 'removed').map(shown);
  if (removed.length === 0) return null;
  const question = `This removes ${removed.join(', ')}`;
  if (!call.terminal.interactive && !call.has('yes')) {
    return misused(`${question}: add --yes if that is meant.`);
  }
  return (await isConfirmed(call, question)) ? null : failed('Nothing was changed.');
}

function said(preview: Extract<Preview, { kind: 'planned' }>, last: string | null): Result {
  const { changes, warnings } = preview;
  const isNews = ({ action }: Change) => action !== 'unchanged';
  const lines = changes.filter(isNews).map(change => {
    const keys = change.changed.length === 0 ? '' : ` (${change.changed.join(', ')})`;
    return `${shown(change)}: ${change.action}${keys}`;
  });
  const data = changes.map(({ kind, name, action, changed }) => ({ kind, name, action, changed }));
  return done([...lines, summaryOf(changes), ...(last === null ? [] : [last])].join('\n'), data, {
    warnings,
  });
}

function summaryOf(changes: readonly Change[]): string {
  const count = (action: Change['action']) => changes.filter(change => change.action === action).length;
  const unchanged = count('unchanged');
  if (unchanged === changes.length) {
    return unchanged === 0
      ? 'Nothing is declared.'
      : `Nothing to change: ${counted(unchanged, 'item')} as declared.`;
  }
  const parts = (['added', 'changed', 'removed', 'unchanged'] as const)
    .filter(action => count(action) > 0)
    .map(action => `${count(action)} ${action}`);
  return `${parts.join(', ')}.`;
}

function shown({ kind, name }: Change): string {
  return `${kind.replace('_', ' ')} ${harmless(name)}`;
}

type Read = Readonly<{ octets: Uint8Array } | { reason: string; remedy: string }>;

function readOctets(path: string): Read {
  try {
    return { octets: readFileSync(path) };
  } catch (error) {
    return readingTrouble(error);
  }
}

/** More is no declaration. */
const MOST_OCTETS = 16 * 1024 * 1024;

async function readInput(input: Readable): Promise<Read> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of input) {
    const octets = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk));
    chunks.push(octets);
    length += octets.length;
    if (length > MOST_OCTETS) return { reason: 'it is larger than 16 MiB', remedy: 'Give a declaration.' };
  }
  return { octets: Buffer.concat(chunks) };
}

function textOf(octets: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch {
    return null;
  }
}
