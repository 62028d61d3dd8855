// `postern backup FILE`: one file with everything in the data folder, made while the server runs or not; and the proof that such
// a file could be restored.

import type { BackupDone, Backups } from '../backup/backups.ts';
import type { Manifest } from '../backup/manifest.ts';
import type { Passphrase } from '../backup/restore.ts';
import { type Call, type Command, done, failed, misused, type Result } from './command.ts';
import { counted, isoTime, shownSize, shownTime } from './output.ts';
import { askSecret, givenSecret, secretOptionsFor } from './secret-input.ts';

const ASKED = { prompt: 'Passphrase for the keys in the backup', word: 'passphrase' } as const;
/** Shorter ones are guessed by whoever has the file and a few graphics cards. */
const SHORT = 12;

export const backupCommands: readonly Command[] = [
  {
    name: 'backup',
    argument: 'FILE',
    means: 'write all mail, accounts and settings to one file; the server may run',
    options: [
      {
        flags: '--with-key',
        means: 'also the sealing key and the certificates with the CA, encrypted by a passphrase',
      },
      ...secretOptionsFor('passphrase'),
      { flags: '--force', means: 'replace FILE where there is one' },
      { flags: '--check', means: 'look whether FILE is a whole backup; writes nothing' },
    ],
    printsData: true,
    needs: 'backups',
    run: (call, backups) => (call.has('check') ? check(call, backups) : make(call, backups)),
  },
];

async function make(call: Call, backups: Backups): Promise<Result> {
  const [file = ''] = call.arguments;
  const made = await backups.make({
    file,
    mayReplace: call.has('force'),
    askPassphrase: () => passphraseFrom(call, { always: call.has('with-key'), twice: true }),
  });
  switch (made.kind) {
    case 'made':
      return madeResult(made);
    case 'misused':
      return misused(made.text);
    case 'refused':
    case 'failed':
      return failed(made.text);
    default:
      return made satisfies never;
  }
}

async function check(call: Call, backups: Backups): Promise<Result> {
  const [file = ''] = call.arguments;
  const checked = await backups.check(file, () =>
    passphraseFrom(call, { always: call.has('with-key'), twice: false }),
  );
  if (checked.kind === 'misused') return misused(checked.text);
  if (checked.kind !== 'whole') return failed(checked.text);
  const { manifest, sealingKey } = checked;
  const keys =
    sealingKey === null
      ? keysIn(manifest)
      : sealingKey === 'there'
        ? 'The passphrase opens its keys.'
        : 'The passphrase opens what is encrypted in it, but the sealing key was missing when it was made.';
  const { version, schema, madeAt } = manifest.heading;
  return done(
    `The backup is whole: made ${shownTime(madeAt)} by Postern ${version} (schema ${schema}), with ${contentsOf(manifest)}.\n${keys}`,
    { ...fieldsOf(manifest), keys_open: sealingKey === null ? null : sealingKey === 'there' },
    { warnings: lackingOf(manifest) },
  );
}

/** The passphrase that the options give; else asked for where it must be there. */
export async function passphraseFrom(
  call: Call,
  { always, twice }: Readonly<{ always: boolean; twice: boolean }>,
): Promise<Passphrase> {
  const asked = { ...ASKED, twice };
  const given = await givenSecret(call, asked);
  if (given !== null) return given;
  return always ? askSecret(call.terminal, asked) : { kind: 'without' };
}

function madeResult({ path, size, manifest, hasSealingKey, passphraseLength }: BackupDone): Result {
  const { withKey } = manifest.heading;
  const lines = [
    `${path} holds ${contentsOf(manifest)}: ${shownSize(size)}.`,
    keysIn(manifest),
    'Mail is in it as it was sent: keep it where only you can read it. The configuration file is not in it.',
  ];
  const warnings = [
    ...lackingOf(manifest),
    ...(withKey && !hasSealingKey
      ? ['The sealing key is missing, so it is not in the backup: "postern key show" says more.']
      : []),
    ...(passphraseLength !== null && passphraseLength < SHORT
      ? [`The passphrase has less than ${SHORT} characters: whoever has the file may guess it.`]
      : []),
  ];
  const data = { file: path, size, ...fieldsOf(manifest), has_sealing_key: hasSealingKey };
  return done(lines.join('\n'), data, { warnings });
}

function keysIn({ heading }: Manifest): string {
  return heading.withKey
    ? 'Keys and certificates are in it, encrypted: keep the passphrase, nobody can find it out.'
    : 'Keys and certificates are not in it. After a restore the passwords of upstreams must be entered again and their consents be given again, and Postern makes a new CA, which the devices must be told to trust. With --with-key they are in it, encrypted by a passphrase.';
}

/** `12 messages (15 recipients wait)`. */
export function contentsOf({ messages, waiting }: Manifest): string {
  return `${counted(messages, 'message')} (${counted(waiting, 'recipient')} ${waiting === 1 ? 'waits' : 'wait'}), all accounts and settings`;
}

function lackingOf({ lacking }: Manifest): readonly string[] {
  return lacking.map(({ id, why }) => `Message ${id} is not whole in the backup: ${why}.`);
}

function fieldsOf({ heading, messages, waiting, lacking }: Manifest): object {
  return {
    made_at: isoTime(heading.madeAt),
    version: heading.version,
    schema: heading.schema,
    messages,
    waiting_recipients: waiting,
    with_key: heading.withKey,
    lacking,
  };
}
