// Which route a message takes: each condition, their order, and what the names of upstreams lead to.

import { describe, expect, it } from 'vitest';
import type { RoutedFacts } from '../../server/queue/delivery.ts';
import { DEFAULT_ROUTE } from '../../server/queue/way.ts';
import { largestMessage, type Route, resolveRoutes, routeOf } from '../../server/relay/route.ts';
import { upstreamAt } from './bench.ts';

const facts = (changes: Partial<RoutedFacts> = {}): RoutedFacts => ({
  account: 'scanner',
  reversePath: 'scan@example.com',
  forwardPath: 'ada@example.net',
  size: 1000,
  ...changes,
});
const route = (changes: Partial<Route> = {}): Route => ({
  id: 'R',
  name: 'R',
  accounts: null,
  senders: null,
  recipients: null,
  sizeOver: null,
  sizeUpTo: null,
  upstreams: ['main'],
  ...changes,
});
const fits = (conditions: Partial<Route>, changes: Partial<RoutedFacts> = {}) =>
  routeOf([route(conditions)], facts(changes)) === 'R';

describe('a route takes', () => {
  it.each<[string, Partial<Route>, Partial<RoutedFacts>]>([
    ['everything without conditions', {}, {}],
    ['what Postern wrote, without conditions', {}, { account: null, reversePath: '' }],
    ['its account, in any spelling', { accounts: ['nas', ' ＳCANNER'] }, {}],
    ['its sender', { senders: ['scan@example.com'] }, {}],
    ['its sender in other letter case', { senders: ['Scan@EXAMPLE.com'] }, {}],
    ['senders of a domain', { senders: ['@example.com'] }, {}],
    ['senders below a domain', { senders: ['@*.example.com'] }, { reversePath: 'x@a.b.example.com' }],
    ['the null sender', { senders: ['<>'] }, { reversePath: '' }],
    [
      'a recipient as A-label or U-label',
      { recipients: ['@bücher.example'] },
      { forwardPath: 'a@xn--bcher-kva.example' },
    ],
    ['one more octet than it must have', { sizeOver: 999 }, {}],
    ['exactly what it may have', { sizeUpTo: 1000 }, {}],
    ['what fits all of several', { accounts: ['scanner'], recipients: ['@example.net'], sizeOver: 10 }, {}],
  ])('%s', (_what, conditions, changes) => {
    expect(fits(conditions, changes)).toBe(true);
  });
});

describe('a route leaves', () => {
  it.each<[string, Partial<Route>, Partial<RoutedFacts>]>([
    ['another account', { accounts: ['nas'] }, {}],
    ['what Postern wrote, where it wants an account', { accounts: ['scanner'] }, { account: null }],
    ['another sender', { senders: ['other@example.com'] }, {}],
    ['the domain itself to those below', { senders: ['@*.example.com'] }, {}],
    ['the null sender, where it wants a domain', { senders: ['@example.com'] }, { reversePath: '' }],
    ['a sender, where it wants none', { senders: ['<>'] }, {}],
    ['a domain that only ends alike', { recipients: ['@example.net'] }, { forwardPath: 'a@badexample.net' }],
    ['exactly what it must have more of', { sizeOver: 1000 }, {}],
    ['one octet too many', { sizeUpTo: 999 }, {}],
    ['what fits all but one', { accounts: ['scanner'], recipients: ['@example.net'], sizeOver: 5000 }, {}],
  ])('%s', (_what, conditions, changes) => {
    expect(fits(conditions, changes)).toBe(false);
  });
});

describe('of several routes', () => {
  it('the first that fits takes it, and the default upstream the rest', () => {
    const routes = [
      route({ id: 'big', sizeOver: 5000 }),
      route({ id: 'scans', accounts: ['scanner'] }),
      route({ id: 'any' }),
    ];
    expect(routeOf(routes, facts({ size: 6000 }))).toBe('big');
    expect(routeOf(routes, facts())).toBe('scans');
    expect(routeOf(routes, facts({ account: 'nas' }))).toBe('any');
    expect(routeOf(routes.slice(0, 2), facts({ account: 'nas' }))).toBe(DEFAULT_ROUTE);
  });
});

describe('the upstreams of a route', () => {
  it('are those that exist now, by name, in the order of the route', async () => {
    const a = await upstreamAt(1, { id: 'A', name: 'Alpha' });
    const b = await upstreamAt(1, { id: 'B', name: 'beta', isDefault: false });
    const routes = [
      route({ upstreams: ['BETA', 'gone', 'alpha', 'Beta'] }),
      route({ id: 'S', upstreams: ['gone'] }),
    ];
    expect([...resolveRoutes(routes, [a, b])]).toEqual([
      [DEFAULT_ROUTE, ['A']],
      ['R', ['B', 'A']],
      ['S', []],
    ]);
    expect(resolveRoutes(routes, [b]).get(DEFAULT_ROUTE)).toEqual([]);
  });
});

describe('the largest message', () => {
  const sizes = async (...pairs: readonly (readonly [number | null, number | null])[]) => {
    const upstreams = await Promise.all(
      pairs.map(([messageSize, announcedSize], i) =>
        upstreamAt(1, { id: `U${i}`, messageSize, announcedSize }),
      ),
    );
    const used = upstreams.map(({ id }) => id);
    return largestMessage(new Map([[DEFAULT_ROUTE, used]]), upstreams);
  };

  it('is what the most generous upstream in use takes', async () => {
    expect(await sizes([null, 100], [50, null])).toBe(100);
    expect(await sizes([50, 100])).toBe(50);
    expect(await sizes([500, 100])).toBe(100);
  });

  it('is not known where one of them is not, or where there is none', async () => {
    expect(await sizes([null, 100], [null, null])).toBeNull();
    expect(await sizes()).toBeNull();
  });

  it('of a sending API is known before its first message', async () => {
    const upstream = await upstreamAt(1, { scheme: 'graph+https' });
    const used = new Map([[DEFAULT_ROUTE, [upstream.id]]]);
    expect(largestMessage(used, [upstream])).toBe(3 * 1024 * 1024);
    expect(largestMessage(used, [{ ...upstream, messageSize: 1000 }])).toBe(1000);
  });

  it('does not count an upstream that no route leads to', async () => {
    const used = await upstreamAt(1, { id: 'A', announcedSize: 10 });
    const idle = await upstreamAt(1, { id: 'B', announcedSize: 99, isDefault: false });
    expect(largestMessage(new Map([[DEFAULT_ROUTE, ['A']]]), [used, idle])).toBe(10);
  });
});
