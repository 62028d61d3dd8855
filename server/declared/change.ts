// What applying a declaration comes to: a change for each thing that it names (or no longer names), and what is wrong with
// it. Pure.

import type { Path } from '../config/input-tree.ts';

export type Section = 'upstreams' | 'accounts' | 'routes' | 'recipients' | 'alert_channels';

/** Of the document. */
export const VERSION = 1;

export type Change = Readonly<{
  kind: 'upstream' | 'account' | 'route' | 'recipient' | 'alert_channel';
  name: string;
  action: 'added' | 'changed' | 'removed' | 'unchanged';
  /** The keys of the declaration that differ; empty unless it is changed. */
  changed: readonly string[];
}>;

/** `text` follows the path: what is wrong, what is allowed. */
export type Problem = Readonly<{ path: Path; text: string }>;

/** A change with what is to be done for it; null: nothing. */
export type Entry<Act> = Readonly<{ change: Change; act: Act | null }>;

export type Planned<Act> = Readonly<{
  entries: readonly Entry<Act>[];
  problems: readonly Problem[];
  /** For the operator, one line each. */
  warnings: readonly string[];
}>;

export function entry<Act>(
  { kind, name }: Pick<Change, 'kind' | 'name'>,
  action: Exclude<Change['action'], 'changed' | 'unchanged'>,
  act: Act,
): Entry<Act> {
  return { change: { kind, name, action, changed: [] }, act };
}

/** Changed where any key differs, else unchanged. */
export function entryOf<Act>(
  { kind, name }: Pick<Change, 'kind' | 'name'>,
  changed: readonly string[],
  act: Act,
): Entry<Act> {
  return changed.length > 0
    ? { change: { kind, name, action: 'changed', changed }, act }
    : { change: { kind, name, action: 'unchanged', changed: [] }, act: null };
}

export function actsOf<Act>({ entries }: Pick<Planned<Act>, 'entries'>): readonly Act[] {
  return entries.flatMap(({ act }) => (act === null ? [] : [act]));
}

/** A problem for each item whose name one before it has. `keyOf`: the form in which names are compared. */
export function namedTwice<Value>(
  section: Section,
  items: readonly Readonly<{ index: number; value: Value }>[],
  { key, keyOf }: Readonly<{ key: string; keyOf: (value: Value) => string }>,
): readonly Problem[] {
  const first = new Map<string, number>();
  return items.flatMap(({ index, value }) => {
    const before = first.get(keyOf(value));
    if (before === undefined) {
      first.set(keyOf(value), index);
      return [];
    }
    const text = `is that of ${section}[${before}] already; keep one of them`;
    return [{ path: [section, index, key], text }];
  });
}

/** What the parts say is for the command line: an option `--null-sender` is the key `null_sender` here. */
export function inKeys(text: string): string {
  return text
    .replace(/(at the prompt or )?with --password-(stdin|file|prompt)( FILE)?/g, 'with password')
    .replace(/--oauth-scope\b/g, 'oauth.scopes')
    .replace(/--oauth-service-account-file( FILE)?/g, 'oauth.service_account')
    .replace(/--oauth-client-secret-(prompt|stdin|file)( FILE)?/g, 'oauth.client_secret')
    .replace(/--oauth-([a-z][a-z-]*)/g, (_, option: string) => `oauth.${option.replaceAll('-', '_')}`)
    .replace(/--([a-z][a-z-]*)/g, (_, option: string) => option.replaceAll('-', '_'));
}
