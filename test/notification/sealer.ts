// The real sealer over a test's database, with a key of its own.

import { join } from 'node:path';
import { systemRandom } from '../../server/ids.ts';
import type { Database } from '../../server/storage/database.ts';
import { openSealer } from '../../server/storage/open-sealer.ts';
import type { Sealer } from '../../server/storage/sealing.ts';
import { scratch } from '../storage/fresh-database.ts';

export async function createSealerOver(database: Database): Promise<Sealer> {
  const opened = await openSealer({
    path: join(scratch(), 'sealing.key'),
    database,
    random: systemRandom,
    mayCreate: true,
    onWarning: () => undefined,
  });
  if (opened.kind !== 'open') throw new Error('no sealing key');
  return opened.sealer;
}
