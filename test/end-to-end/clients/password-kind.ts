// The kinds of passwords, and a name, that the table of clients has as its columns, each with an account of its own.
// The account knows the password as it was set; what octets a client makes of it is the column's business.

import { field, type Installation } from '../../support/postern.ts';

export type PasswordKind = Readonly<{
  /** For subjects and file names. */
  id: string;
  /** The table's column. */
  column: string;
  listener: 'starttls' | 'implicit';
  name: string;
  /** Null is generated. */
  password: string | null;
  octets: (password: string) => Uint8Array;
}>;

const utf8 = (text: string) => Buffer.from(text);

const CAMERA = { name: 'camera', password: 'pä$$wörd€'.normalize('NFC') };

export const passwordKinds: readonly PasswordKind[] = [
  {
    id: 'generated',
    column: 'generated',
    listener: 'starttls',
    name: 'printer',
    password: null,
    octets: utf8,
  },
  {
    id: 'symbols',
    column: '`MiPasw0rd$ #"\\`',
    listener: 'implicit',
    name: 'scanner',
    password: 'MiPasw0rd$ #"\\',
    octets: utf8,
  },
  {
    id: 'composed',
    column: '`pä$$wörd€`, NFC',
    listener: 'starttls',
    ...CAMERA,
    octets: utf8,
  },
  {
    id: 'decomposed',
    column: 'the same, NFD',
    listener: 'implicit',
    ...CAMERA,
    octets: password => utf8(password.normalize('NFD')),
  },
  {
    id: 'windows-1252',
    column: 'the same, windows-1252',
    listener: 'starttls',
    ...CAMERA,
    octets: password => Buffer.from(password.replaceAll('€', '\x80'), 'latin1'),
  },
  {
    id: 'name',
    column: 'generated, name `büro-drucker`',
    listener: 'implicit',
    name: 'büro-drucker',
    password: null,
    octets: utf8,
  },
];

/** Adds the accounts and returns each one's password. */
export async function addAccountsOfKinds(at: Installation): Promise<ReadonlyMap<string, string>> {
  const passwords = new Map<string, string>();
  for (const { name, password } of passwordKinds) {
    if (passwords.has(name)) continue;
    const given = password === null ? [] : ['--password-stdin', '--allow-weak-derived'];
    const stdin = password === null ? {} : { stdin: `${password}\n` };
    const made = await at.json(['account', 'add', name, ...given], stdin);
    passwords.set(name, password ?? String(field(made, 'password')));
  }
  return passwords;
}
