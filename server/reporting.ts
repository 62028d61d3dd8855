// Reports about mail to people, put together: the reporter over queue, content and relay, as it is configured.

import type { Ground } from './ground.ts';
import type { NewId } from './ids.ts';
import type { RaiseAlert } from './notification/alert.ts';
import { createOriginalReader } from './notification/original-reader.ts';
import { createReporter, type Reporter, type ReporterDeps } from './notification/reporter.ts';
import type { ContentReader } from './queue/content-reader.ts';
import type { Relay } from './queue/delivery.ts';
import type { Queue } from './queue/queue.ts';
import type { Spool } from './queue/spool.ts';
import { decideIdentity } from './relay/identity.ts';
import type { Upstreams } from './relay/upstreams.ts';

type Parts = Readonly<{
  queue: Pick<Queue, 'body'>;
  enqueue: Queue['enqueue'];
  spool: Pick<Spool, 'open'>;
  content: Pick<ContentReader, 'discard'>;
  relay: Relay;
  upstreams: Pick<Upstreams, 'list'>;
  raise: RaiseAlert;
  newId: NewId;
}>;

/** Rejects where the database cannot be read. */
export function createReporting(ground: Ground, parts: Parts): Promise<Reporter> {
  const { deps, store, identity, clockTrust } = ground;
  const { queue, spool, content } = parts;
  const settings = deps.config.queue;
  return createReporter({
    ...parts,
    database: store.database,
    readOriginal: createOriginalReader({ body: queue.body, open: spool.open }),
    discard: content.discard,
    host: identity.hostname,
    clock: deps.clock,
    clockTrusted: clockTrust.trusted,
    log: deps.logging.log,
    expiry: settings.expiry,
    keepContent: settings.keep_content,
    perHour: settings.reports_per_hour,
    delayAfter: settings.delay_after,
    retryMax: settings.retry_max,
    isRewritten: senderIsReplaced(parts.upstreams),
  });
}

/** By the settings as they are now, of the upstream where it was tried last. */
function senderIsReplaced({ list }: Pick<Upstreams, 'list'>): ReporterDeps['isRewritten'] {
  return ({ upstreamId, account, reversePath }) => {
    const upstream = list().find(one => one.id === upstreamId);
    if (upstream === undefined || reversePath === '') return false;
    const { identity, user } = upstream;
    const decided = decideIdentity({ identity, user, kind: 'mail', account, reversePath });
    return decided.reversePath !== reversePath;
  };
}
