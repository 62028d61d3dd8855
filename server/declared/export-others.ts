// Routes, rules for local recipients and alert channels as a declaration writes them. Pure.

import type { ChannelSettings } from '../notification/channel.ts';
import type { RecipientRule } from '../relay/recipient-rule.ts';
import type { Route } from '../relay/route.ts';
import type { StoredChannel } from './channel-plan.ts';
import { type Fields, placeFor, present, type SecretWriting, type Written, writtenSize } from './written.ts';

export function writtenRoute(route: Route): Written {
  const fields = present({
    name: route.name,
    accounts: route.accounts ?? undefined,
    senders: route.senders ?? undefined,
    recipients: route.recipients ?? undefined,
    larger_than: writtenSize(route.sizeOver),
    up_to: writtenSize(route.sizeUpTo),
    upstreams: route.upstreams,
  });
  return { fields, comments: [], warnings: [] };
}

export function writtenRecipient({ pattern, forwardPath }: RecipientRule): Written {
  return { fields: { pattern, forward_path: forwardPath }, comments: [], warnings: [] };
}

export function writtenChannel({ channel, settings }: StoredChannel, writing: SecretWriting): Written {
  const { name, kind, detail } = channel;
  const usual = kind === 'email' ? 'full' : 'minimal';
  const secrets = secretsOf(settings);
  const isOpen = writing.withSecrets && settings !== null;
  const left = isOpen ? [] : Object.keys(settings === null ? UNKNOWN[kind] : secrets);
  const lost = `The settings of the alert channel ${name} cannot be opened, so they are not in the export.`;
  return {
    fields: present({
      name,
      kind,
      ...(isOpen ? secrets : {}),
      ...(settings === null ? {} : addressesOf(settings)),
      detail: detail === usual ? undefined : detail,
    }),
    comments: [{ path: [], lines: left.map(key => placeFor(key, writing.variableFor('alert', name, key))) }],
    warnings: settings === null ? [lost] : [],
  };
}

/** What a channel has of which nobody knows more than the kind. */
const UNKNOWN: Readonly<Record<ChannelSettings['kind'], Fields>> = {
  webhook: { url: '', secret: '' },
  ntfy: { url: '' },
  email: { to: '' },
};

/** Where it sends to is as good as a password, but for e-mail. */
function secretsOf(settings: ChannelSettings | null): Fields {
  switch (settings?.kind) {
    case 'webhook':
      return { url: settings.url, secret: settings.secret };
    case 'ntfy':
      return present({ url: settings.url, token: settings.token ?? undefined });
    default:
      return {};
  }
}

function addressesOf(settings: ChannelSettings): Fields {
  if (settings.kind !== 'email') return {};
  const { to, from } = settings;
  return present({ to, from: from === to ? undefined : from });
}
