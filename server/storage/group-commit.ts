// Group commit: all groups that wait go into one transaction and share its sync, a savepoint each, so that a group
// which fails takes nothing of the others with it. Synchronous; used by the database thread.
// Guarantee: a group is reported as committed only after COMMIT has returned. After a failed sync nothing is tried again.

import type { CommitResult, Row, Statement, StatementEffect } from './database.ts';
import {
  type Connection,
  createStatementCache,
  isDamage,
  isFailedSync,
  type Prepared,
  refusalOf,
  textOf,
} from './sqlite.ts';

/** `bug`: wrong SQL or parameters; nothing of the group took effect. */
export type GroupResult = CommitResult | Readonly<{ kind: 'bug'; text: string }>;

export type Group = readonly Statement[];

export type GroupCommit = Readonly<{
  /** One result per group, in their order. */
  commit: (groups: readonly Group[]) => readonly GroupResult[];
  /** Text of the failed sync, or of the damage, after which every group is refused; or null. */
  failure: () => string | null;
  /** Tells of a failed sync or of damage that was met outside of a commit (checkpoint, query). */
  fail: (text: string) => void;
}>;

const NO_ROWS: readonly Row[] = [];

export function createGroupCommit(connection: Connection): GroupCommit {
  const prepare = createStatementCache(connection);
  const begin = connection.prepare('BEGIN IMMEDIATE');
  const end = connection.prepare('COMMIT');
  const undo = connection.prepare('ROLLBACK');
  const mark = connection.prepare('SAVEPOINT one_group');
  const keep = connection.prepare('RELEASE one_group');
  const drop = connection.prepare('ROLLBACK TO one_group');
  let failure: string | null = null;

  const refused = (error: unknown, statement: number): GroupResult =>
    refusalOf(error, statement) ?? { kind: 'bug', text: textOf(error) };

  const rollBack = (): void => {
    if (!connection.inTransaction) return; // SQLite has already rolled it back: full disk, I/O error
    try {
      undo.run();
    } catch (error) {
      if (connection.inTransaction) fail(`the transaction could not be rolled back: ${textOf(error)}`);
    }
  };

  const fail = (text: string): void => {
    failure ??= text;
  };

  const failFor = (error: unknown, at: 'commit' | 'statement'): void => {
    if (isDamage(error)) fail(`the database is damaged: ${textOf(error)}`);
    else if (isFailedSync(error, at)) fail(textOf(error));
  };

  const runGroup = (group: Group): GroupResult => {
    const effects: StatementEffect[] = [];
    for (let i = 0; i < group.length; i++) {
      const statement = group[i];
      if (statement === undefined) break;
      try {
        const effect = runStatement(prepare(statement.sql), statement);
        if (statement.require !== undefined && effect.changes !== statement.require) {
          return { kind: 'requirement', statement: i, changes: effect.changes };
        }
        effects.push(effect);
      } catch (error) {
        failFor(error, 'statement');
        return refused(error, i);
      }
    }
    return { kind: 'committed', effects };
  };

  /** One group, one transaction: needs no savepoint. */
  const commitAlone = (group: Group): GroupResult => {
    if (failure !== null) return { kind: 'io', text: failure };
    let result: GroupResult | null = null;
    try {
      begin.run();
      result = runGroup(group);
      if (result.kind === 'committed') end.run();
    } catch (error) {
      failFor(error, 'commit');
      result = refused(error, Math.max(0, group.length - 1));
    }
    rollBack();
    return result;
  };

  /** Runs one group of several; false when the whole transaction is gone. */
  const runIsolated = (group: Group, results: GroupResult[]): boolean => {
    mark.run();
    const result = runGroup(group);
    if (result.kind !== 'committed') {
      if (!connection.inTransaction) return false;
      drop.run();
    }
    keep.run();
    results.push(result);
    return true;
  };

  /** All in one transaction; null when it came to nothing and each must be tried alone. */
  const commitTogether = (groups: readonly Group[]): readonly GroupResult[] | null => {
    const results: GroupResult[] = [];
    try {
      begin.run();
    } catch (error) {
      const refusal = refused(error, 0);
      return groups.map(() => refusal);
    }
    try {
      for (const group of groups) if (!runIsolated(group, results)) return null;
      end.run();
      return results;
    } catch (error) {
      failFor(error, 'commit');
      rollBack();
      return null;
    }
  };

  return {
    commit: groups => {
      const [first] = groups;
      if (first === undefined) return [];
      if (groups.length === 1) return [commitAlone(first)];
      const together = failure === null ? commitTogether(groups) : null;
      return together ?? groups.map(commitAlone);
    },
    failure: () => failure,
    fail,
  };
}

function runStatement(prepared: Prepared, statement: Statement): StatementEffect {
  const params = statement.params ?? [];
  if (!prepared.reader) return { changes: prepared.run(params).changes, rows: NO_ROWS };
  const rows = prepared.all(params);
  return { changes: prepared.readonly ? 0 : rows.length, rows };
}
