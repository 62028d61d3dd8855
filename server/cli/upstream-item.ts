// How an upstream is shown: its facts for people, its item for --json, its state in a word, and how fast it is sent to. Pure.

import type { EpochMs } from '../clock.ts';
import type { Consent } from '../relay/oauth/authorizer.ts';
import { needsConsent } from '../relay/oauth/oauth-settings.ts';
import { connectionsNow, freshPace, perMinuteNow } from '../relay/pacing.ts';
import { adviceFor, warningsFor } from '../relay/preset-advice.ts';
import { presetOf, presetSettings } from '../relay/presets.ts';
import { DAY, HOUR, sentWithin } from '../relay/sent-counts.ts';
import type { StoredPace } from '../relay/stored-pace.ts';
import { type PacingLimits, type SenderIdentity, type Upstream, upstreamUrl } from '../relay/upstream.ts';
import { isSmtp } from '../relay/upstream-scheme.ts';
import { isoTime, quoted, shownSize, shownTime } from './output.ts';
import { loginFacts, oauthItem } from './upstream-login-facts.ts';

type Facts = readonly (readonly [string, string])[];
type Shown = Readonly<{ hostname: string; pace: StoredPace; consent: Consent | null; now: EpochMs }>;

export function stateOf(upstream: Upstream): string {
  if (upstream.pausedAt !== null) return 'paused';
  return upstream.fault === null ? 'ready' : `fault: ${upstream.fault.kind}`;
}

/** `consent`: null where nobody has consented yet, though somebody may have to. */
export function stateWith(upstream: Upstream, consent: Consent | null): string {
  const state = stateOf(upstream);
  const { oauth } = upstream;
  const lacks = oauth !== null && needsConsent(oauth) && consent === null;
  return lacks && state === 'ready' ? 'not authorised' : state;
}

/** Name and value of each line of `upstream show`. */
export function upstreamFacts(upstream: Upstream, shown: Shown): Facts {
  return [
    ['Upstream', upstream.name],
    ['URL', upstreamUrl(upstream)],
    ...providerFacts(upstream, shown),
    ['Default', upstream.isDefault ? 'yes' : 'no'],
    ['State', stateWith(upstream, shown.consent)],
    ...faultFacts(upstream),
    ...slowFacts(upstream, shown),
    ...loginFacts(upstream, shown.consent),
    ['Trusts', upstream.caPem === null ? 'the public certificate authorities' : 'only its own CA file'],
    ...(isSmtp(upstream.scheme)
      ? [['EHLO name', upstream.ehloName ?? `${shown.hostname} (the host name)`] as const]
      : []),
    ...limitFacts(upstream, shown),
    ...identityFacts(upstream.identity),
    ['Added', shownTime(upstream.createdAt)],
  ];
}

function providerFacts(upstream: Upstream, { hostname }: Shown): Facts {
  const preset = presetOf(upstream);
  if (preset === null) return [];
  return [
    ['Provider', `${preset.provider} (${preset.documentation})`],
    ...warningsFor(upstream, preset, hostname).map(text => ['Warning', text] as const),
    ...adviceFor(upstream, preset).map(text => ['Note', text] as const),
  ];
}

function faultFacts({ fault }: Upstream): Facts {
  if (fault === null) return [];
  return [
    ['Fault', fault.text],
    ['Since', shownTime(fault.since)],
    ['Next try', shownTime(fault.nextProbeAt)],
  ];
}

function slowFacts(upstream: Upstream, { pace, now }: Shown): Facts {
  const { slow } = pace;
  if (slow === null) return [];
  const limits = { ...upstream.pacing, connections: upstream.connections };
  const current = freshPace(now, pace.counts, slow);
  const rate = Math.round((perMinuteNow(current, limits) ?? 0) * 10) / 10;
  const connections = connectionsNow(current, limits);
  const pause = slow.pausedUntil > now ? `; paused until ${shownTime(slow.pausedUntil)}` : '';
  return [
    [
      'Slowed down',
      `to ${rate} a minute over ${connections === 1 ? 'one connection' : `${connections} connections`}, since ${shownTime(slow.since)}${pause}`,
    ],
    ['Because', slow.reply ?? 'it said that it is too much'],
  ];
}

function limitFacts(upstream: Upstream, { pace, now }: Shown): Facts {
  const { pacing } = upstream;
  const known = presetOf(upstream);
  const usual = presetSettings(known);
  const provider = known?.provider;
  const from = (isUsual: boolean, isSet: boolean) =>
    provider !== undefined && isUsual && isSet ? ` (from the preset of ${provider})` : '';
  const limit = (key: keyof PacingLimits, none: string, sent = '') => {
    const value = pacing[key];
    const preset = from(value === usual.pacing[key], value !== null);
    return value === null ? none : `${value}${preset}${sent}`;
  };
  const sent = (window: number) => `; sent: ${sentWithin(pace.counts, window, now)}`;
  const presetHasConnections = known?.connections !== null;
  return [
    [
      'Connections',
      `${upstream.connections}${from(upstream.connections === usual.connections, presetHasConnections)}`,
    ],
    ...(isSmtp(upstream.scheme)
      ? [['Per connection', limit('messagesPerConnection', 'no limit of its own')] as const]
      : []),
    ['Per minute', limit('messagesPerMinute', 'no limit')],
    ['Per hour', limit('messagesPerHour', 'no limit', sent(HOUR))],
    ['Per day', limit('messagesPerDay', 'no limit', sent(DAY))],
    ['Largest message', sizeText(upstream, from(upstream.messageSize === usual.messageSize, true))],
  ];
}

/** A sending API announces nothing. */
function sizeText({ scheme, messageSize, announcedSize }: Upstream, from: string): string {
  const known = announcedSize === null ? 'nothing known yet' : shownSize(announcedSize);
  if (messageSize === null) return isSmtp(scheme) ? `what it announces (${known})` : 'no limit';
  return `${shownSize(messageSize)}${from}${isSmtp(scheme) ? `; it announces ${known}` : ''}`;
}

const REWRITES: Readonly<Record<SenderIdentity['rewrite'], string>> = {
  keep: 'are kept',
  'if-not-permitted': 'are rewritten unless it permits them',
  always: 'are always rewritten',
};

function identityFacts({ rewrite, sender, senders, nullSender, displayName }: SenderIdentity): Facts {
  return [
    ['Senders', REWRITES[rewrite]],
    ['Sender', sender ?? 'its user name, where that is an address'],
    ...(senders.length === 0 ? [] : [['Permits', senders.join(', ')] as const]),
    ['Null sender', nullSender === 'replace' ? 'is replaced by its sender' : 'is kept'],
    ['Display names', displayName === 'without-at' ? 'without @' : 'as they are'],
  ];
}

/** What `upstream add` took over from a preset. */
export function presetText(upstream: Upstream): readonly string[] {
  const preset = presetOf(upstream);
  if (preset === null) return [];
  const { connections, pacing, messageSize, displayName } = preset;
  const sets =
    connections !== null || messageSize !== null || displayName !== 'keep' || Object.keys(pacing).length > 0;
  return [
    `It is ${preset.provider}.`,
    ...adviceFor(upstream, preset).map(text => `- ${text}`),
    ...(sets
      ? [`Its usual limits are set where you gave none: postern upstream show ${quoted(upstream.name)}`]
      : []),
  ];
}

export function paceItem(upstream: Upstream, { counts, slow }: StoredPace, now: EpochMs): object {
  const limits = { ...upstream.pacing, connections: upstream.connections };
  const current = freshPace(now, counts, slow);
  return {
    sent_last_hour: sentWithin(counts, HOUR, now),
    sent_last_day: sentWithin(counts, DAY, now),
    slowed:
      slow === null
        ? null
        : {
            per_minute: perMinuteNow(current, limits),
            connections: connectionsNow(current, limits),
            since: isoTime(slow.since),
            paused_until: slow.pausedUntil > now ? isoTime(slow.pausedUntil) : null,
            reply: slow.reply,
          },
  };
}

export function itemOf(upstream: Upstream): object {
  const { fault, pacing, identity } = upstream;
  return {
    id: upstream.id,
    name: upstream.name,
    url: upstreamUrl(upstream),
    scheme: upstream.scheme,
    host: upstream.host,
    port: upstream.port,
    path: upstream.path,
    region: upstream.region,
    user: upstream.user,
    oauth: oauthItem(upstream),
    preset: upstream.preset,
    provider: presetOf(upstream)?.provider ?? null,
    default: upstream.isDefault,
    paused: upstream.pausedAt !== null,
    paused_at: isoTime(upstream.pausedAt),
    own_ca: upstream.caPem !== null,
    ehlo_name: upstream.ehloName,
    connections: upstream.connections,
    per_connection: pacing.messagesPerConnection,
    per_minute: pacing.messagesPerMinute,
    per_hour: pacing.messagesPerHour,
    per_day: pacing.messagesPerDay,
    max_size: upstream.messageSize,
    announced_size: upstream.announcedSize,
    sender: identity.sender,
    senders: identity.senders,
    rewrite: identity.rewrite,
    null_sender: identity.nullSender,
    display_name: identity.displayName,
    created_at: isoTime(upstream.createdAt),
    fault:
      fault === null
        ? null
        : {
            kind: fault.kind,
            text: fault.text,
            since: isoTime(fault.since),
            next_probe_at: isoTime(fault.nextProbeAt),
          },
  };
}
