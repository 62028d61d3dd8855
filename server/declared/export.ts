// What there is, as a declaration: applied to the same Postern it changes nothing, and to an empty one, with its secrets, it
// makes the same again. Without secrets a comment stands in the place of each. Pure.

import type { Comments } from '../config/yaml-text.ts';
import { type Section, VERSION } from './change.ts';
import { writtenAccount } from './export-account.ts';
import { writtenChannel, writtenRecipient, writtenRoute } from './export-others.ts';
import { writtenUpstream } from './export-upstream.ts';
import type { State } from './plan.ts';
import { createVariables, type Fields, type SecretWriting, type Written } from './written.ts';

export type Exported = Readonly<{
  document: Readonly<{ version: typeof VERSION }> & Readonly<Record<Section, readonly Fields[]>>;
  comments: Comments;
  /** For the operator, one line each. */
  warnings: readonly string[];
}>;

const HEAD = 'Written by "postern export"; "postern apply FILE" brings a Postern into this state.';
const WITHOUT = [
  'Secrets are left out: in the place of each stands a comment. Where there is one already, it stays. For a new Postern,',
  'take the "# " away and give the secret: { env: NAME }, { file: PATH } or the text itself.',
];
const WITH = ['The secrets are in it: whoever reads this file can send mail as you.'];

export function exportState(state: State, { withSecrets }: Pick<SecretWriting, 'withSecrets'>): Exported {
  const writing = { withSecrets, variableFor: createVariables() };
  const sections: readonly (readonly [Section, readonly Written[]])[] = [
    ['upstreams', state.upstreams.map(one => writtenUpstream(one, writing))],
    ['accounts', state.accounts.map(one => writtenAccount(one, writing))],
    ['routes', state.routes.map(writtenRoute)],
    ['recipients', state.recipients.map(writtenRecipient)],
    ['alert_channels', state.channels.map(one => writtenChannel(one, writing))],
  ];
  const fieldsOf = (section: Section) =>
    (sections.find(([name]) => name === section)?.[1] ?? []).map(({ fields }) => fields);
  return {
    document: {
      version: VERSION,
      upstreams: fieldsOf('upstreams'),
      accounts: fieldsOf('accounts'),
      routes: fieldsOf('routes'),
      recipients: fieldsOf('recipients'),
      alert_channels: fieldsOf('alert_channels'),
    },
    comments: {
      top: [HEAD, ...(withSecrets ? WITH : WITHOUT)],
      below: sections.flatMap(([section, items]) =>
        items.flatMap(({ comments }, index) =>
          comments.map(({ path, lines }) => ({ path: [section, index, ...path], lines })),
        ),
      ),
    },
    warnings: sections.flatMap(([, items]) => items.flatMap(({ warnings }) => warnings)),
  };
}
