// Routing as the queue sees it (queue/delivery.ts): the routes with the upstreams that they lead to now, and a call when that
// has changed. What is learned about an upstream (a fault, its SIZE) changes no route, and so tells nobody.

import type { Routing } from '../queue/delivery.ts';
import type { Routes } from '../queue/way.ts';
import type { RecipientRule } from './recipient-rule.ts';
import type { RecipientRules } from './recipient-rules.ts';
import { largestMessage, type Route, resolveRoutes, routeOf } from './route.ts';
import type { RouteView } from './routes.ts';
import type { Upstreams } from './upstreams.ts';

export type RoutingWithSizes = Routing &
  Readonly<{
    /** Octets of the largest message that any route carries; null where that is not known. */
    largestMessage: () => number | null;
  }>;

type Deps = Readonly<{
  routes: Pick<RouteView, 'list' | 'onChange'>;
  upstreams: Pick<Upstreams, 'list' | 'onChange'>;
  /** Routes look at the address that mail to a local recipient really goes to. */
  recipients: Pick<RecipientRules, 'list' | 'mappedRecipient' | 'onChange'>;
}>;

export function createRouting({ routes, upstreams, recipients }: Deps): RoutingWithSizes {
  const listeners: (() => void)[] = [];
  let list: readonly Route[] = routes.list();
  let resolved: Routes = resolveRoutes(list, upstreams.list());
  let picture = pictureOf(list, resolved, recipients.list());

  function follow(): void {
    list = routes.list();
    resolved = resolveRoutes(list, upstreams.list());
    const now = pictureOf(list, resolved, recipients.list());
    if (now === picture) return;
    picture = now;
    for (const listener of listeners) listener();
  }

  routes.onChange(follow);
  upstreams.onChange(follow);
  recipients.onChange(follow);

  return {
    routes: () => resolved,
    routeOf: facts => {
      const forwardPath = recipients.mappedRecipient(facts.forwardPath) ?? facts.forwardPath;
      return routeOf(list, { ...facts, forwardPath });
    },
    onChange: listener => void listeners.push(listener),
    largestMessage: () => largestMessage(resolved, upstreams.list()),
  };
}

/** Two pictures are equal where every message goes the same way. */
function pictureOf(list: readonly Route[], resolved: Routes, rules: readonly RecipientRule[]): string {
  return JSON.stringify([list, [...resolved], rules]);
}
