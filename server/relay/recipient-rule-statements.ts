// Every SQL statement about rules for recipients, and the one parser of their rows.

import type { EpochMs } from '../clock.ts';
import type { Row, Statement } from '../storage/database.ts';
import type { RecipientRule } from './recipient-rule.ts';

/** In the order of adding. */
export const SELECT_RECIPIENT_RULES =
  'SELECT pattern, forward_path FROM recipient_rule ORDER BY position, pattern';

export function recipientRuleFromRow(row: Row): RecipientRule {
  return { pattern: String(row['pattern']), forwardPath: String(row['forward_path']) };
}

/** Behind the others. Refused (`constraint`) where there is one for the pattern. */
export function insertRecipientRule({ pattern, forwardPath }: RecipientRule, now: EpochMs): Statement {
  return {
    sql: `INSERT INTO recipient_rule (pattern, position, forward_path, created_at)
      SELECT ?, COALESCE(MAX(position), 0) + 1, ?, ? FROM recipient_rule`,
    params: [pattern, forwardPath, now],
    require: 1,
  };
}

export function deleteRecipientRule(pattern: string): Statement {
  return { sql: 'DELETE FROM recipient_rule WHERE pattern = ?', params: [pattern], require: 1 };
}
