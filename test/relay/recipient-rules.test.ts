// The rules for local recipients in a real database: what another process changes is seen, and mail is routed by them.

import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { insertRecipientRule } from '../../server/relay/recipient-rule-statements.ts';
import { createRecipientRules, type RecipientRules } from '../../server/relay/recipient-rules.ts';
import type { Route } from '../../server/relay/route.ts';
import { createRouting } from '../../server/relay/routing.ts';
import type { Database } from '../../server/storage/database.ts';
import { migrate } from '../../server/storage/migrate.ts';
import { openDatabase } from '../../server/storage/open-database.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { afterTest } from './bench.ts';

let path = '';
let rules: RecipientRules;

async function open(): Promise<Database> {
  const database = await openDatabase({
    path,
    onFatal: text => {
      throw new Error(text);
    },
  });
  afterTest(() => database.close());
  return database;
}

/** As the command line does it. */
async function addElsewhere(pattern: string): Promise<void> {
  const other = await open();
  await other.commit([insertRecipientRule({ pattern, forwardPath: 'me@example.com' }, 1)]);
}

beforeEach(async () => {
  const folder = makeScratch('rules');
  afterTest(() => removeScratch(folder));
  path = join(folder, 'postern.db');
  migrate({ path });
  rules = await createRecipientRules({ database: await open(), hostname: 'postern.lan' });
});

it('what another process adds is in force without a restart', async () => {
  expect(rules.mappedRecipient('root@postern.lan')).toBeNull();
  const changed = new Promise<void>(resolve => rules.onChange(resolve));
  await addElsewhere('root');
  await changed;
  expect(rules.mappedRecipient('root@postern.lan')).toBe('me@example.com');
  expect(rules.list()).toEqual([{ pattern: 'root', forwardPath: 'me@example.com' }]);
});

it('routes look at the address that mail really goes to, and what waits is routed anew when that changes', async () => {
  const conditions = { accounts: null, senders: null, sizeOver: null, sizeUpTo: null };
  const route: Route = { ...conditions, id: 'R', name: 'r', recipients: ['@example.com'], upstreams: ['u'] };
  const routing = createRouting({
    routes: { list: () => [route], onChange: () => undefined },
    upstreams: { list: () => [], onChange: () => undefined },
    recipients: rules,
  });
  const facts = { account: null, reversePath: '', forwardPath: 'root@localhost', size: 1 };
  expect(routing.routeOf(facts)).toBe('default');
  const changed = new Promise<void>(resolve => routing.onChange(resolve));
  await addElsewhere('*');
  await changed;
  expect(routing.routeOf(facts)).toBe('R');
});
