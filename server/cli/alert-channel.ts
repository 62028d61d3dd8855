// `postern alert channel …`: the ways in which alerts reach a person. Of a URL only the server is ever shown: what follows is
// as good as a password.

import { type Channel, type ChannelSettings, shownTarget } from '../notification/channel.ts';
import type { ChannelTarget } from '../notification/channel-input.ts';
import type { Detail } from '../notification/notice.ts';
import { testChannels } from './alert.ts';
import { type Call, type Command, done, failed, misused, type Option, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { facts, isoTime, quoted, shownTime, table } from './output.ts';
import { givenSecret, type Secret, secretFromInput, secretOptionsFor } from './secret-input.ts';

const targetOptions: readonly Option[] = [
  { flags: '--webhook URL', means: 'POST signed JSON there; - reads the URL from standard input' },
  {
    flags: '--ntfy URL',
    means: 'push by ntfy, such as https://ntfy.sh/TOPIC; - reads the URL from standard input',
  },
  { flags: '--email ADDR', means: 'send mail there, through the queue' },
  { flags: '--from ADDR', means: 'the sender of that mail (default: the address it goes to)' },
];
const detailOptions: readonly Option[] = [
  { flags: '--full', means: 'with names, addresses and reasons (default for --email)' },
  {
    flags: '--minimal',
    means: 'only what happened, no names and no addresses (default for --webhook and --ntfy)',
  },
];

export const channelCommands: readonly Command[] = [
  {
    name: 'alert channel add',
    argument: 'NAME',
    means: "add a channel; a webhook's secret is generated and shown once unless one is given",
    options: [
      ...targetOptions,
      ...detailOptions,
      ...secretOptionsFor('secret'),
      ...secretOptionsFor('token'),
    ],
    printsData: true,
    needs: 'store',
    run: add,
  },
  plain('list', '', 'list the channels, and whether the last alert could be sent', list),
  plain('remove', 'NAME', 'remove a channel', remove),
  plain('test', 'NAME', 'send a test by this channel now, and say what became of it', test),
];

function plain(
  word: string,
  argument: string,
  means: string,
  run: (call: Call, store: CommandStore) => Promise<Result>,
): Command {
  return {
    name: `alert channel ${word}`,
    argument,
    means,
    options: [],
    printsData: true,
    needs: 'store',
    run,
  };
}

async function add(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  if (call.has('full') && call.has('minimal')) return misused('Give either --full or --minimal.');
  const target = await targetOf(call, name);
  if (!('to' in target)) return target;
  const detail: Detail | null = call.has('full') ? 'full' : call.has('minimal') ? 'minimal' : null;
  const result = await store.alerts.channels.add({
    name,
    to: target.to,
    ...(detail === null ? {} : { detail }),
  });
  if (result.kind !== 'done') return failed(result.text);
  const { channel, settings } = result;
  const secret = target.to.kind === 'webhook' && target.to.secret === null ? secretOf(settings) : null;
  const lacksUpstream = settings.kind === 'email' && store.upstreams.list().length === 0;
  return done(
    addedText(channel, secret),
    { ...itemOf(channel, settings), ...(secret === null ? {} : { secret }) },
    { warnings: [...result.warnings, ...(lacksUpstream ? [NO_UPSTREAM] : [])] },
  );
}

/** Where it sends to, or why that cannot be said. */
async function targetOf(call: Call, name: string): Promise<Readonly<{ to: ChannelTarget }> | Result> {
  const [webhook, ntfy, email] = [call.value('webhook'), call.value('ntfy'), call.value('email')];
  if ([webhook, ntfy, email].filter(given => given !== null).length !== 1) {
    return misused('Give one of --webhook URL, --ntfy URL and --email ADDR.');
  }
  if (email === null && call.value('from') !== null) return misused('--from belongs to --email.');
  const secret = await givenSecret(call, { prompt: `Secret of ${name}`, twice: true, word: 'secret' });
  if (secret !== null && webhook === null) return misused('A secret belongs to --webhook.');
  const token = await givenSecret(call, { prompt: `Token of ${name}`, twice: false, word: 'token' });
  if (token !== null && ntfy === null) return misused('A token belongs to --ntfy.');
  if (email !== null) return { to: { kind: 'email', to: email, from: call.value('from') } };
  const given = secret ?? token;
  if (given !== null && given.kind !== 'given') return trouble(given);
  const url = await urlOf(call, webhook ?? ntfy ?? '');
  if (url.kind !== 'given') return trouble(url);
  const key = given?.secret ?? null;
  return webhook === null
    ? { to: { kind: 'ntfy', url: url.secret, token: key } }
    : { to: { kind: 'webhook', url: url.secret, secret: key } };
}

async function urlOf(call: Call, written: string): Promise<Secret> {
  if (written !== '-') return { kind: 'given', secret: written };
  if (call.has('secret-stdin') || call.has('token-stdin')) {
    return {
      kind: 'misused',
      text: 'Standard input can give one of the two: use --secret-file or --token-file for the other.',
    };
  }
  return secretFromInput(call, 'URL');
}

function addedText(channel: Channel, secret: string | null): string {
  const text = `Alert channel ${channel.name} is added. Try it: postern alert channel test ${quoted(channel.name)}`;
  if (secret === null) return text;
  return `${text}\n\n${facts([['Secret', secret]])}\nWith it the receiver checks X-Postern-Signature: the HMAC-SHA-256 of "X-Postern-Timestamp.BODY".\nThe secret is the text as it stands here, not decoded.\nIt is shown only now.`;
}

async function list(_call: Call, store: CommandStore): Promise<Result> {
  const channels = store.alerts.channels.list().map(channel => ({
    channel,
    settings: store.alerts.channels.settings(channel),
  }));
  const rows = channels.map(({ channel, settings }) => [
    channel.name,
    channel.kind,
    settings === null ? 'unreadable' : shownTarget(settings),
    channel.detail,
    shownTime(channel.lastSentAt),
    channel.lastError === null ? '' : `${shownTime(channel.lastErrorAt)} ${channel.lastError}`,
  ]);
  return done(
    table(
      ['NAME', 'KIND', 'TO', 'DETAIL', 'LAST SENT', 'LAST ERROR'],
      rows,
      'There is no alert channel, so alerts go only to the log: "postern alert channel add" adds one.',
    ),
    channels.map(({ channel, settings }) => itemOf(channel, settings)),
  );
}

async function remove(call: Call, store: CommandStore): Promise<Result> {
  const result = await store.alerts.channels.remove(call.arguments[0] ?? '');
  if (result.kind !== 'done') return failed(result.text);
  const { channel } = result;
  return done(`Alert channel ${channel.name} is removed.`, {
    name: channel.name,
    kind: channel.kind,
    removed: true,
  });
}

async function test(call: Call, store: CommandStore): Promise<Result> {
  const [name = ''] = call.arguments;
  const channel = store.alerts.channels.find(name);
  if (channel === null) {
    return failed(`There is no alert channel named "${name}": "postern alert channel list" shows them all.`);
  }
  return testChannels(store, [channel]);
}

function itemOf(channel: Channel, settings: ChannelSettings | null): object {
  return {
    id: channel.id,
    name: channel.name,
    kind: channel.kind,
    to: settings === null ? null : shownTarget(settings),
    ...(settings?.kind === 'email' ? { from: settings.from } : {}),
    detail: channel.detail,
    created_at: isoTime(channel.createdAt),
    last_sent_at: isoTime(channel.lastSentAt),
    last_error: channel.lastError,
    last_error_at: isoTime(channel.lastErrorAt),
  };
}

function secretOf(settings: ChannelSettings): string | null {
  return settings.kind === 'webhook' ? settings.secret : null;
}

function trouble({ kind, text }: Exclude<Secret, { kind: 'given' }>): Result {
  return kind === 'failed' ? failed(text) : misused(text);
}

const NO_UPSTREAM = 'There is no upstream yet: alert mail waits until "postern upstream add" adds one.';
