// A second thread that copies the log (WAL) of a database into its file, on a connection of its own, while the database
// thread goes on committing: a PASSIVE checkpoint waits for nobody and keeps nobody waiting. It lives only as long as
// there is much to copy.

import { fdatasyncSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import type { CheckpointFile, CheckpointReply } from './checkpointer.ts';
import { isFailedSync, openConnection, textOf } from './sqlite.ts';

if (parentPort !== null) start(parentPort);

function start(port: NonNullable<typeof parentPort>): void {
  // The parse edge: only checkpointer.ts starts this thread.
  const { path, descriptor } = workerData as CheckpointFile;
  const post = (reply: CheckpointReply): void => port.postMessage(reply);
  const connection = openConnection(path, 'durable');
  port.on('message', (request: 'checkpoint' | 'close') => {
    if (request === 'close') {
      connection.close();
      port.close();
      return;
    }
    try {
      connection.pragma('wal_checkpoint(PASSIVE)');
    } catch (error) {
      return post({ kind: isFailedSync(error, 'commit') ? 'sync-failed' : 'failed', text: textOf(error) });
    }
    try {
      // SQLite syncs the file only when nothing is left to copy, which the database thread waits for: by then it shall find
      // little that is not on the disk.
      fdatasyncSync(descriptor);
      post({ kind: 'done' });
    } catch (error) {
      post({ kind: 'sync-failed', text: textOf(error) });
    }
  });
}
