// How an operator's actions on mail stand in the audit: what was done, to which message, or to what was chosen.

import type { AuditAction } from '../audit/audit-entry.ts';
import type { Statement } from '../storage/database.ts';
import { filterWords, type QueueFilter } from './operator-filter.ts';

export type QueueAction = Extract<AuditAction, `queue.${string}`> | 'queue.bounced-silently';

/** The statement for the commit of the action. */
export type QueueAudit = (action: QueueAction, chosen: QueueFilter, more?: string) => Statement;

type Fact = Readonly<{ action: AuditAction; object: string; detail: string | null }>;

const MOST_NAMED = 10;

export function createQueueAudit(statementOf: (fact: Fact) => Statement): QueueAudit {
  return (given, chosen, more) => {
    const isSilent = given === 'queue.bounced-silently';
    const { ids = [] } = chosen;
    const words = [chosenWords(chosen), isSilent ? 'nobody is told' : '', more ?? ''].filter(
      word => word !== '',
    );
    return statementOf({
      action: isSilent ? 'queue.bounced' : given,
      object: ids.length === 1 ? (ids[0] ?? '') : '',
      detail: words.length === 0 ? null : words.join('; '),
    });
  };
}

/** Empty for one message, which is named by itself. */
function chosenWords(chosen: QueueFilter): string {
  const { ids } = chosen;
  if (ids === undefined) return filterWords(chosen) || 'all';
  if (ids.length === 1) return '';
  const rest = ids.length > MOST_NAMED ? ` and ${ids.length - MOST_NAMED} more` : '';
  return `${ids.slice(0, MOST_NAMED).join(', ')}${rest}`;
}
