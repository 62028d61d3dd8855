// Which upstream a message goes to now: the default one. Decided anew at each attempt and by the operator's present
// settings, so that a corrected route frees what is stuck. Pure.

import type { Upstream } from './upstream.ts';

/** The upstreams that mail is routed to, in the order in which they are tried. Empty: none is configured. */
export function routedUpstreams(upstreams: readonly Upstream[]): readonly Upstream[] {
  return upstreams.filter(upstream => upstream.isDefault);
}
