// The rules for local recipients as they are configured: kept in the database, viewed from memory. The view is read again
// after each own change and whenever another process (the command line) changed the database.

import type { Database } from '../storage/database.ts';
import { type RecipientRule, ruleFor } from './recipient-rule.ts';
import { recipientRuleFromRow, SELECT_RECIPIENT_RULES } from './recipient-rule-statements.ts';

export type RecipientRules = Readonly<{
  /** In the order of adding; as of the last reload. */
  list: () => readonly RecipientRule[];
  /** The rule that fits the address; null where its mail goes where it says. */
  ruleFor: (forwardPath: string) => RecipientRule | null;
  /** The address that mail to this one really goes to; null where it stays. */
  mappedRecipient: (forwardPath: string) => string | null;
  /** Calls back after the view was read again. */
  onChange: (listener: () => void) => void;
  /** Reads the database again. */
  reload: () => Promise<void>;
}>;

type Deps = Readonly<{
  database: Pick<Database, 'read' | 'onForeignChange'>;
  /** What submission completes addresses without a domain with. */
  hostname: string;
}>;

/** Resolves once the view is loaded. */
export async function createRecipientRules({ database, hostname }: Deps): Promise<RecipientRules> {
  const listeners: (() => void)[] = [];
  let view: ReadonlyMap<string, RecipientRule> = new Map();

  async function reload(): Promise<void> {
    const rules = (await database.read(SELECT_RECIPIENT_RULES)).map(recipientRuleFromRow);
    view = new Map(rules.map(rule => [rule.pattern, rule]));
    for (const listener of listeners) listener();
  }

  database.onForeignChange(() => void reload().catch(() => undefined));
  await reload();

  return {
    list: () => [...view.values()],
    ruleFor: forwardPath => ruleFor(view, forwardPath, hostname),
    mappedRecipient: forwardPath => ruleFor(view, forwardPath, hostname)?.forwardPath ?? null,
    onChange: listener => void listeners.push(listener),
    reload,
  };
}
