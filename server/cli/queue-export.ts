// `postern queue export`: the octets of a stored message, as an .eml file or on standard output. What comes out is compared
// with what was accepted. A file is made for its owner alone, and complete or not at all.

import { createHash } from 'node:crypto';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { type Call, type Command, done, failed, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { shownSize } from './output.ts';
import { idOf, unknownIds } from './queue-item.ts';
import { goneText } from './queue-resend.ts';
import { complain, type Terminal } from './terminal.ts';

export const exportCommand: Command = {
  name: 'queue export',
  argument: 'ID',
  means: 'write the content of a message, as it was accepted, to a file or to standard output',
  options: [
    { flags: '--output FILE', means: 'to this file (.eml)' },
    { flags: '--force', means: 'replace the file if there is one' },
  ],
  printsData: false,
  needs: 'store',
  run: exportMessage,
};

async function exportMessage(call: Call, store: CommandStore): Promise<Result> {
  const id = idOf(call.arguments[0] ?? '');
  const [message] = await store.queue.list({ ids: [id] });
  if (message === undefined) return unknownIds([id]);
  if (message.content === 'gone') return failed(goneText(id));
  const content = await store.openContent({ id, content: message.content });
  if (content === null)
    return failed(`The content of message ${id} cannot be read: the disk may be failing.`);
  await store.queue.exported(id);
  const damaged = `The content of message ${id} is not what was accepted: the disk may be failing.`;
  const path = call.value('output');
  if (path === null) {
    const { hash } = await printContent(content, call.terminal);
    if (hash === message.hash) return { kind: 'ended', status: 0 };
    complain(call.terminal, damaged);
    return { kind: 'ended', status: 1 };
  }
  const written = await writeContent(content, path, { replace: call.has('force') });
  if ('why' in written) return failed(`"${path}" cannot be written: ${written.why}`);
  const text = `Message ${id} is written to ${path} (${shownSize(written.size)}).`;
  return done(text, null, { problem: written.hash === message.hash ? null : damaged });
}

type Written = Readonly<{ hash: string; size: number }>;

async function printContent(content: Readable, terminal: Terminal): Promise<Written> {
  return passOn(content, octets => terminal.printOctets(octets));
}

async function writeContent(
  content: Readable,
  path: string,
  { replace }: Readonly<{ replace: boolean }>,
): Promise<Written | Readonly<{ why: string }>> {
  // A file that is replaced stays what it was until the new one is complete.
  const place = replace ? `${path}.part` : path;
  let file: FileHandle | null = null;
  try {
    file = await open(place, 'wx', 0o600);
    const target = file;
    const written = await passOn(content, async octets => void (await target.writeFile(octets)));
    await file.sync();
    await file.close();
    if (replace) await rename(place, path);
    return written;
  } catch (error) {
    if (file !== null) {
      await file.close().catch(() => undefined);
      await unlink(place).catch(() => undefined);
    }
    return { why: reasonOf(error, place) };
  }
}

async function passOn(content: Readable, write: (octets: Uint8Array) => Promise<void>): Promise<Written> {
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of content) {
    const octets: Uint8Array = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    hash.update(octets);
    size += octets.length;
    await write(octets);
  }
  return { hash: hash.digest('hex'), size };
}

function reasonOf(error: unknown, place: string): string {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  switch (code) {
    case 'EEXIST':
      return place.endsWith('.part')
        ? `"${place}" stands in its way: remove it.`
        : 'there is a file of that name; --force replaces it.';
    case 'EACCES':
    case 'EPERM':
      return `Postern's commands run as the owner of the data folder, who may not write there. Use another folder, or "postern queue export ID > FILE".`;
    case 'ENOENT':
      return 'there is no such folder.';
    case 'ENOSPC':
      return 'the disk is full.';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
