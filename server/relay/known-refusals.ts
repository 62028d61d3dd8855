// Refusals of SMTP providers that are known word for word: what each means and what to change. Where a row fits, its
// sentences stand in the place of the general ones in faults, outcomes and `upstream test`. What a refusal does to the
// message is not decided here (reply-meaning.ts). The first row that fits counts. Pure.

import type { Stage } from '../queue/outcome.ts';
import type { RemoteReply } from './remote-reply.ts';
import type { KnownRefusal, LoginKind } from './smtp-refusal-row.ts';
import { googleRefusals } from './smtp-refusals-google.ts';
import { microsoftRefusals } from './smtp-refusals-microsoft.ts';
import { otherRefusals } from './smtp-refusals-others.ts';

export const knownRefusals: readonly KnownRefusal[] = [
  ...microsoftRefusals,
  ...googleRefusals,
  ...otherRefusals,
];

/** What is known of the reply, with the upstream's name put in; null where no row fits. */
export function knownRefusal(
  stage: Stage,
  reply: RemoteReply,
  upstream: string,
  login: LoginKind = 'password',
): string | null {
  const row = knownRefusals.find(
    known => (known.login === undefined || known.login === login) && fits(known, stage, reply),
  );
  return row === undefined ? null : row.means.replaceAll('{upstream}', () => upstream);
}

function fits(row: KnownRefusal, stage: Stage, { code, enhanced, text }: RemoteReply): boolean {
  if (code === null || code < 400) return false;
  if (row.stages !== undefined && !row.stages.includes(stage)) return false;
  if (row.codes !== undefined && !row.codes.includes(code)) return false;
  if (row.enhanced !== undefined && !row.enhanced.test(enhanced ?? '')) return false;
  return row.text === undefined || row.text.test(text);
}
