// What the relay asks of OAuth2: an access token for an upstream, and another one where it was refused. Vocabulary.

import type { UpstreamFault } from '../../queue/outcome.ts';
import type { Upstream } from '../upstream.ts';

export type TokenResult =
  | Readonly<{ kind: 'token'; token: string }>
  /** No token can be had now: `consent` where only a person can mend it, `unreachable` or `tls` for an outage. */
  | Readonly<{ kind: 'fault'; fault: UpstreamFault }>;

export type AccessTokens = Readonly<{
  /** A token that still lives; it is refreshed before it ends. Never rejects; takes at most some tens of seconds. */
  tokenFor: (upstream: Upstream) => Promise<TokenResult>;
  /**
   * The upstream refused `refused`: a token got since then, or a new one by force. Where `refused` was new itself, another
   * would not help: the same one is given again.
   */
  anotherThan: (upstream: Upstream, refused: string) => Promise<TokenResult>;
}>;
