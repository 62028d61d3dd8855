// Credentials that nobody waits for any more once Postern stops: an access token may take its provider half a minute. What is
// got all the same is kept (oauth/access-tokens.ts).

import type { Credentials } from '../credentials.ts';
import type { TokenResult } from '../oauth/token.ts';

/** Aborted, `signal` ends each wait for a token at once. */
export function endingWith(signal: AbortSignal, credentials: Credentials): Credentials {
  if (credentials.kind !== 'token') return credentials;
  return {
    kind: 'token',
    current: () => unlessStopped(credentials.current(), signal),
    another: refused => unlessStopped(credentials.another(refused), signal),
  };
}

function unlessStopped(token: Promise<TokenResult>, signal: AbortSignal): Promise<TokenResult> {
  return new Promise((resolve, reject) => {
    const stop = () => resolve(STOPPING);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
    token.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

const STOPPING: TokenResult = {
  kind: 'fault',
  fault: { kind: 'unreachable', stage: 'auth', reply: null, text: 'Postern is stopping.' },
};
