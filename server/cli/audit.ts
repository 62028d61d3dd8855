// `postern audit …`: who did what to accounts, keys, bans and alert channels, and which logins stood out.

import { type AuditAction, auditActions } from '../audit/audit-entry.ts';
import type { AuditEntry, AuditFilter } from '../audit/audit-list.ts';
import type { EpochMs } from '../clock.ts';
import { parseDuration } from '../config/values.ts';
import { type Call, type Command, done, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { isoTime, shownTime, table } from './output.ts';

const USUAL_LIMIT = 100;

export const auditCommands: readonly Command[] = [
  {
    name: 'audit list',
    argument: '',
    means: 'list what was done and which logins stood out, newest first',
    options: [
      { flags: '--account NAME', means: 'only what happened to this account, and what it did' },
      { flags: '--action ACTION', means: 'only one kind, such as login.failed or account.password' },
      { flags: '--since WHEN', means: 'only since a duration ago (7d, 12h) or a date (2026-11-20, in UTC)' },
      { flags: '--limit N', means: `at most so many, the newest (default ${USUAL_LIMIT})` },
    ],
    printsData: true,
    needs: 'store',
    run: list,
  },
];

async function list(call: Call, store: CommandStore): Promise<Result> {
  const filter = filterOf(call, store.clock.now());
  if ('kind' in filter) return filter;
  const entries = await store.audit(filter);
  const rows = entries.map(entry => [
    shownTime(entry.happenedAt),
    entry.count === 1 ? '' : shownTime(entry.lastAt),
    entry.actor,
    entry.action,
    entry.object,
    entry.address ?? '',
    entry.count === 1 ? '' : String(entry.count),
    entry.detail ?? '',
  ]);
  return done(
    table(
      ['TIME', 'LAST TIME', 'BY', 'ACTION', 'OBJECT', 'ADDRESS', 'COUNT', 'DETAIL'],
      rows,
      'Nothing of that kind was recorded.',
    ),
    entries.map(itemOf),
  );
}

function filterOf(call: Call, now: EpochMs): AuditFilter | Result {
  const account = call.value('account');
  const action = call.value('action');
  const since = call.value('since');
  const limit = call.value('limit');
  if (action !== null && !isAction(action)) {
    return misused(`--action takes one of ${Object.keys(auditActions).join(', ')}; not "${action}".`);
  }
  if (limit !== null && !/^[1-9]\d{0,8}$/.test(limit))
    return misused(`--limit takes a number from 1, not "${limit}".`);
  const from = since === null ? null : momentOf(since, now);
  if (since !== null && from === null) {
    return misused(`--since takes a duration such as 7d, or a date such as 2026-11-20; not "${since}".`);
  }
  return {
    ...(account === null ? {} : { account }),
    ...(action === null ? {} : { action }),
    ...(from === null ? {} : { since: from }),
    limit: limit === null ? USUAL_LIMIT : Number(limit),
  };
}

/** A time of day without a zone is UTC, as all times that are printed. */
function momentOf(text: string, now: EpochMs): EpochMs | null {
  const date = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?(Z|[+-]\d{2}:\d{2})?$/i.exec(
    text.trim(),
  );
  if (date !== null) {
    const at = Date.parse(`${date[1]}T${date[2] ?? '00:00'}${date[3] ?? 'Z'}`);
    return Number.isNaN(at) ? null : at;
  }
  const duration = parseDuration(text);
  return duration === null ? null : now - duration;
}

function isAction(text: string): text is AuditAction {
  return Object.hasOwn(auditActions, text);
}

function itemOf(entry: AuditEntry): object {
  return {
    id: entry.id,
    happened_at: isoTime(entry.happenedAt),
    last_at: isoTime(entry.lastAt),
    actor: entry.actor,
    action: entry.action,
    object: entry.object,
    account: entry.account,
    address: entry.address,
    detail: entry.detail,
    count: entry.count,
  };
}
