// Commits a large row, waits until the idle checkpoint has failed, commits again, and prints as JSON what came of it.

import { setTimeout as sleep } from 'node:timers/promises';
import { openDatabase } from '../../../server/storage/open-database.ts';

const [path = ''] = process.argv.slice(2);
const fatal: string[] = [];
const database = await openDatabase({ path, onFatal: text => fatal.push(text) });
const commit = async (name: string): Promise<string> => {
  const params = [name, 'x'.repeat(3_000_000)];
  return (await database.commit([{ sql: 'INSERT INTO meta (name, value) VALUES (?, ?)', params }])).kind;
};
const before = await commit('before');
for (let i = 0; i < 300 && fatal.length === 0; i++) await sleep(100);
process.stdout.write(JSON.stringify({ before, fatal, after: await commit('after') }));
await database.close();
