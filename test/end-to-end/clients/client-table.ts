// The table in server/README.md that says which clients can log in how: made from what the test found, compared with
// what stands there. UPDATE_CLIENT_TABLE=1 in the environment of the test writes it instead.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../support/postern.ts';
import type { Client, Outcome } from './client.ts';
import type { PasswordKind } from './password-kind.ts';

const FILE = join(ROOT, 'server/README.md');
const BEGIN = '<!-- clients: made by test/end-to-end/clients.test.ts -->\n';
const END = '<!-- /clients -->\n';

export type Found = (client: Client, mechanism: string, kind: PasswordKind) => Outcome | undefined;

export function clientTable(
  clients: readonly Client[],
  kinds: readonly PasswordKind[],
  found: Found,
): string {
  const rows = clients.flatMap(client =>
    client.mechanisms.map(mechanism => [
      ...[client.name, mechanism],
      ...kinds.map(kind => cell(found(client, mechanism, kind))),
    ]),
  );
  const header = ['Client', 'Mechanism', ...kinds.map(kind => kind.column)];
  return [header, header.map(() => '---'), ...rows].map(line => `| ${line.join(' | ')} |\n`).join('');
}

/** What stands between the marks in the README, after writing `table` there when that is asked for. */
export function tableInReadme(table: string): string {
  const text = readFileSync(FILE, 'utf8');
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${FILE} lacks the marks ${BEGIN}and ${END}`);
  if (process.env['UPDATE_CLIENT_TABLE'] !== '1') return text.slice(begin + BEGIN.length, end);
  writeFileSync(FILE, `${text.slice(0, begin)}${BEGIN}${table}${text.slice(end)}`);
  return table;
}

function cell(outcome: Outcome | undefined): string {
  switch (outcome?.kind) {
    case 'sent':
      return '✓';
    case 'cannot':
      return `cannot: ${outcome.reason}`;
    case 'refused':
    case 'unexpected':
      return outcome.kind;
    case undefined:
      return 'not tried';
    default:
      return outcome satisfies never;
  }
}
