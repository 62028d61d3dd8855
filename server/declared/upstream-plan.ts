// What a declaration changes about upstreams: those that it names are added or changed; with `prune` the others are removed.
// One of them is the default afterwards, wherever there are any. Pure; the stored secrets are opened before.

import { warningsFor } from '../relay/preset-advice.ts';
import { presetOf } from '../relay/presets.ts';
import { canonicalUpstreamName, type Upstream } from '../relay/upstream.ts';
import type { UpstreamInput } from '../relay/upstream-input.ts';
import type { UpstreamSettings } from '../relay/upstream-statements.ts';
import { entry, entryOf, inKeys, namedTwice, type Planned, type Problem } from './change.ts';
import type { Item } from './document.ts';
import { consentOf, lacksConsent, type NewConsent } from './upstream-consent.ts';
import { differences } from './upstream-differences.ts';
import { readUpstream, settingsFrom } from './upstream-input.ts';
import type { DeclaredUpstream } from './upstream-keys.ts';
import type { Login, StoredUpstream } from './upstream-login.ts';

export type UpstreamAct =
  | Readonly<{
      kind: 'add';
      name: string;
      input: UpstreamInput;
      paused: boolean;
      consent: NewConsent | null;
    }>
  | Readonly<{
      kind: 'change';
      upstream: Upstream;
      /** Null: its settings stay. */
      input: UpstreamInput | null;
      keeps: Login['keeps'];
      /** Null: as it is. */
      paused: boolean | null;
      consent: NewConsent | null;
    }>
  | Readonly<{ kind: 'remove'; upstream: Upstream }>;

/** `makeDefault`: the name of the upstream that becomes the default; null: it stays as it is. */
export type PlannedUpstreams = Planned<UpstreamAct> & Readonly<{ makeDefault: string | null }>;

type Facts = Readonly<{
  stored: readonly StoredUpstream[];
  prune: boolean;
  /** What we call ourselves, where no other name is set. */
  hostname: string;
}>;
type UpstreamItem = Item<DeclaredUpstream>;

const nameOf = ({ name }: Readonly<{ name: string }>) => canonicalUpstreamName(name);

export function planUpstreams(items: readonly UpstreamItem[], facts: Facts): PlannedUpstreams {
  const named = new Set(items.map(({ value }) => nameOf(value)));
  const removed = facts.stored.filter(({ upstream }) => facts.prune && !named.has(nameOf(upstream)));
  const makeDefault = newDefault(items, facts.stored, removed);
  const planned = items.map(item => planUpstream(item, facts, makeDefault));
  return {
    entries: [
      ...planned.flatMap(({ entries }) => entries),
      ...removed.map(({ upstream }) =>
        entry<UpstreamAct>({ kind: 'upstream', name: upstream.name }, 'removed', {
          kind: 'remove',
          upstream,
        }),
      ),
    ],
    problems: [
      ...planned.flatMap(({ problems }) => problems),
      ...namedTwice('upstreams', items, { key: 'name', keyOf: nameOf }),
      ...severalDefaults(items),
    ],
    warnings: planned.flatMap(({ warnings }) => warnings),
    makeDefault,
  };
}

function planUpstream(
  { index, value }: UpstreamItem,
  { stored: all, hostname }: Facts,
  makeDefault: string | null,
): Planned<UpstreamAct> {
  const stored = all.find(({ upstream }) => nameOf(upstream) === nameOf(value)) ?? null;
  const read = readUpstream(value, stored);
  if (read.kind === 'wrong') {
    const problems = read.problems.map(({ path, text }) => ({ path: ['upstreams', index, ...path], text }));
    return { entries: [], problems, warnings: [] };
  }
  const { input, keeps } = read;
  const paused = value.paused === true;
  const wanted = settingsFrom(input, {
    password: () => (keeps.password ? stored?.upstream.sealedPassword : null) ?? ANOTHER,
    clientSecret: () => (keeps.clientSecret ? stored?.upstream.sealedClientSecret : null) ?? ANOTHER,
  });
  const consent = consentOf(value, wanted.oauth, stored);
  const name = stored?.upstream.name ?? value.name.trim();
  const isLacking = lacksConsent(wanted, consent, stored);
  const warnings = adviceOn(wanted, { name, hostname, isLacking });
  if (stored === null) {
    const act = { kind: 'add', name, input, paused, consent } as const;
    const entries = [entry<UpstreamAct>({ kind: 'upstream', name }, 'added', act)];
    return { entries, problems: [], warnings };
  }
  const { upstream } = stored;
  const settingKeys = differences(upstream, wanted);
  const isPaused = upstream.pausedAt !== null;
  const keys = [
    ...settingKeys,
    ...(consent === null ? [] : ['oauth.consent']),
    ...(nameOf(upstream) === makeDefault ? ['default'] : []),
    ...(isPaused === paused ? [] : ['paused']),
  ];
  const act: UpstreamAct = {
    kind: 'change',
    upstream,
    input: settingKeys.length === 0 ? null : input,
    keeps,
    paused: isPaused === paused ? null : paused,
    consent,
  };
  const entries = [entryOf<UpstreamAct>({ kind: 'upstream', name }, keys, act)];
  return { entries, problems: [], warnings: settingKeys.length === 0 ? [] : warnings };
}

type Advised = Readonly<{ name: string; hostname: string; isLacking: boolean }>;

/** What the single commands would say of it too. */
function adviceOn(wanted: UpstreamSettings, { name, hostname, isLacking }: Advised): readonly string[] {
  const preset = presetOf(wanted);
  return [
    ...(preset === null ? [] : warningsFor(wanted, preset, hostname).map(inKeys)),
    ...(isLacking ? [`somebody must consent: postern upstream authorize ${name}`] : []),
  ].map(text => `upstream ${name}: ${text}`);
}

/** Stands for a secret that is to be sealed anew. */
const ANOTHER = new Uint8Array();

/** Null: the default stays what it is. */
function newDefault(
  items: readonly UpstreamItem[],
  stored: readonly StoredUpstream[],
  removed: readonly StoredUpstream[],
): string | null {
  const now = stored.find(one => one.upstream.isDefault && !removed.includes(one));
  const asked = items.find(({ value }) => value.default === true);
  const wanted = asked ?? (now === undefined ? items[0] : undefined);
  if (wanted === undefined) return null;
  const name = nameOf(wanted.value);
  return now !== undefined && nameOf(now.upstream) === name ? null : name;
}

function severalDefaults(items: readonly UpstreamItem[]): readonly Problem[] {
  const [first, ...others] = items.filter(({ value }) => value.default === true);
  return others.map(({ index }) => ({
    path: ['upstreams', index, 'default'],
    text: `only one upstream can be the default, and upstreams[${first?.index ?? 0}] is to be it; keep one of them`,
  }));
}
