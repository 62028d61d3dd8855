// The document that declares what lives in the database: its sections, in the order in which they are written. Every key is
// described once, for the parser, the complaints and the reference. Pure.

import {
  describeSchema,
  type KeyDescription,
  keys,
  type OutputOf,
  optionalSections,
  type Parsed,
  parseWith,
  readBy,
  requiredKey,
  type SectionDescription,
} from '../config/shape.ts';
import { accountKeys, type DeclaredAccount } from './account-keys.ts';
import { type Section, VERSION } from './change.ts';
import type { Places } from './references.ts';
import {
  channelKeys,
  type DeclaredChannel,
  type DeclaredRecipient,
  type DeclaredRoute,
  recipientKeys,
  routeKeys,
} from './route-keys.ts';
import { type DeclaredUpstream, upstreamKeys } from './upstream-keys.ts';

/** An item with its place in the file's list, for complaints. */
export type Item<Value> = Readonly<{ index: number; value: Value }>;

/** Null: the file has no such section, and says nothing about what there is. */
export type Declaration = Readonly<{
  upstreams: readonly Item<DeclaredUpstream>[] | null;
  accounts: readonly Item<DeclaredAccount>[] | null;
  routes: readonly Item<DeclaredRoute>[] | null;
  recipients: readonly Item<DeclaredRecipient>[] | null;
  alert_channels: readonly Item<DeclaredChannel>[] | null;
}>;

const LIST = 'a list, each item of it beginning with "- name: …"';

const version = requiredKey(
  readBy(value => (value === VERSION ? VERSION : undefined), String(VERSION)),
  'Of the document.',
);

const documentKeys = keys({
  version,
  upstreams: optionalSections(upstreamKeys, LIST, 'The servers and sending APIs that take our mail.'),
  accounts: optionalSections(accountKeys, LIST, 'Logins for devices and apps.'),
  routes: optionalSections(
    routeKeys,
    LIST,
    'Which upstreams mail goes to, in the order in which they are asked. Those that the file does not name keep their places.',
  ),
  recipients: optionalSections(
    recipientKeys,
    'a list, each item of it beginning with "- pattern: …"',
    'Where mail to local recipients goes.',
  ),
  alert_channels: optionalSections(channelKeys, LIST, 'Ways in which alerts reach you.'),
});

/** Only that each section is a list: their items are read one by one. */
const section = readBy(value => (Array.isArray(value) ? Array.from<unknown>(value) : undefined), LIST);
const outline = keys({
  version,
  upstreams: optionalSectionList(),
  accounts: optionalSectionList(),
  routes: optionalSectionList(),
  recipients: optionalSectionList(),
  alert_channels: optionalSectionList(),
});

function optionalSectionList() {
  return section.schema.optional();
}

export type Outline = OutputOf<typeof outline>;

export function parseOutline(tree: unknown): Parsed<Outline> {
  return parseWith(outline, tree);
}

export function describeDeclaration(): readonly (KeyDescription | SectionDescription)[] {
  return describeSchema(documentKeys);
}

/** Where a secret may be given by reference; the certificate of an upstream may too. */
export function referablePlaces(): Places {
  const secrets = describeDeclaration().filter(one => one.type === 'key' && one.secret);
  const blocks = new Set(BLOCKS);
  return { line: new Set(secrets.map(({ path }) => path).filter(path => !blocks.has(path))), block: blocks };
}

/** Certificates and key files: more than one line. */
const BLOCKS = ['upstreams[].ca', 'upstreams[].oauth.service_account'];

export const SECTIONS: readonly Section[] = [
  'upstreams',
  'accounts',
  'routes',
  'recipients',
  'alert_channels',
];
