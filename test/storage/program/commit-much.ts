// Commits rows of 64 KiB without a pause, until so many MiB are in or nothing more is taken, and prints as JSON what came of
// it: how many were acknowledged, how long the log (WAL) ever was, what was fatal.

import { statSync } from 'node:fs';
import { openDatabase } from '../../../server/storage/open-database.ts';

const [path = '', mebibytes = '0'] = process.argv.slice(2);
const fatal: string[] = [];
const database = await openDatabase({ path, onFatal: text => fatal.push(text) });
const rows = Number(mebibytes) * 16;
let next = 0;
let committed = 0;
let longestLog = 0;
await Promise.all(
  Array.from({ length: 4 }, async () => {
    while (next < rows && fatal.length === 0) {
      const params = [`n${next++}`, 'x'.repeat(65_536)];
      const result = await database.commit([{ sql: 'INSERT INTO meta (name, value) VALUES (?, ?)', params }]);
      if (result.kind === 'committed') committed++;
      longestLog = Math.max(longestLog, statSync(`${path}-wal`).size);
    }
  }),
);
await database.close();
process.stdout.write(JSON.stringify({ committed, longestLog, fatal }));
