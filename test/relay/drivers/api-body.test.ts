// Bodies of requests: however the message is stored and cut, the octets are right, their number is known before, and a message
// that is not what was stored never comes to its end.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Content } from '../../../server/queue/delivery.ts';
import type { BodyPart } from '../../../server/relay/apis/sending-api.ts';
import { type ApiBody, bodyOf, hashOf } from '../../../server/relay/drivers/api-body.ts';
import { cut, places } from '../../message/chunks.ts';

type File = Extract<Content, { kind: 'file' }>;

function fileOf(octets: Uint8Array, cuts: readonly number[] = [], changes: Partial<File> = {}): File {
  const hash = createHash('sha256').update(octets).digest('hex');
  return {
    kind: 'file',
    size: octets.length,
    hash,
    open: () => Readable.from(cut(octets, cuts)),
    ...changes,
  };
}

async function body(parts: readonly BodyPart[], content: Content, size: number): Promise<ApiBody> {
  const made = await bodyOf(parts, { content, plan: null, size });
  if ('kind' in made) throw new Error(made.detail);
  return made;
}

/** What came before trouble, if there was any. */
async function read({ pieces }: ApiBody): Promise<{ octets: Buffer; trouble: string | null }> {
  const read: Uint8Array[] = [];
  for await (const piece of pieces()) {
    if (piece.kind === 'unreadable') return { octets: Buffer.concat(read), trouble: piece.detail };
    read.push(piece.octets);
  }
  return { octets: Buffer.concat(read), trouble: null };
}

const octets = fc.uint8Array({ maxLength: 400 });
const WAYS = {
  'as-it-is': (all: Buffer) => all,
  base64: (all: Buffer) => Buffer.from(all.toString('base64')),
  json: (all: Buffer) => Buffer.from(JSON.stringify(all.toString('utf8')).slice(1, -1)),
} as const;

describe.each(['as-it-is', 'base64', 'json'] as const)('a message written %s', message => {
  it('is the same from memory and from a file, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(octets, places, async (all, cuts) => {
        const expected = Buffer.concat([
          Buffer.from('ä'),
          WAYS[message](Buffer.from(all)),
          Buffer.from('"}'),
        ]);
        const parts: readonly BodyPart[] = ['ä', { message }, '"}'];
        for (const content of [{ kind: 'octets', octets: all } as const, fileOf(all, cuts)]) {
          const made = await body(parts, content, all.length);
          expect(made.length).toBe(expected.length);
          expect((await read(made)).octets.equals(expected)).toBe(true);
          expect(await hashOf(made)).toBe(createHash('sha256').update(expected).digest('hex'));
        }
      }),
    );
  });
});

it('JSON with a character that is cut in two, and with octets that are no UTF-8', async () => {
  const made = await body([{ message: 'json' }], fileOf(Buffer.from('a€"\r\n'), [2]), 7);
  expect((await read(made)).octets.toString()).toBe('a€\\"\\r\\n');
  const broken = await body([{ message: 'json' }], fileOf(Buffer.from([0x61, 0xff])), 2);
  expect((await read(broken)).octets.toString()).toBe('a\ufffd');
});

it('a replaced header stands for the first octets of the file', async () => {
  const all = Buffer.from('To: x\r\n\r\nbody');
  const content = fileOf(all, [3], { header: { length: 7, octets: Buffer.from('Bcc: y\r\n') } });
  const made = await body([{ message: 'as-it-is' }], content, all.length + 1);
  expect((await read(made)).octets.toString()).toBe('Bcc: y\r\n\r\nbody');
});

describe('what is not what was stored never comes to its end', () => {
  const all = Buffer.alloc(1000, 'x');
  it.each<[string, Partial<File>]>([
    ['other octets', { open: () => Readable.from([Buffer.alloc(1000, 'y')]) }],
    ['fewer octets', { open: () => Readable.from([Buffer.alloc(999, 'x')]) }],
    ['more octets', { open: () => Readable.from([Buffer.alloc(1000, 'x'), Buffer.from('x')]) }],
    [
      'a file that breaks off',
      {
        open: () =>
          new Readable({
            read() {
              this.destroy(new Error('EIO'));
            },
          }),
      },
    ],
  ])('%s', async (_what, changes) => {
    for (const parts of [[{ message: 'as-it-is' }], ['{"', { message: 'base64' }, '"}']] as const) {
      const made = await body(parts, fileOf(all, [], changes), all.length);
      const { octets: given, trouble } = await read(made);
      expect(trouble).not.toBeNull();
      expect(given.length).toBeLessThan(made.length);
      expect(await hashOf(made)).toMatchObject({ kind: 'unreadable' });
    }
  });
});
