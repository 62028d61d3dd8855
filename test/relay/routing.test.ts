// Routing over a real database: what another process changes is seen, and told of only when mail goes another way.

import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { makeId, systemRandom } from '../../server/ids.ts';
import { DEFAULT_ROUTE } from '../../server/queue/way.ts';
import { createRouteOperator, type RouteOperator } from '../../server/relay/route-operator.ts';
import { createRoutes } from '../../server/relay/routes.ts';
import { createRouting } from '../../server/relay/routing.ts';
import type { Upstream } from '../../server/relay/upstream.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { openDatabase } from '../../server/storage/open-database.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { afterTest, turnedClock, until, upstreamAt } from './bench.ts';

const clock = turnedClock();
let path = '';

async function open() {
  const database = await openDatabase({
    path,
    onFatal: text => {
      throw new Error(text);
    },
  });
  afterTest(() => database.close());
  return { database, view: await createRoutes(database) };
}

async function operator(): Promise<RouteOperator> {
  const { database, view } = await open();
  const any = { names: () => [], find: (name: string) => name };
  return createRouteOperator({
    database,
    view,
    known: { accounts: any, upstreams: any },
    clock,
    newId: () => makeId(clock.now(), systemRandom),
    audit: () => ({ sql: 'SELECT 1' }),
  });
}

beforeEach(() => {
  const folder = makeScratch('routing');
  afterTest(() => removeScratch(folder));
  path = `${folder}/postern.db`;
  migrate({ path });
});

async function server() {
  const { view } = await open();
  const listeners: (() => void)[] = [];
  let list: readonly Upstream[] = [await upstreamAt(1, { id: 'A', name: 'alpha' })];
  const routing = createRouting({
    routes: view,
    recipients: { list: () => [], mappedRecipient: () => null, onChange: () => undefined },
    upstreams: { list: () => list, onChange: listener => void listeners.push(listener) },
  });
  let told = 0;
  routing.onChange(() => told++);
  return {
    routing,
    told: () => told,
    upstreams: (next: readonly Upstream[]) => {
      list = next;
      for (const listener of listeners) listener();
    },
  };
}

describe('routing', () => {
  it('sees what another process adds, moves and removes', async () => {
    const { routing, told } = await server();
    const facts = { account: 'nas', reversePath: 'a@b.example', forwardPath: 'c@d.example', size: 1 };
    const routes = await operator();
    const added = await routes.add('first', { upstreams: ['alpha', 'beta'] }, null);
    if (added.kind === 'refused') throw new Error(added.text);
    await until(() => routing.routeOf(facts) === added.route.id);
    expect(routing.routes().get(added.route.id)).toEqual(['A']);
    expect(told()).toBe(1);
    const better = await routes.add('better', { accounts: ['NAS'], upstreams: ['alpha'] }, null);
    if (better.kind === 'refused') throw new Error(better.text);
    await routes.move('better', { kind: 'first' });
    await until(() => routing.routeOf(facts) === better.route.id);
    await routes.remove('better');
    await routes.remove('first');
    await until(() => routing.routeOf(facts) === DEFAULT_ROUTE);
    expect([...routing.routes()]).toEqual([[DEFAULT_ROUTE, ['A']]]);
  });

  it('follows upstreams by name, and says nothing of what is learned about them', async () => {
    const { routing, told, upstreams } = await server();
    const routes = await operator();
    const added = await routes.add('r', { upstreams: ['beta', 'alpha'] }, null);
    if (added.kind === 'refused') throw new Error(added.text);
    const { id } = added.route;
    await until(() => routing.routes().get(id)?.length === 1);
    const before = told();
    const alpha = await upstreamAt(1, { id: 'A', name: 'alpha', announcedSize: 5 });
    upstreams([alpha]);
    expect(told()).toBe(before);
    expect(routing.largestMessage()).toBe(5);
    upstreams([alpha, await upstreamAt(1, { id: 'B', name: 'Beta', isDefault: false })]);
    expect(told()).toBe(before + 1);
    expect(routing.routes().get(id)).toEqual(['B', 'A']);
  });

  it('of two operators at once keeps a whole order', async () => {
    const [one, other] = [await operator(), await operator()];
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    await Promise.all(
      names.map((name, i) =>
        (i % 2 === 0 ? one : other).add(name, { upstreams: ['alpha'] }, { kind: 'first' }),
      ),
    );
    await sleep(0);
    const { view } = await open();
    expect(
      view
        .list()
        .map(route => route.name)
        .toSorted(),
    ).toEqual(names);
  });
});
