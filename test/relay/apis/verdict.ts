// For the tests of sending APIs: an answer as it comes from HTTP, and its verdict in one word.

import { expect } from 'vitest';
import type {
  ApiPlace,
  ApiResponse,
  ApiVerdict,
  SendingApi,
} from '../../../server/relay/apis/sending-api.ts';

export const PLACE: ApiPlace = {
  upstream: 'provider',
  host: 'api.example.com',
  user: 'mg.example.com',
  reversePath: 'scanner@example.com',
  now: Date.parse('2026-11-21T12:00:00Z'),
};

/** A body that is no text becomes JSON. */
export function answer(
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ApiResponse {
  return { status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
}

/**
 * `accepted`, `failed:…` and `deferred:…` with the reason, `fault:…` with its kind, `lost:…` with the reason where several
 * messages in a row show who is to blame; with `token?` before it where another token is tried first, and `apart` behind it
 * where recipients are tried one at a time.
 */
export function shortVerdict(judged: ApiVerdict): string {
  if (judged.kind === 'accepted') return 'accepted';
  const { outcome, fault } = judged.verdict;
  const token = judged.kind === 'token-refused' ? 'token? ' : '';
  const apart = judged.kind === 'refused' && judged.apart === true ? ' apart' : '';
  if (outcome.kind === 'relayed') return 'relayed';
  const isWaiting = outcome.kind === 'deferred' && outcome.reason === 'upstream';
  if (fault === null) return `${token}${outcome.kind}:${outcome.reason}${apart}`;
  return isWaiting ? `${token}fault:${fault.kind}${apart}` : `${token}lost:${outcome.reason}${apart}`;
}

/** What holds for every answer in an API's catalogue. */
export function expectFitForPeople(api: SendingApi, response: ApiResponse): void {
  const judged = api.judge(response, PLACE);
  if (judged.kind === 'accepted') {
    expect(judged.reply).toMatch(/^HTTP 2\d\d .{3}/);
    return;
  }
  const { outcome, fault } = judged.verdict;
  const texts = [outcome.kind === 'relayed' ? '' : outcome.text, fault?.text ?? 'None.'];
  for (const text of texts) {
    expect(text, response.body).toMatch(/^[A-Z\p{L}].*[.)]$/su);
    // Kept, and quoted when nothing is tried any more.
    expect(text, response.body).not.toMatch(/\bwill\b/i);
    expect(text, response.body).not.toMatch(/undefined|\[object/);
  }
  const line = outcome.reply;
  expect(line, response.body).toMatch(/^HTTP \d{3}/);
  expect(line?.length).toBeLessThanOrEqual(300);
  expect(line).not.toMatch(/\p{Cc}/u);
}
