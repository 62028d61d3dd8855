// Whom an upstream's certificate must be signed by: the authority that the operator gave for it, and nobody else; or
// else the public ones together with those that this machine's owner installed. TLS 1.2 at least. A context is made
// once for each authority, because reading hundreds of certificates takes tens of milliseconds.

import type { SecureContext } from 'node:tls';
import { createSecureContext, getCACertificates } from 'node:tls';

/** Gives the context for an upstream's `caPem`. Throws when the PEM is damaged, which upstream-input.ts prevents. */
export type Trust = (caPem: string | null) => SecureContext;

export function createTrust(): Trust {
  const contexts = new Map<string, SecureContext>();
  return caPem => {
    const key = caPem ?? '';
    const context = contexts.get(key) ?? newContext(caPem);
    contexts.set(key, context);
    return context;
  };
}

function newContext(caPem: string | null): SecureContext {
  return createSecureContext({
    minVersion: 'TLSv1.2',
    ca: caPem === null ? machineAuthorities() : caPem,
    // The operator may give the server's own certificate or an intermediate one instead of the root.
    ...(caPem === null ? {} : { allowPartialTrustChain: true }),
  });
}

function machineAuthorities(): string[] {
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}
