// The way of a recipient through the upstreams of its route, round by round.

import { describe, expect, it } from 'vitest';
import { afterRefusal, boundTo, openTo, parseWay, UNROUTED, writeWay } from '../../server/queue/way.ts';

const routes = new Map([
  ['R', ['A', 'B', 'C']],
  ['empty', []],
]);
const open = (way: string) => openTo(parseWay(way), routes);
const refused = (way: string, upstreamId: string) =>
  afterRefusal(parseWay(way), upstreamId, 'refused', routes);
const unfit = (way: string, upstreamId: string) => afterRefusal(parseWay(way), upstreamId, 'unfit', routes);

describe('a way', () => {
  it.each([UNROUTED, 'R', 'R -A', 'R -A -B !C', '=A'])('is written as it is read: "%s"', text => {
    expect(writeWay(parseWay(text))).toBe(text);
  });

  it.each([
    [UNROUTED, []],
    ['R', ['A', 'B', 'C']],
    ['R -A', ['B', 'C']],
    ['R -B !A', ['C']],
    ['R -gone', ['A', 'B', 'C']],
    [boundTo('X'), ['X']],
    ['empty', []],
    ['removed', []],
  ])('"%s" is open to %j', (way, upstreams) => {
    expect(open(way)).toEqual(upstreams);
  });
});

describe('after a refusal', () => {
  it('the next upstream of the route may take it', () => {
    expect(refused('R', 'A')).toEqual({ kind: 'next', way: 'R -A' });
    expect(refused('R -A', 'C')).toEqual({ kind: 'next', way: 'R -A -C' });
  });

  it('of all, the round is over and all are tried anew', () => {
    expect(refused('R -A -B', 'C')).toEqual({ kind: 'round-over', way: 'R' });
  });

  it('an upstream that cannot take it is not tried again', () => {
    expect(unfit('R -A', 'B')).toEqual({ kind: 'next', way: 'R -A !B' });
    expect(refused('R -A !B', 'C')).toEqual({ kind: 'round-over', way: 'R !B' });
  });

  it('that leaves nobody who can take it, it goes nowhere', () => {
    expect(unfit('R !A !B', 'C')).toEqual({ kind: 'nowhere' });
    expect(unfit('R -A !B', 'C')).toEqual({ kind: 'round-over', way: 'R !B !C' });
  });

  it('of the only upstream that may have it, it is routed anew', () => {
    expect(refused('=A', 'A')).toEqual({ kind: 'round-over', way: UNROUTED });
  });
});
