// Commits rows as fast as it can, sixteen groups at a time, and prints the number of each one that was acknowledged.
// Ends only by being killed.

import { writeSync } from 'node:fs';
import { openDatabase } from '../../../server/storage/open-database.ts';

const [path = '', prefix = ''] = process.argv.slice(2);
const database = await openDatabase({ path, onFatal: text => process.exit(text === '' ? 2 : 3) });
let next = 0;
await Promise.all(
  Array.from({ length: 16 }, async () => {
    for (;;) {
      const name = `${prefix}-${next++}`;
      const result = await database.commit([
        { sql: 'INSERT INTO meta (name, value) VALUES (?, ?)', params: [name, 'x'.repeat(4_000)] },
      ]);
      // Written at once: what is printed was acknowledged before the kill.
      if (result.kind === 'committed') writeSync(1, `${name}\n`);
    }
  }),
);
