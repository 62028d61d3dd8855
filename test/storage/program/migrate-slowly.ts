// Carries out a migration whose second half works through all rows again and again, a given number
// of times, so that it can be killed in the middle. With 0 it only makes the database.

import { writeSync } from 'node:fs';
import { migrate, migrations } from '../../../server/storage/migrate.ts';

const [path = '', times = '0'] = process.argv.slice(2);
const statements = ['ALTER TABLE meta ADD COLUMN note TEXT', "UPDATE meta SET note = 'seen'"];
const slow = {
  number: migrations.length + 1,
  name: 'slow',
  statements: [
    ...statements,
    ...Array.from({ length: Number(times) }, () => "UPDATE meta SET note = 'seen'"),
  ],
};
writeSync(1, 'begun\n');
migrate({ path, migrations: times === '0' ? migrations : [...migrations, slow] });
