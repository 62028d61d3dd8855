// The way of a recipient: its route, and which of the route's upstreams are out for it. Kept in the recipient's row as one
// text, so that claims find by an index what an upstream may take, and one dead upstream delays nothing else:
//   ''                      not routed yet: nothing may take it
//   'ROUTE'                 any upstream of the route, the first that works
//   'ROUTE -UP1 !UP2'       UP1 refused it in this round, UP2 cannot take it at all (size, 8BITMIME …)
//   '=UP1'                  only UP1: it may have been delivered there
// Ids contain neither space nor any of these marks. Pure.

export type Way =
  | Readonly<{ kind: 'unrouted' }>
  | Readonly<{ kind: 'bound'; upstreamId: string }>
  | Readonly<{ kind: 'routed'; routeId: string; refused: readonly string[]; unfit: readonly string[] }>;

/** The ids of each route's upstreams, in the order in which they are tried, as they are configured now. */
export type Routes = ReadonlyMap<string, readonly string[]>;

export const UNROUTED = '';

/** The route of everything that no rule is for: the default upstream. */
export const DEFAULT_ROUTE = 'default';

export function parseWay(text: string): Way {
  if (text === UNROUTED) return { kind: 'unrouted' };
  if (text.startsWith('=')) return { kind: 'bound', upstreamId: text.slice(1) };
  const [routeId = '', ...marks] = text.split(' ');
  const marked = (mark: string) =>
    marks.filter(one => one.startsWith(mark)).map(one => one.slice(mark.length));
  return { kind: 'routed', routeId, refused: marked('-'), unfit: marked('!') };
}

export function writeWay(way: Way): string {
  switch (way.kind) {
    case 'unrouted':
      return UNROUTED;
    case 'bound':
      return `=${way.upstreamId}`;
    case 'routed': {
      const refused = way.refused.toSorted().map(id => ` -${id}`);
      const unfit = way.unfit.toSorted().map(id => ` !${id}`);
      return [way.routeId, ...refused, ...unfit].join('');
    }
    default:
      return way satisfies never;
  }
}

/** Only this upstream: the attempt may have delivered the message there. */
export function boundTo(upstreamId: string): string {
  return writeWay({ kind: 'bound', upstreamId });
}

/** Whether upstreams have refused it for now. */
export function hasRefusals(way: Way): boolean {
  return way.kind === 'routed' && way.refused.length > 0;
}

/** Every upstream that can take it may be tried. */
export function withoutRefusals(text: string): string {
  const way = parseWay(text);
  return way.kind === 'routed' ? writeWay({ ...way, refused: [] }) : text;
}

/** Which upstreams may take it now, first choice first. */
export function openTo(way: Way, routes: Routes): readonly string[] {
  switch (way.kind) {
    case 'unrouted':
      return [];
    case 'bound':
      return [way.upstreamId];
    case 'routed': {
      const all = routes.get(way.routeId) ?? [];
      return all.filter(id => !way.refused.includes(id) && !way.unfit.includes(id));
    }
    default:
      return way satisfies never;
  }
}

/** For each upstream the ways of which it is the first that is open: what waits in them goes there now. */
export function leads(
  ways: readonly string[],
  routes: Routes,
  isOpen: (upstreamId: string) => boolean,
): ReadonlyMap<string, readonly string[]> {
  const leading = new Map<string, string[]>();
  for (const way of ways) {
    const upstreamId = openTo(parseWay(way), routes).find(isOpen);
    if (upstreamId === undefined) continue;
    const known = leading.get(upstreamId);
    if (known) known.push(way);
    else leading.set(upstreamId, [way]);
  }
  return leading;
}

export type Next =
  /** Another upstream of the route may take it at once. */
  | Readonly<{ kind: 'next'; way: string }>
  /** Every upstream of the route that can take it has refused it: they are tried anew, later. */
  | Readonly<{ kind: 'round-over'; way: string }>
  /** No upstream of the route can ever take it. */
  | Readonly<{ kind: 'nowhere' }>;

/**
 * After an explicit refusal by `upstreamId`. `refused`: for now, or for reasons of the upstream's; `unfit`: it lacks what
 * the message needs.
 */
export function afterRefusal(way: Way, upstreamId: string, how: 'refused' | 'unfit', routes: Routes): Next {
  if (way.kind !== 'routed') return { kind: 'round-over', way: UNROUTED };
  const marked: Way = { ...way, [how]: [...new Set([...way[how], upstreamId])] };
  if (openTo(marked, routes).length > 0) return { kind: 'next', way: writeWay(marked) };
  const anew: Way = { ...marked, refused: [] };
  const isLeft = openTo(anew, routes).length > 0;
  return isLeft ? { kind: 'round-over', way: writeWay(anew) } : { kind: 'nowhere' };
}
