// `postern restore FILE`: brings a backup back into an empty data folder. Its mail is held until a person has looked.

import type { Backups } from '../backup/backups.ts';
import type { Restored } from '../backup/restore.ts';
import { lostFromRows } from '../storage/lost-with-key.ts';
import { passphraseFrom } from './backup.ts';
import { type Call, type Command, done, failed, misused, type Result } from './command.ts';
import { againLines, lostItem } from './lost-secrets.ts';
import { counted, isoTime, shownTime } from './output.ts';
import { secretOptionsFor } from './secret-input.ts';

export const restoreCommands: readonly Command[] = [
  {
    name: 'restore',
    argument: 'FILE',
    means: 'bring a backup back into an empty data folder; its mail is held until you release it',
    options: [
      ...secretOptionsFor('passphrase'),
      { flags: '--without-key', means: 'leave out the keys in it: for when the passphrase is lost' },
    ],
    printsData: true,
    needs: 'backups',
    run,
  },
];

async function run(call: Call, backups: Backups): Promise<Result> {
  const [file = ''] = call.arguments;
  const restored = await backups.restore(file, async () =>
    call.has('without-key') ? { kind: 'without' } : passphraseFrom(call, { always: true, twice: false }),
  );
  switch (restored.kind) {
    case 'restored':
      return done(
        [`Restored into ${restored.path}: the state of ${shownTime(restored.manifest.heading.madeAt)}.`]
          .concat(heldLines(restored), keyLines(restored))
          .join('\n'),
        dataOf(restored),
        { warnings: restored.warnings },
      );
    case 'misused':
      return misused(restored.text);
    case 'refused':
    case 'failed':
      return failed(restored.text);
    default:
      return restored satisfies never;
  }
}

function heldLines({ held, manifest }: Restored): readonly string[] {
  const lacking = manifest.lacking.map(
    ({ id, why }) => `Message ${id} cannot be sent: when the backup was made, ${why}.`,
  );
  if (held.messages === 0) return ['No mail waits.', ...lacking];
  const { messages, recipients } = held;
  return [
    `${counted(messages, 'message')} for ${counted(recipients, 'recipient')} ${messages === 1 ? 'is' : 'are'} held, because what was relayed since the backup would be sent again. Look with "postern queue list", then release with "postern queue release --all", or delete.`,
    ...lacking,
  ];
}

function keyLines({ held, hasSealingKey, hasCertificates }: Restored): readonly string[] {
  const lines: string[] = [];
  if (!hasSealingKey) {
    const again = againLines(held.sealed);
    lines.push(
      `The sealing key is not restored.${again.length > 0 ? ' Before the server can start, run "postern key reset --yes".' : ''}`,
      ...again.map(line => `Then ${line}`),
      'CRAM-MD5 and SCRAM-SHA-256 work for each account again after its next login by PLAIN or LOGIN.',
    );
  }
  if (!hasCertificates)
    lines.push(
      'The CA is not restored: Postern makes a new one at its start, which devices that check certificates must be told to trust ("postern certificate show").',
    );
  return lines;
}

function dataOf({ path, manifest, held, hasSealingKey, hasCertificates }: Restored): object {
  return {
    data: path,
    made_at: isoTime(manifest.heading.madeAt),
    version: manifest.heading.version,
    held_messages: held.messages,
    held_recipients: held.recipients,
    held_before: held.heldBefore,
    lacking: manifest.lacking,
    sealing_key: hasSealingKey,
    certificates: hasCertificates,
    ...lostItem(hasSealingKey ? NOTHING : held.sealed),
    alert_channels_to_add: hasSealingKey ? [] : held.sealed.channels,
  };
}

const NOTHING = lostFromRows([]);
