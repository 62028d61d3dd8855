// What the tests of `postern queue …` need: mail in the data folder of a command line, and its rows to change.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { systemRandom } from '../../server/ids.ts';
import type { NewMessage } from '../../server/queue/message.ts';
import { createQueue } from '../../server/queue/queue.ts';
import { createSpool } from '../../server/queue/spool.ts';
import { openStore, type Store } from '../../server/storage/open-store.ts';
import type { CommandLine } from './command-line.ts';

export const QUEUED_AT = Date.UTC(2026, 10, 21, 2, 0, 0);

type Place = Pick<CommandLine, 'folder'>;

async function withStore({ folder }: Place, work: (store: Store) => Promise<unknown>): Promise<void> {
  const store = await openStore({
    path: join(folder, 'data'),
    as: 'command',
    allowUnsafeFilesystem: false,
    random: systemRandom,
    onFatal: text => {
      throw new Error(text);
    },
  });
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

export function messageOf(
  id: string,
  octets: Uint8Array = Buffer.from(`Subject: ${id}\r\n\r\nHello\r\n`),
): NewMessage {
  return {
    id,
    kind: 'mail',
    accountId: null,
    reversePath: 'scanner@home.example',
    forwardPaths: [`${id.toLowerCase()}@x.example`],
    bodyType: '7bit',
    smtputf8: false,
    size: octets.length,
    hash: createHash('sha256').update(octets).digest('hex'),
    content: { kind: 'octets', octets },
    clientAddress: null,
  };
}

export function enqueueIn(place: Place, ...messages: readonly NewMessage[]): Promise<void> {
  return withStore(place, async ({ database }) => {
    const queue = createQueue({ database, newId: () => 'LEASE' });
    for (const message of messages) await queue.enqueue(message, QUEUED_AT);
  });
}

/** The same with the octets as a spool file. */
export async function enqueueFileIn(place: Place, id: string, octets: Uint8Array): Promise<void> {
  await withStore(place, async ({ folder }) => {
    const writer = await createSpool(folder.spool).create(id);
    if ('text' in writer) throw new Error(writer.text);
    await writer.write([octets]);
    await writer.publish();
  });
  await enqueueIn(place, { ...messageOf(id, octets), content: { kind: 'spooled' } });
}

export function changeIn(place: Place, sql: string): Promise<void> {
  return withStore(place, ({ database }) => database.commit([{ sql }]));
}
