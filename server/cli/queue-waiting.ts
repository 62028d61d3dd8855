// Why mail waits, in words: under the tables of `queue list` what stands between it and its upstreams, and in `queue show`
// what each recipient waits for. Pure.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { ListedMessage, ListedRecipient } from '../queue/listed-message.ts';
import { parseWay } from '../queue/way.ts';
import { type Route, resolveRoutes, routeOf } from '../relay/route.ts';
import type { Upstream } from '../relay/upstream.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import { harmless, quoted, sentence, shownTime } from './output.ts';

/** What the pace of an upstream does to its mail, after its name; `blocks`: nothing goes there now. */
export type PaceTrouble = Readonly<{ blocks: boolean; words: string }>;

export type Circumstances = Readonly<{
  now: EpochMs;
  upstreams: readonly Upstream[];
  routes: readonly Route[];
  /** By the id of the upstream, where there is any. */
  paces: ReadonlyMap<string, PaceTrouble>;
  /** `queue.ambiguous_for`. */
  ambiguousFor: DurationMs;
}>;

/** Where a recipient may go as things are. */
export type Place = Readonly<{
  /** Null: the default upstream's, or one that is no more. */
  route: Route | null;
  /** In the order in which they are tried. */
  upstreams: readonly Upstream[];
  /** Only there: it may have been delivered. */
  bound: boolean;
  refused: readonly Upstream[];
  unfit: readonly Upstream[];
}>;

/** Starts with an empty line; empty where nothing waits, or nothing stands in its way. */
export function whyWaiting(messages: readonly ListedMessage[], circumstances: Circumstances): string {
  const lines = new Set<string>();
  for (const message of messages) {
    // Held mail waits for a person, whatever the upstreams do.
    for (const recipient of message.held ? [] : message.recipients) {
      if (!waits(recipient)) continue;
      for (const line of obstaclesOf(placeOf(message, recipient, circumstances), circumstances))
        lines.add(line);
    }
  }
  return lines.size === 0 ? '' : `\n\n${[...lines].map(harmless).join('\n')}`;
}

/** What one recipient waits for, in one sentence; null once it is settled. */
export function waitingWords(
  message: ListedMessage,
  recipient: ListedRecipient,
  circumstances: Circumstances,
): string | null {
  const parts = waitingParts(message, recipient, circumstances, { withReasons: true });
  return parts.length === 0 ? null : parts.join('; ');
}

/** The same part by part; without reasons where `whyWaiting` and the head of the message say them. */
export function waitingParts(
  message: ListedMessage,
  recipient: ListedRecipient,
  circumstances: Circumstances,
  { withReasons }: Readonly<{ withReasons: boolean }>,
): readonly string[] {
  if (recipient.state === 'in_flight') return [`is being sent by upstream ${recipient.upstream ?? '-'}`];
  if (!waits(recipient)) return [];
  if (message.held && recipient.nextAttemptAt === null)
    return [withReasons ? `held ${heldWords(message)}` : 'held'];
  const place = placeOf(message, recipient, circumstances);
  const later = recipient.nextAttemptAt !== null && recipient.nextAttemptAt > circumstances.now;
  const when = later ? `the next attempt is at ${shownTime(recipient.nextAttemptAt)}` : 'due now';
  return [...placeWords(place, recipient, circumstances, withReasons), when];
}

export function placeOf(
  message: ListedMessage,
  recipient: ListedRecipient,
  { upstreams, routes }: Circumstances,
): Place {
  const byId = (id: string) => upstreams.filter(upstream => upstream.id === id);
  const way = parseWay(recipient.way);
  const none = { route: null, refused: [], unfit: [] };
  if (way.kind === 'bound') return { ...none, upstreams: byId(way.upstreamId), bound: true };
  const facts = {
    account: message.account === null ? null : canonicalName(message.account),
    reversePath: message.reversePath,
    forwardPath: recipient.forwardPath,
    size: message.size,
  };
  const routeId = way.kind === 'routed' ? way.routeId : routeOf(routes, facts);
  const [refused, unfit] = way.kind === 'routed' ? [way.refused, way.unfit] : [[], []];
  const out = [...refused, ...unfit];
  const ids = resolveRoutes(routes, upstreams).get(routeId) ?? [];
  return {
    route: routes.find(route => route.id === routeId) ?? null,
    upstreams: ids.filter(id => !out.includes(id)).flatMap(byId),
    bound: false,
    refused: refused.flatMap(byId),
    unfit: unfit.flatMap(byId),
  };
}

export function heldWords({ heldAt, heldBecause, id }: ListedMessage): string {
  const release = `postern queue release ${id}`;
  const since = `since ${shownTime(heldAt)}`;
  switch (heldBecause) {
    case null:
    case 'operator':
      return `${since} by an operator; it goes on with: ${release}`;
    case 'outage':
      return `${since}: no upstream of its route could be used for too long (queue.outage_grace). Once one works: ${release}`;
    case 'damaged':
      return `${since}: its stored content is not what was accepted, so the disk may be failing. "postern queue export ${id}" shows what is there; to try it again: ${release}`;
    case 'restored':
      return `${since}: it came with a backup, and may have been sent since that was made. If not: ${release}`;
    default:
      return heldBecause satisfies never;
  }
}

function waits({ state }: ListedRecipient): boolean {
  return state === 'queued' || state === 'deferred';
}

/** Lines about what stands in the way; none where one upstream would take it. */
function obstaclesOf(place: Place, { upstreams, paces }: Circumstances): readonly string[] {
  if (place.upstreams.length === 0) return place.bound ? [] : [nowhere(place, upstreams)];
  const found = place.upstreams.map(upstream => obstacle(upstream, paces.get(upstream.id)));
  return found.includes(null) ? [] : found.flatMap(line => (line === null ? [] : [line]));
}

function nowhere({ route }: Place, upstreams: readonly Upstream[]): string {
  if (route !== null) {
    const names = route.upstreams.map(name => quoted(name)).join(', ');
    return `Route ${route.name} goes to ${names}, and there is no such upstream: its mail waits. Add one, or change the route: postern route set ${quoted(route.name)} --upstream NAME`;
  }
  const [first] = upstreams;
  return first === undefined
    ? 'There is no upstream: mail waits. Add one: postern upstream add NAME --url smtp+starttls://USER@HOST:587'
    : `There is no default upstream: mail waits. Choose one: postern upstream set ${quoted(first.name)} --default`;
}

function obstacle({ name, pausedAt, fault }: Upstream, pace?: PaceTrouble): string | null {
  if (pausedAt !== null) {
    return `Upstream ${name} is paused since ${shownTime(pausedAt)}: mail waits. Go on: postern upstream resume ${quoted(name)}`;
  }
  if (fault === null) return pace?.blocks ? `Upstream ${name} ${sentence(pace.words)} Mail waits.` : null;
  const next = fault.nextProbeAt === null ? 'not planned' : shownTime(fault.nextProbeAt);
  return `Upstream ${name} cannot be used since ${shownTime(fault.since)}: mail waits. ${sentence(fault.text)} Next try: ${next}; at once: postern upstream resume ${quoted(name)}`;
}

function placeWords(
  place: Place,
  { ambiguousSince }: ListedRecipient,
  { now, ambiguousFor, upstreams, paces }: Circumstances,
  withReasons: boolean,
): readonly string[] {
  const [first, ...others] = place.upstreams;
  if (first === undefined) {
    return [place.bound ? 'its upstream was removed: it will be routed anew' : nowhere(place, upstreams)];
  }
  const troubleOf = (upstream: Upstream) => shortObstacle(upstream, withReasons, paces.get(upstream.id));
  const trouble = troubleOf(first);
  const route = place.route === null ? '' : ` (route ${place.route.name})`;
  if (place.bound) {
    const until = ambiguousSince === null ? now : ambiguousSince + ambiguousFor;
    // The server routes it anew within a minute, but not while its clock cannot be trusted.
    const end = until > now ? `until ${shownTime(until)}` : 'until it is routed anew, which is due';
    return [`only upstream ${first.name}, which may have it already, ${end}${trouble}`];
  }
  const then = others.map(upstream => `then ${upstream.name}${troubleOf(upstream)}`);
  const refused = place.refused.map(({ name }) => `${name} refused it in this round`);
  const unfit = place.unfit.map(({ name }) => `${name} cannot take it`);
  return [`waits for upstream ${first.name}${route}${trouble}`, ...then, ...refused, ...unfit];
}

function shortObstacle(
  { pausedAt, fault }: Upstream,
  withReasons: boolean,
  pace: PaceTrouble | undefined,
): string {
  if (pausedAt !== null) return `, paused since ${shownTime(pausedAt)}`;
  if (fault === null) return pace === undefined ? '' : `, which ${pace.words}`;
  const next = fault.nextProbeAt === null ? '' : `, next try ${shownTime(fault.nextProbeAt)}`;
  const reason = withReasons ? `: ${fault.text.replace(/\.$/, '')}` : '';
  return `, which cannot be used since ${shownTime(fault.since)}${next}${reason}`;
}
