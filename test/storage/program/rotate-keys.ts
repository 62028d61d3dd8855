// Replaces the sealing key again and again, and prints the id of each new one. Ends only by being killed.

import { writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemRandom } from '../../../server/ids.ts';
import { rotateKey } from '../../../server/storage/key-rotation.ts';
import { openDatabase } from '../../../server/storage/open-database.ts';

const [path = ''] = process.argv.slice(2);
const database = await openDatabase({ path, onFatal: text => process.exit(text === '' ? 2 : 3) });
for (;;) {
  const result = await rotateKey({
    path: join(dirname(path), 'sealing.key'),
    database,
    random: systemRandom,
    audit: () => ({ sql: 'SELECT 1 AS one' }),
  });
  writeSync(1, `${result.kind === 'rotated' ? result.id : result.text}\n`);
}
