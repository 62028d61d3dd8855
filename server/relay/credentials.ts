// With what we prove to an upstream who we are. Secrets are opened at the latest moment and live no longer than the login.

import type { AccessTokens, TokenResult } from './oauth/token.ts';
import type { Upstream } from './upstream.ts';
import { isSmtp } from './upstream-scheme.ts';
import type { Upstreams } from './upstreams.ts';

export type Credentials =
  /** The upstream asks for none. */
  | Readonly<{ kind: 'none' }>
  /** A password, API key or secret access key. */
  | Readonly<{ kind: 'password'; password: string }>
  /** It is there, and the sealing key cannot open it. */
  | Readonly<{ kind: 'unreadable' }>
  | Readonly<{
      kind: 'token';
      current: () => Promise<TokenResult>;
      /** After the upstream has refused a token; once for each login. */
      another: (refused: string) => Promise<TokenResult>;
    }>;

type Deps = Readonly<{ upstreams: Pick<Upstreams, 'password'>; tokens: AccessTokens }>;

export type CredentialsOf = (upstream: Upstream) => Credentials;

export function createCredentials({ upstreams, tokens }: Deps): CredentialsOf {
  return upstream => {
    if (upstream.oauth !== null) {
      return {
        kind: 'token',
        current: () => tokens.tokenFor(upstream),
        another: refused => tokens.anotherThan(upstream, refused),
      };
    }
    const isSet = upstream.sealedPassword !== null || (upstream.user !== null && isSmtp(upstream.scheme));
    if (!isSet) return { kind: 'none' };
    const password = upstreams.password(upstream);
    return password === null ? { kind: 'unreadable' } : { kind: 'password', password };
  };
}
