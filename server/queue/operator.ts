// The operator's view of the queue and hand in it, for the command line, while the server runs or not. Filters choose
// recipients (operator-filter.ts); what is seen comes from operator-listing.ts, what is done from operator-actions.ts.

import type { NewId } from '../ids.ts';
import type { Database } from '../storage/database.ts';
import { createQueueActions, type QueueActions } from './operator-actions.ts';
import type { QueueAudit } from './operator-audit.ts';
import { createQueueListing, type QueueListing } from './operator-listing.ts';
import { createResend, type Resend } from './operator-resend.ts';
import type { Spool } from './spool.ts';

export type QueueOperator = QueueListing &
  QueueActions &
  Readonly<{
    resend: Resend;
    /** Remembers that somebody took the content of a message out; a refused commit forgets it. */
    exported: (id: string) => Promise<void>;
  }>;

export type QueueOperatorDeps = Readonly<{
  database: Database;
  spool: Spool;
  newId: NewId;
  audit: QueueAudit;
  /** `queue.keep_content`. */
  keepContent: boolean;
}>;

export function createQueueOperator(deps: QueueOperatorDeps): QueueOperator {
  return {
    ...createQueueListing(deps.database),
    ...createQueueActions(deps),
    resend: createResend(deps),
    exported: async id => {
      await deps.database.commit([deps.audit('queue.exported', { ids: [id] })]);
    },
  };
}
