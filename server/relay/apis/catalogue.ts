// The form of a sending API's error catalogue: rows of what it answers and what that means, first match wins. What no row
// knows is judged by its HTTP status (http-verdict.ts). Pure.

import { type ApiMeaning, byStatus, refusal, replyLine } from './http-verdict.ts';
import type { ApiPlace, ApiResponse, ApiVerdict } from './sending-api.ts';

/** An answer that is no success, read by the API's own rules. Texts are empty where there is none. */
export type ApiError = Readonly<{
  /** Such as `MessageRejected` or `7001`. */
  code: string;
  text: string;
}>;

/** Within a row every given column must match. */
export type CatalogueRow = Readonly<{
  status?: readonly number[];
  code?: RegExp;
  text?: RegExp;
  meaning: ApiMeaning;
  /** Instead of the usual words for this meaning. */
  words?: (place: ApiPlace, error: ApiError) => string;
  /** One of several recipients may be to blame (sending-api.ts). */
  apart?: true;
  /**
   * Permissions stand in the token, and one from before they were given lacks them for as long as it lives: another one is
   * tried first.
   */
  inToken?: true;
}>;

export function judgeByCatalogue(
  rows: readonly CatalogueRow[],
  response: ApiResponse,
  place: ApiPlace,
  error: ApiError,
): ApiVerdict {
  const row = rows.find(one => matches(one, response.status, error));
  const known = error.code !== '' || error.text !== '';
  const line = replyLine(response, ...(known ? [error.code, error.text] : [response.body]));
  if (row === undefined) return byStatus(response, place, line);
  const judged = refusal(row.meaning, response, place, { line, text: row.words?.(place, error) });
  if (judged.kind !== 'refused') return judged;
  if (row.inToken === true) return { kind: 'token-refused', verdict: judged.verdict };
  return row.apart === true ? { ...judged, apart: true } : judged;
}

function matches(row: CatalogueRow, status: number, { code, text }: ApiError): boolean {
  if (row.status !== undefined && !row.status.includes(status)) return false;
  if (row.code !== undefined && !row.code.test(code)) return false;
  return row.text === undefined || row.text.test(text);
}

/** The provider's words within ours: short, in one line, without a full stop of their own. */
export function quoted(text: string): string {
  const words = text
    .replace(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .replace(/\.$/, '');
  return words.length > 200 ? `${words.slice(0, 200)}…` : words;
}

/** What an answer to `check` says to people, where it is not the one that was hoped for: no message was in it. */
export function wordsOf(verdict: ApiVerdict, { upstream }: Pick<ApiPlace, 'upstream'>): string {
  if (verdict.kind === 'accepted') return verdict.reply;
  const { outcome, fault } = verdict.verdict;
  if (outcome.kind === 'relayed') return outcome.reply;
  const isBroken = outcome.reason === 'connection-lost' || outcome.reason === 'ambiguous';
  const text = isBroken
    ? `${upstream} answered with an error of its own. Its status page may say more; try again later.`
    : (fault ?? outcome).text;
  return outcome.reply === null ? text : `${text} It said: ${outcome.reply}`;
}
