// The one commit that applies a declaration: statements of all parts together, each with what it is about, so that a refusal
// by the database can be told in words.

import type { AuditFact } from '../audit/audit-entry.ts';
import type { EpochMs } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type { CommitRefusal, Statement } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import type { Sealing } from '../storage/sealing.ts';

/** `about`: for example `account scanner`. */
export type Step = Readonly<{ statement: Statement; about: string }>;

/** What the parts need to make their statements; to be used within `commitSealed`. */
export type Making = Readonly<{
  now: EpochMs;
  newId: NewId;
  sealer: Sealing;
  /** The row of the audit that belongs into the commit of a change. */
  audit: (fact: AuditFact) => Statement;
}>;

export function stepsAbout(about: string, statements: readonly Statement[]): readonly Step[] {
  return statements.map(statement => ({ statement, about }));
}

/** One line for the operator. Nothing was changed. */
export function refusalText(refusal: CommitRefusal, group: readonly Step[]): string {
  switch (refusal.kind) {
    case 'requirement':
    case 'constraint': {
      const about = group[refusal.statement]?.about ?? 'something';
      return `Somebody else changed ${about} at the same moment, so nothing was changed: apply the file again.`;
    }
    default:
      return storageRefusalText(refusal);
  }
}

/** Ids in the order in which they sort: what is made in one moment is listed by its id. */
export function sortedIds(newId: NewId, count: number): readonly string[] {
  return Array.from({ length: count }, newId).toSorted();
}
