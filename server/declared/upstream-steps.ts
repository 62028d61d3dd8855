// What is written for declared upstreams. Their secrets are sealed here, within the commit; those that stay are guarded too:
// written back under a key that was replaced meanwhile, they would be lost.

import { deleteConsent, putConsent } from '../relay/oauth/consent-statements.ts';
import { needsAnotherConsent } from '../relay/oauth/oauth-input.ts';
import { canonicalUpstreamName } from '../relay/upstream.ts';
import {
  authorizeUpstream,
  insertUpstream,
  makeDefault,
  pauseUpstream,
  removeUpstream,
  resumeUpstream,
  type UpstreamSettings,
  updateUpstream,
} from '../relay/upstream-statements.ts';
import type { Statement } from '../storage/database.ts';
import { clientSecretContext, consentContext, upstreamContext } from '../storage/sealed-rows.ts';
import { actsOf } from './change.ts';
import { type Making, type Step, sortedIds, stepsAbout } from './group.ts';
import type { NewConsent } from './upstream-consent.ts';
import { settingsFrom } from './upstream-input.ts';
import type { PlannedUpstreams, UpstreamAct } from './upstream-plan.ts';

type Act<Kind extends UpstreamAct['kind']> = Extract<UpstreamAct, { kind: Kind }>;

export function upstreamSteps(planned: PlannedUpstreams, making: Making): readonly Step[] {
  const acts = actsOf(planned);
  const additions = acts.flatMap(act => (act.kind === 'add' ? [act] : []));
  const changes = acts.flatMap(act => (act.kind === 'change' ? [act] : []));
  const removals = acts.flatMap(act => (act.kind === 'remove' ? [act] : []));
  const ids = sortedIds(making.newId, additions.length);
  const added = additions.map((act, index) => ({ act, id: ids[index] ?? making.newId() }));
  const owners = [
    ...added.map(({ act, id }) => ({ name: act.name, id })),
    ...changes.map(({ upstream }) => upstream),
  ];
  const isDefault = ({ name }: Readonly<{ name: string }>) =>
    canonicalUpstreamName(name) === planned.makeDefault;
  return [
    ...removals.flatMap(({ upstream }) =>
      stepsAbout(about(upstream), [removeUpstream(upstream.id, making.now), deleteConsent(upstream.id)]),
    ),
    ...added.flatMap(({ act, id }) => stepsAbout(about(act), additionOf(act, id, making))),
    ...changes.flatMap(act => stepsAbout(about(act.upstream), changeOf(act, making))),
    ...owners.filter(isDefault).flatMap(owner => stepsAbout(about(owner), makeDefault(owner.id))),
  ];
}

function additionOf(act: Act<'add'>, id: string, making: Making): readonly Statement[] {
  const { name, input, paused, consent } = act;
  const settings = settingsFrom(input, sealsFor(id, making));
  const row = { ...settings, id, name, canonicalName: canonicalUpstreamName(name), now: making.now };
  return [
    insertUpstream(row),
    ...guardsOf(settings, making),
    ...(paused ? [pauseUpstream(id, making.now)] : []),
    ...consentStatements(id, name, consent, making),
  ];
}

function changeOf(act: Act<'change'>, making: Making): readonly Statement[] {
  const { upstream, input, keeps, paused, consent } = act;
  const { id, revision, name } = upstream;
  const seals = sealsFor(id, making);
  const settings =
    input === null
      ? null
      : settingsFrom(input, {
          password: plain => (keeps.password ? upstream.sealedPassword : null) ?? seals.password(plain),
          clientSecret: plain =>
            (keeps.clientSecret ? upstream.sealedClientSecret : null) ?? seals.clientSecret(plain),
        });
  const isOver = settings !== null && consent === null && needsAnotherConsent(upstream, settings);
  // A consent alone is news too: what was found out before it says nothing any more.
  const isAuthorized = settings === null && consent !== null;
  return [
    ...(isAuthorized ? [authorizeUpstream(id, revision)] : []),
    ...(settings === null ? [] : [updateUpstream(id, revision, settings), ...guardsOf(settings, making)]),
    ...(isOver ? [deleteConsent(id)] : []),
    ...(paused === null ? [] : [paused ? pauseUpstream(id, making.now) : resumeUpstream(id)]),
    ...consentStatements(id, name, consent, making),
  ];
}

function consentStatements(
  id: string,
  name: string,
  consent: NewConsent | null,
  { sealer, audit, now }: Making,
): readonly Statement[] {
  if (consent === null) return [];
  const { refreshToken, ...times } = consent;
  const sealed = sealer.seal(new TextEncoder().encode(refreshToken), consentContext(id));
  return [
    putConsent({ ...times, upstreamId: id, generation: now, sealed }),
    sealer.guard(sealed),
    audit({ action: 'upstream.authorized', object: name, detail: 'by a consent that was given elsewhere' }),
  ];
}

function sealsFor(id: string, { sealer }: Making) {
  const sealAs = (context: string) => (plain: string) =>
    sealer.seal(new TextEncoder().encode(plain), context);
  return { password: sealAs(upstreamContext(id)), clientSecret: sealAs(clientSecretContext(id)) };
}

function guardsOf(
  { sealedPassword, sealedClientSecret }: UpstreamSettings,
  { sealer }: Making,
): readonly Statement[] {
  return [sealedPassword, sealedClientSecret].flatMap(sealed =>
    sealed === null ? [] : [sealer.guard(sealed)],
  );
}

function about({ name }: Readonly<{ name: string }>): string {
  return `the upstream ${name}`;
}
