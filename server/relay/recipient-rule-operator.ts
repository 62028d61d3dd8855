// What the operator does with rules for local recipients. Every change is one commit together with its line of the audit; a
// running server sees it within half a second, and it counts for mail that waits already.

import type { AuditFact } from '../audit/audit-entry.ts';
import type { Clock } from '../clock.ts';
import { parsePath } from '../smtp/path.ts';
import type { CommitRefusal, Database, Statement } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import { isLoopbackName, parseRecipientPattern, type RecipientRule } from './recipient-rule.ts';
import { deleteRecipientRule, insertRecipientRule } from './recipient-rule-statements.ts';
import type { RecipientRules } from './recipient-rules.ts';

/** What a change came to. `text` of a refusal is one line for the operator: what, why, what to do. */
export type RecipientRuleChange =
  | Readonly<{ kind: 'done'; rule: RecipientRule }>
  | Readonly<{ kind: 'refused'; text: string }>;

export type RecipientRuleOperator = Readonly<{
  list: RecipientRules['list'];
  ruleFor: RecipientRules['ruleFor'];
  add: (pattern: string, address: string) => Promise<RecipientRuleChange>;
  remove: (pattern: string) => Promise<RecipientRuleChange>;
}>;

type Deps = Readonly<{
  database: Pick<Database, 'commit'>;
  view: RecipientRules;
  clock: Clock;
  /** The row of the audit that belongs into the commit of a change. */
  audit: (fact: AuditFact) => Statement;
}>;

export function createRecipientRuleOperator({ database, view, clock, audit }: Deps): RecipientRuleOperator {
  const find = (pattern: string) => view.list().find(rule => rule.pattern === pattern) ?? null;

  const commit = async (rule: RecipientRule, group: readonly Statement[]): Promise<RecipientRuleChange> => {
    const result = await database.commit(group);
    await view.reload();
    return result.kind === 'committed' ? { kind: 'done', rule } : refused(refusalText(rule.pattern, result));
  };

  return {
    list: view.list,
    ruleFor: view.ruleFor,
    add: async (written, address) => {
      const pattern = parseRecipientPattern(written);
      if (pattern.kind === 'bad') return refused(pattern.text);
      const target = readTarget(address);
      if (target.kind === 'refused') return target;
      await view.reload();
      const known = find(pattern.text);
      if (known !== null) return refused(knownText(known));
      const rule = { pattern: pattern.text, forwardPath: target.forwardPath };
      const fact: AuditFact = {
        action: 'recipient.rule-added',
        object: rule.pattern,
        detail: rule.forwardPath,
      };
      return commit(rule, [insertRecipientRule(rule, clock.now()), audit(fact)]);
    },
    remove: async written => {
      const pattern = parseRecipientPattern(written);
      if (pattern.kind === 'bad') return refused(pattern.text);
      await view.reload();
      const rule = find(pattern.text);
      if (rule === null) return refused(unknownText(pattern.text));
      const fact: AuditFact = {
        action: 'recipient.rule-removed',
        object: rule.pattern,
        detail: rule.forwardPath,
      };
      return commit(rule, [deleteRecipientRule(rule.pattern), audit(fact)]);
    },
  };
}

/** Where mail of local recipients may go. */
export function readTarget(
  written: string,
): Readonly<{ kind: 'read'; forwardPath: string }> | Readonly<{ kind: 'refused'; text: string }> {
  const path = parsePath(written, '');
  const hint = 'Give an address that an upstream takes mail for, such as you@example.com.';
  if ('kind' in path || /[<>]/.test(path.text)) return refused(`"${written}" is no whole address. ${hint}`);
  return isLoopbackName(path.domain)
    ? refused(`${path.text} is a local address itself: its mail would go nowhere. ${hint}`)
    : { kind: 'read', forwardPath: path.text };
}

function knownText({ pattern, forwardPath }: RecipientRule): string {
  return `Mail to ${pattern} goes to ${forwardPath} already. To change that, remove the rule first: postern recipient remove '${pattern}'`;
}

function unknownText(pattern: string): string {
  return `There is no rule for ${pattern}: "postern recipient list" shows them all.`;
}

function refusalText(pattern: string, refusal: CommitRefusal): string {
  switch (refusal.kind) {
    case 'constraint':
    case 'requirement':
      return `The rule for ${pattern} was changed by somebody else at the same moment: look at it with "postern recipient list" and try again.`;
    default:
      return storageRefusalText(refusal);
  }
}

function refused(text: string): Readonly<{ kind: 'refused'; text: string }> {
  return { kind: 'refused', text };
}
