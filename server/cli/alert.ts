// `postern alert …`: what was raised, and whether it would reach a person.

import type { Channel } from '../notification/channel.ts';
import { type Command, done, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { isoTime, sentence, shownTime, table } from './output.ts';

export const alertCommands: readonly Command[] = [
  {
    name: 'alert list',
    argument: '',
    means: 'list what was raised in the last two months, the last first',
    options: [],
    printsData: true,
    needs: 'store',
    run: list,
  },
  {
    name: 'alert test',
    argument: '',
    means: 'send a test by every channel now, and say what became of it',
    options: [],
    printsData: true,
    needs: 'store',
    run: (_call, store) => testChannels(store, store.alerts.channels.list()),
  },
];

async function list(_call: unknown, store: CommandStore): Promise<Result> {
  const alerts = await store.alerts.list();
  const rows = alerts.map(alert => [
    shownTime(alert.lastAt),
    String(alert.count),
    shownTime(alert.sentAt),
    alert.kind,
    alert.text,
  ]);
  return done(
    table(['LAST', 'COUNT', 'SENT', 'KIND', 'TEXT'], rows, 'Nothing was raised.'),
    alerts.map(alert => ({
      kind: alert.kind,
      subject: alert.subject,
      text: alert.text,
      first_at: isoTime(alert.firstAt),
      last_at: isoTime(alert.lastAt),
      sent_at: isoTime(alert.sentAt),
      count: alert.count,
    })),
  );
}

/** All at once: one that hangs keeps nobody waiting but itself. */
export async function testChannels(store: CommandStore, channels: readonly Channel[]): Promise<Result> {
  const tested = await Promise.all(
    channels.map(async channel => ({ channel, sending: await store.alerts.test(channel) })),
  );
  const lines = tested.map(
    ({ channel, sending }) =>
      `${sending.kind === 'ok' ? 'ok    ' : 'FAILED'}  ${channel.name}: ${sending.text}`,
  );
  const data = {
    ok: tested.length > 0 && tested.every(({ sending }) => sending.kind === 'ok'),
    channels: tested.map(({ channel, sending }) => ({
      name: channel.name,
      kind: channel.kind,
      ok: sending.kind === 'ok',
      text: sending.text,
    })),
  };
  return done(lines.join('\n'), data, { problem: problemOf(tested) });
}

function problemOf(
  tested: readonly Readonly<{ channel: Channel; sending: Readonly<{ kind: string; text: string }> }>[],
): string | null {
  if (tested.length === 0) {
    return 'There is no alert channel, so alerts go only to the log: "postern alert channel add" adds one.';
  }
  const [failed, ...others] = tested.filter(({ sending }) => sending.kind !== 'ok');
  if (failed === undefined) return null;
  const more = others.length === 0 ? '' : ` ${others.length} more failed too.`;
  return `The alert channel ${failed.channel.name} does not work: ${sentence(failed.sending.text)}${more} Put that right, then run postern alert test again.`;
}
