// One session's way to the verifier: verifies, logs, remembers for the throttle, and holds back the answer to a failure.
// The log never gets a password, nor the name of an account that does not exist.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Throttle } from '../accounts/throttle.ts';
import type { Refused, Verifier } from '../accounts/verifier.ts';
import type { Log } from '../events.ts';
import type { ClientAddress } from '../smtp/address.ts';
import type { Authenticate, Verdict } from './authentication.ts';

type Deps = Readonly<{ verifier: Verifier; throttle: Throttle; log: Log }>;
type Client = Readonly<{ session: string; address: ClientAddress }>;

export function createAuthenticator({ verifier, throttle, log }: Deps): (client: Client) => Authenticate {
  return ({ session, address }) => {
    const client = { session, address: address.text };

    const refuse = async (mechanism: string, refused: Refused | null): Promise<Verdict> => {
      const account = refused?.account === undefined ? {} : { account: refused.account };
      log('auth.failed', { ...client, ...account, mechanism, reason: refused?.reason ?? 'no-credentials' });
      const penalty = throttle.failed(address.text, refused?.credential ?? null);
      if (penalty.kind === 'hang-up') return { kind: 'hang-up' };
      if (penalty.delay > 0) await sleep(penalty.delay);
      penalty.done();
      return { kind: 'refused' };
    };

    return async (mechanism, credentials) => {
      if (!credentials) return refuse(mechanism, null);
      const verification = await verifier.verify(credentials);
      switch (verification.kind) {
        case 'verified':
          log('auth.succeeded', {
            ...client,
            account: verification.principal.name,
            mechanism,
            cached: verification.cached,
          });
          return { kind: 'verified', principal: verification.principal };
        case 'busy':
          log('auth.failed', { ...client, mechanism, reason: 'busy' });
          return { kind: 'busy' };
        case 'refused':
          return refuse(mechanism, verification);
        default:
          return verification satisfies never;
      }
    };
  };
}
