// Every SQL statement about consents, and the one parser of their rows. A row is replaced as a whole by a new consent, and
// changed by a refresh only while it is of the generation that the refresh began with.

import type { DurationMs, EpochMs } from '../../clock.ts';
import type { Row, Statement } from '../../storage/database.ts';

/** All but the token. */
export type ConsentTimes = Readonly<{
  consentedAt: EpochMs;
  refreshedAt: EpochMs;
  endsAt: EpochMs | null;
}>;

export type ConsentRow = ConsentTimes &
  Readonly<{ upstreamId: string; generation: number; sealed: Uint8Array }>;

export const SELECT_CONSENTS = 'SELECT * FROM consent';
export const SELECT_CONSENT = 'SELECT * FROM consent WHERE upstream_id = ?';

/** Throws on a row that Postern cannot have written. */
export function consentFromRow(row: Row): ConsentRow {
  const { upstream_id: upstreamId, sealed } = row;
  if (typeof upstreamId !== 'string' || !(sealed instanceof Uint8Array))
    throw new Error('damaged consent row');
  return {
    upstreamId,
    sealed,
    generation: Number(row['generation']),
    consentedAt: Number(row['consented_at']),
    refreshedAt: Number(row['refreshed_at']),
    endsAt: row['ends_at'] === null ? null : Number(row['ends_at']),
  };
}

/** The first generation is no small number: a refresh that began before a row was deleted must not fit the next one. */
export function putConsent(row: ConsentRow): Statement {
  return {
    sql: `INSERT INTO consent (upstream_id, sealed, generation, consented_at, refreshed_at, ends_at)
      VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (upstream_id) DO UPDATE SET sealed = excluded.sealed, generation = consent.generation + 1,
        consented_at = excluded.consented_at, refreshed_at = excluded.refreshed_at, ends_at = excluded.ends_at,
        busy_until = NULL, busy_by = NULL`,
    params: [row.upstreamId, row.sealed, row.generation, row.consentedAt, row.refreshedAt, row.endsAt],
  };
}

export type LeaseClaim = Readonly<{
  upstreamId: string;
  generation: number;
  holder: string;
  now: EpochMs;
  length: DurationMs;
}>;

/**
 * Refused (`require`) while somebody else refreshes. An end twice as far away as a lease is long came of a wrong clock; one that
 * is a little further away than ours would be came of a process that read the clock after us and was quicker.
 */
export function claimConsent({ upstreamId, generation, holder, now, length }: LeaseClaim): Statement {
  return {
    sql: `UPDATE consent SET busy_until = ?, busy_by = ?
      WHERE upstream_id = ? AND generation = ? AND (busy_until IS NULL OR busy_until <= ? OR busy_until > ?)`,
    params: [now + length, holder, upstreamId, generation, now, now + 2 * length],
    require: 1,
  };
}

export function releaseConsent(upstreamId: string, holder: string): Statement {
  return {
    sql: 'UPDATE consent SET busy_until = NULL, busy_by = NULL WHERE upstream_id = ? AND busy_by = ?',
    params: [upstreamId, holder],
  };
}

/** What the server held when it ended: one server alone holds a data folder. */
export function releaseConsentsOf(holder: string): Statement {
  return {
    sql: 'UPDATE consent SET busy_until = NULL, busy_by = NULL WHERE busy_by LIKE ?',
    params: [`${holder}:%`],
  };
}

export type Refreshed = Readonly<{
  upstreamId: string;
  generation: number;
  now: EpochMs;
  endsAt: EpochMs | null;
}>;

/** The token was used, and stays. */
export function refreshConsent({ upstreamId, generation, now, endsAt }: Refreshed): Statement {
  return {
    sql: `UPDATE consent SET refreshed_at = ?, ends_at = COALESCE(?, ends_at), busy_until = NULL, busy_by = NULL
      WHERE upstream_id = ? AND generation = ?`,
    params: [now, endsAt, upstreamId, generation],
    require: 1,
  };
}

/** The token was used, and another one came in its place. */
export function rotateConsent(refreshed: Refreshed, sealed: Uint8Array): Statement {
  const { upstreamId, generation, now, endsAt } = refreshed;
  return {
    sql: `UPDATE consent SET sealed = ?, generation = generation + 1, refreshed_at = ?,
        ends_at = COALESCE(?, ends_at), busy_until = NULL, busy_by = NULL
      WHERE upstream_id = ? AND generation = ?`,
    params: [sealed, now, endsAt, upstreamId, generation],
    require: 1,
  };
}

export function deleteConsent(upstreamId: string): Statement {
  return { sql: 'DELETE FROM consent WHERE upstream_id = ?', params: [upstreamId] };
}
