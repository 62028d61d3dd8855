// Why mail waits, in words, under the tables of `queue list` and `queue show`: what stands between it and its upstream. Pure.

import type { ListedMessage } from '../queue/operator.ts';
import { routedUpstreams } from '../relay/route.ts';
import type { Upstream } from '../relay/upstream.ts';
import { harmless, quoted, sentence, shownTime } from './output.ts';

/** Starts with an empty line; empty where nothing waits, or nothing stands in its way. */
export function whyWaiting(messages: readonly ListedMessage[], upstreams: readonly Upstream[]): string {
  if (!messages.some(waits)) return '';
  const reasons = routedUpstreams(upstreams).flatMap(obstacle);
  const lines = routedUpstreams(upstreams).length === 0 ? [withoutDefault(upstreams)] : reasons;
  return lines.length === 0 ? '' : `\n\n${lines.map(harmless).join('\n')}`;
}

/** Held mail waits for a person, whatever the upstream does. */
function waits({ held, recipients }: ListedMessage): boolean {
  return !held && recipients.some(({ state }) => ['queued', 'in_flight', 'deferred'].includes(state));
}

function withoutDefault([first]: readonly Upstream[]): string {
  return first === undefined
    ? 'There is no upstream: mail waits. Add one: postern upstream add NAME --url smtp+starttls://USER@HOST:587'
    : `There is no default upstream: mail waits. Choose one: postern upstream set ${quoted(first.name)} --default`;
}

function obstacle({ name, pausedAt, fault }: Upstream): readonly string[] {
  if (pausedAt !== null) {
    return [
      `Upstream ${name} is paused since ${shownTime(pausedAt)}: mail waits. Go on: postern upstream resume ${quoted(name)}`,
    ];
  }
  if (fault === null) return [];
  const next = fault.nextProbeAt === null ? 'not planned' : shownTime(fault.nextProbeAt);
  return [
    `Upstream ${name} cannot be used since ${shownTime(fault.since)}: mail waits. ${sentence(fault.text)} Next try: ${next}; at once: postern upstream resume ${quoted(name)}`,
  ];
}
