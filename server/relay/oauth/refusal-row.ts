// One row of the tables that say what an OAuth2 server's refusal means. Vocabulary; the tables are refusals-*.ts.

import type { DurationMs } from '../../clock.ts';
import type { UpstreamFault } from '../../queue/outcome.ts';
import type { OAuthFlow, OAuthSettings } from './oauth-settings.ts';

/** What the texts speak of. */
export type RefusalPlace = Readonly<{
  /** The upstream's name, for commands. */
  upstream: string;
  /** The mailbox. */
  user: string | null;
  settings: OAuthSettings;
  /** The conversation in which it happened; null: a consent was used, or none is needed. */
  consenting: Extract<OAuthFlow, 'authorization-code' | 'device-code'> | null;
  /** How old the consent is, and since when unused; null: not known, or there is none. */
  age: DurationMs | null;
  idle: DurationMs | null;
}>;

/**
 * `consent`: somebody must authorise again, and that suffices. `credentials`: a setting must be changed first. `passing`: it
 * mends itself.
 */
export type RefusalKind = Extract<UpstreamFault['kind'], 'consent' | 'credentials'> | 'passing';

export type RefusalRow = Readonly<{
  error?: RegExp;
  /** Against description and detail, one after the other. */
  said?: RegExp;
  when?: (place: RefusalPlace) => boolean;
  kind: RefusalKind;
  /** What happened and why: sentences. */
  why: string | ((place: RefusalPlace) => string);
  /** What to do before authorising again, or instead: sentences. */
  mend?: string | ((place: RefusalPlace) => string);
}>;

export const setCommand = ({ upstream }: RefusalPlace, options: string): string =>
  `\`postern upstream set ${upstream} ${options}\``;
