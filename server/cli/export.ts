// `postern export`: what lives in the database, as a declaration that `postern apply` takes. Secrets are in it only when that
// is asked for; a file is made for its owner alone.

import { codeOf, writingTrouble } from '../config/file-trouble.ts';
import type { Exported } from '../declared/export.ts';
import { createFileDurably, writeFileDurably } from '../storage/durable-file.ts';
import { type Call, type Command, done, failed, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';

const WITH_SECRETS = [
  'The secrets are in it in clear: whoever reads it can send mail as you. Keep it where only you can read it, and delete it when it has served.',
  'Passwords of accounts are in it as hashes: at another Postern CRAM-MD5 and SCRAM work after the next login by PLAIN or LOGIN.',
];
const CONSENTS =
  'Use the consents at one Postern only: many providers end a consent of which an old token is shown. Stop this one before another begins.';

export const exportCommand: Command = {
  name: 'export',
  argument: '',
  means:
    'write upstreams, accounts, routes, recipients and alert channels as a declaration for "postern apply"; mail and the configuration file are not in it',
  options: [
    {
      flags: '--with-secrets',
      means:
        'also passwords, client secrets, consents and the settings of alert channels in clear, and the hashes of account passwords',
    },
    { flags: '--output FILE', means: 'to this file, which only its owner can read' },
    { flags: '--force', means: 'replace the file if there is one' },
  ],
  printsData: true,
  needs: 'store',
  run: exportDeclaration,
};

async function exportDeclaration(call: Call, store: CommandStore): Promise<Result> {
  const withSecrets = call.has('with-secrets');
  const declared = await store.declared();
  const exported = await declared.export({ withSecrets });
  if (exported.kind === 'refused') return failed(exported.text);
  const consents = exported.document.upstreams.some(
    ({ oauth }) => typeof oauth === 'object' && 'consent' in oauth,
  );
  const warnings = [
    ...(withSecrets ? WITH_SECRETS : []),
    ...(consents ? [CONSENTS] : []),
    ...exported.warnings,
  ];
  const path = call.value('output');
  if (path === null) return done((await yamlOf(exported)).trimEnd(), exported.document, { warnings });
  const content = call.has('json')
    ? `${JSON.stringify(exported.document, null, 2)}\n`
    : await yamlOf(exported);
  const trouble = write(path, content, { replace: call.has('force') });
  if (trouble !== null) return failed(`"${path}" cannot be written: ${trouble}`);
  return done(`The declaration is written to ${path}.`, { file: path }, { warnings });
}

/** Loaded only here: it costs 10 MB. */
async function yamlOf({ document, comments }: Exported): Promise<string> {
  const { writeCommentedYaml } = await import('../config/yaml-text.ts');
  return writeCommentedYaml(document, comments);
}

/** Null: it is written. A file that is replaced stays what it was until the new one is complete. */
function write(path: string, content: string, { replace }: Readonly<{ replace: boolean }>): string | null {
  try {
    if (replace) writeFileDurably(path, content, 0o600);
    else createFileDurably(path, content, 0o600);
    return null;
  } catch (error) {
    const { reason, remedy } = writingTrouble(error);
    switch (codeOf(error)) {
      case 'EEXIST':
        return 'there is a file of that name; --force replaces it.';
      case 'EACCES':
      case 'EPERM':
        return `Postern's commands run as the owner of the data folder, who may not write there. Use another folder, or "postern export > FILE" after "umask 077".`;
      default:
        return `${reason}. ${remedy}`;
    }
  }
}
