// What a declaration changes about rules for local recipients. Their order means nothing: the most specific one counts. Pure.

import { parseRecipientPattern, type RecipientRule } from '../relay/recipient-rule.ts';
import { readTarget } from '../relay/recipient-rule-operator.ts';
import { entry, entryOf, namedTwice, type Planned } from './change.ts';
import type { Item } from './document.ts';
import type { DeclaredRecipient } from './route-keys.ts';

/** `before` null: it is new. `rule` null: it goes. */
export type RecipientAct = Readonly<{ before: RecipientRule | null; rule: RecipientRule | null }>;

type RecipientItem = Item<DeclaredRecipient>;

export function planRecipients(
  items: readonly RecipientItem[],
  { stored, prune }: Readonly<{ stored: readonly RecipientRule[]; prune: boolean }>,
): Planned<RecipientAct> {
  const planned = items.map(item => planRule(item, stored));
  const named = new Set(items.map(({ value }) => canonicalPattern(value.pattern)));
  const removed = stored
    .filter(({ pattern }) => prune && !named.has(pattern))
    .map(before => entry<RecipientAct>(about(before), 'removed', { before, rule: null }));
  const twice = namedTwice('recipients', items, {
    key: 'pattern',
    keyOf: ({ pattern }) => canonicalPattern(pattern),
  });
  return {
    entries: [...planned.flatMap(({ entries }) => entries), ...removed],
    problems: [...planned.flatMap(({ problems }) => problems), ...twice],
    warnings: [],
  };
}

function planRule({ index, value }: RecipientItem, stored: readonly RecipientRule[]): Planned<RecipientAct> {
  const pattern = parseRecipientPattern(value.pattern);
  const target = readTarget(value.forward_path);
  if (pattern.kind === 'bad' || target.kind === 'refused') {
    const wrong = (key: string, text: string) => ({ path: ['recipients', index, key], text });
    const problems = [
      ...(pattern.kind === 'bad' ? [wrong('pattern', pattern.text)] : []),
      ...(target.kind === 'refused' ? [wrong('forward_path', target.text)] : []),
    ];
    return { entries: [], problems, warnings: [] };
  }
  const rule = { pattern: pattern.text, forwardPath: target.forwardPath };
  const before = stored.find(one => one.pattern === rule.pattern) ?? null;
  const act = { before, rule };
  if (before === null) return { entries: [entry(about(rule), 'added', act)], problems: [], warnings: [] };
  const keys = before.forwardPath === rule.forwardPath ? [] : ['forward_path'];
  return { entries: [entryOf(about(rule), keys, act)], problems: [], warnings: [] };
}

function canonicalPattern(written: string): string {
  const read = parseRecipientPattern(written);
  return read.kind === 'pattern' ? read.text : written;
}

function about({ pattern }: RecipientRule) {
  return { kind: 'recipient', name: pattern } as const;
}
