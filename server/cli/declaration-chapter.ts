// The chapter of the reference about declarations: what `postern apply` takes and `postern export` writes. Pure.

import { describeDeclaration } from '../declared/document.ts';

const EXAMPLE = `\`\`\`yaml
version: 1
upstreams:
  - name: gmail
    preset: gmail
    user: me@gmail.com
    password: { env: GMAIL_APP_PASSWORD }
accounts:
  - name: scanner
    password: { file: secrets/scanner }
    networks: [192.168.1.0/24]
routes:
  - name: big scans
    accounts: [scanner]
    larger_than: 20M
    upstreams: [gmail]
recipients:
  - pattern: root
    forward_path: me@example.com
\`\`\``;

const INTRO = [
  '## Declarations',
  '`postern apply FILE` brings upstreams, accounts, routes, rules for local recipients and alert channels into the state that one document declares, in YAML or JSON; `postern export` writes that document of what there is. The keys are the options of the single commands, with `_` for `-`.',
  EXAMPLE,
  'The document says all of what it names: a key that is left out is as in a new upstream, account, route or alert channel. Only secrets are left as they are where they are left out; where one is needed and there is none, that is an error. What the document does not name stays as it is; with `--prune` it is removed, but only in sections that the document has (an empty section, `routes: []`, is one).',
  'A secret is text, `{ file: PATH }` (the first line; the whole file for `ca` and `service_account`) or `{ env: NAME }`. Relative paths count from the folder that Postern is started in. Names that begin with `POSTERN_` are those of the configuration and cannot be used. The files are read by who starts the command, before it acts as the owner of the data folder.',
  'Nothing is changed unless everything in the document is right: all problems are told at once, one line each with path, reason and line. Then all changes, with their rows of the audit, are **one commit**: a crash leaves the state before or the state after, never one between. A running server follows within a second. Applying the same document again changes nothing; passwords are compared with what is stored, so that sessions, CRAM-MD5 and SCRAM are not disturbed. With `--dry-run` the same is printed and nothing is changed. `--json` prints a list of `{kind, name, action, changed}`, where action is `added`, `changed`, `removed` or `unchanged`, and changed the keys.',
  'Routes stand in the order of the document among each other; those that it does not name keep their places, and a new one stands behind the one before it. An export without secrets has a comment in the place of each. With `--with-secrets` it has them in clear, and of account passwords the hash: at another Postern PLAIN and LOGIN work with it at once, CRAM-MD5 and SCRAM after the next login by one of the two. A consent in a document is taken where none is stored, or only an older one: the token of the stored one may have been replaced since. Mail, bans, the audit, the certificates, the sealing key and the configuration file are in no export: for those there is `postern backup`.',
];

export function declarationChapter(): string {
  const lines = describeDeclaration().flatMap(one => {
    // The list itself is the heading; its items follow.
    if (one.type === 'section') return [`### ${one.path}\n\n${one.means}`];
    if (one.allowed.startsWith('a list, each item')) return [`### ${one.path}\n\n${one.means}`];
    const example = one.example === null ? '' : ` Example: \`${one.example}\`.`;
    return [`**\`${one.path}\`**\n${one.means}\nAllowed: ${one.allowed}.${example}`];
  });
  return [...INTRO, ...lines].join('\n\n');
}
