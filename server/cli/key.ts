// `postern key …`: the key under which secrets in the database are sealed.

import type { KeyReset } from '../storage/key-reset.ts';
import { type Call, type Command, done, failed, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { againLines, lossesOf, lostItem } from './lost-secrets.ts';
import { facts, isoTime, shownTime } from './output.ts';

export const keyCommands: readonly Command[] = [
  {
    name: 'key show',
    argument: '',
    means: 'show which sealing key is in force, and whether it is there',
    options: [],
    printsData: true,
    needs: 'store',
    run: show,
  },
  {
    name: 'key rotate',
    argument: '',
    means: 'replace the sealing key by a new one and seal everything anew; a running server goes on',
    options: [],
    printsData: true,
    needs: 'store',
    run: rotate,
  },
  {
    name: 'key reset',
    argument: '',
    means: 'make a new sealing key after the old one was lost; forgets what was sealed under that',
    options: [{ flags: '--yes', means: 'do it; without this it only says what would be forgotten' }],
    printsData: true,
    needs: 'store',
    run: reset,
  },
];

async function show(_call: Call, { key }: CommandStore): Promise<Result> {
  const { path, id, trouble, writtenAt } = key.show();
  const text = facts([
    ['Sealing key', id ?? 'lost'],
    ['File', path],
    ['Written', shownTime(writtenAt)],
  ]);
  const data = { id, path, written_at: isoTime(writtenAt), lost: id === null };
  return done(text, data, { problem: trouble });
}

async function rotate(_call: Call, { key }: CommandStore): Promise<Result> {
  const result = await key.rotate();
  if (result.kind === 'refused') return failed(result.text);
  const { path } = key.show();
  const { id, values } = result;
  return done(
    `The sealing key was replaced; ${values} ${values === 1 ? 'value is' : 'values are'} sealed under the new one (id ${id}).\nBack up the data folder again, with ${path} in it, and guard the backup: whoever has it has the passwords of the upstreams. A backup of the database from before needs the key file from before.`,
    { id, path, values },
  );
}

async function reset(call: Call, { key }: CommandStore): Promise<Result> {
  const { trouble } = key.show();
  // Where nothing is wrong the refusal says so, with or without --yes.
  if (trouble !== null && !call.has('yes')) {
    const losses = lossesOf(await key.atStake());
    return misused(
      `A new sealing key will be made${losses === '' ? '; nothing that you entered is forgotten' : `, and this is forgotten: ${losses}`}. Look for the old key file first; to go on without it, add --yes.`,
    );
  }
  const result = await key.reset();
  return result.kind === 'refused' ? failed(result.text) : resetDone(result, key.show().path);
}

function resetDone({ id, forgotten, keptAs }: KeyReset, path: string): Result {
  const lines = [
    `There is a new sealing key (id ${id}). Back up the data folder again, with ${path} in it, and guard the backup: whoever has it has the passwords of the upstreams.`,
    ...againLines(forgotten).map(capitalised),
    'CRAM-MD5 and SCRAM-SHA-256 work for each account again after its next login by PLAIN or LOGIN. For a device that knows only CRAM-MD5, give its account a new password: postern account password NAME',
    ...(keptAs === null ? [] : [`The file that was there is kept as ${keptAs}.`]),
  ];
  return done(lines.join('\n'), {
    id,
    path,
    ...lostItem(forgotten),
    removed_alert_channels: forgotten.channels,
    kept_as: keptAs,
  });
}

function capitalised(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
