// Commits rows until a commit is refused, then four more, and prints as JSON what became of each.

import { openDatabase } from '../../../server/storage/open-database.ts';

const [path = ''] = process.argv.slice(2);
const fatal: string[] = [];
const committed: string[] = [];
const refused: string[] = [];
const refusedKinds: string[] = [];
const database = await openDatabase({ path, onFatal: text => fatal.push(text) });
for (let i = 0; i < 200 && refused.length < 5; i++) {
  const name = `n${i}`;
  const result = await database.commit([
    { sql: 'INSERT INTO meta (name, value) VALUES (?, ?)', params: [name, 'x'] },
  ]);
  if (result.kind === 'committed') {
    committed.push(name);
  } else {
    refused.push(name);
    refusedKinds.push(result.kind);
  }
}
process.stdout.write(JSON.stringify({ fatal, committed, refused, refusedKinds }));
await database.close();
