// Every sealed column of the schema is known where the sealing key is replaced: one that was forgotten would be lost.

import { describe, expect, it } from 'vitest';
import { schemaText } from '../../server/storage/migrate.ts';
import { sealedColumns } from '../../server/storage/sealed-rows.ts';

/** Blobs that are no secrets. */
const OPEN = ['body.octets'];

describe('the sealed columns', () => {
  it('are all blobs of the schema but the content of messages', () => {
    const tables = schemaText().matchAll(/^CREATE TABLE (\w+) \(\n([^;]*)\);$/gm);
    const blobs = [...tables].flatMap(([, table, body = '']) =>
      [...body.matchAll(/(?<=^ *|, )(\w+) BLOB/gm)].map(([, column]) => `${table}.${column}`),
    );
    expect(blobs).toContain('body.octets');
    expect(blobs.filter(blob => !OPEN.includes(blob)).sort()).toEqual(
      sealedColumns.map(({ table, column }) => `${table}.${column}`).sort(),
    );
  });
});
