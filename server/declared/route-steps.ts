// What is written for declared routes and for rules for local recipients. Upstreams and accounts are named, so it does not
// matter which are there first.

import { deleteRecipientRule, insertRecipientRule } from '../relay/recipient-rule-statements.ts';
import type { Route } from '../relay/route.ts';
import { namedInAudit } from '../relay/route-operator.ts';
import { deleteRoute, insertRoute, orderRoutes, updateRoute } from '../relay/route-statements.ts';
import { canonicalUpstreamName } from '../relay/upstream.ts';
import { actsOf } from './change.ts';
import { type Making, type Step, stepsAbout } from './group.ts';
import type { RecipientAct } from './recipient-plan.ts';
import type { PlannedRoutes, RouteAct } from './route-plan.ts';

export function routeSteps(
  planned: PlannedRoutes,
  stored: readonly Route[],
  making: Making,
): readonly Step[] {
  const acts = actsOf(planned);
  const ids = new Map(stored.map(({ name, id }) => [canonicalUpstreamName(name), id]));
  for (const act of acts) if (act.kind === 'add') ids.set(canonicalUpstreamName(act.name), making.newId());
  const order = planned.order?.flatMap(name => ids.get(name) ?? []) ?? null;
  const stepsFor = (act: RouteAct) => stepsAbout(aboutRoute(act), statementsFor(act, { ids, order, making }));
  return [
    ...acts.filter(act => act.kind === 'remove').flatMap(stepsFor),
    ...acts.filter(act => act.kind !== 'remove').flatMap(stepsFor),
    ...(order === null ? [] : stepsAbout('the order of the routes', orderRoutes(order))),
  ];
}

type Circumstances = Readonly<{
  /** By the form of the name that is compared. */
  ids: ReadonlyMap<string, string>;
  order: readonly string[] | null;
  making: Making;
}>;

function statementsFor(act: RouteAct, { ids, order, making }: Circumstances) {
  const { audit, now } = making;
  switch (act.kind) {
    case 'add': {
      const id = ids.get(canonicalUpstreamName(act.name)) ?? making.newId();
      const route = { id, name: act.name, ...act.settings };
      return [insertRoute(route, 0, now), audit({ action: 'route.added', object: act.name })];
    }
    case 'change': {
      const { route, settings, changes, moved } = act;
      const detail = Object.keys(changes).map(namedInAudit).join(', ');
      const place = `now number ${(order?.indexOf(route.id) ?? -1) + 1}`;
      return [
        updateRoute({ ...route, ...settings }),
        ...(detail === '' ? [] : [audit({ action: 'route.changed', object: route.name, detail })]),
        ...(moved ? [audit({ action: 'route.moved', object: route.name, detail: place })] : []),
      ];
    }
    case 'remove':
      return [deleteRoute(act.route.id), audit({ action: 'route.removed', object: act.route.name })];
    default:
      return act satisfies never;
  }
}

function aboutRoute(act: RouteAct): string {
  return `the route ${act.kind === 'add' ? act.name : act.route.name}`;
}

export function recipientSteps(acts: readonly RecipientAct[], { audit, now }: Making): readonly Step[] {
  return acts.flatMap(({ before, rule }) => {
    const about = `the rule for ${(rule ?? before)?.pattern ?? ''}`;
    const removed =
      before === null
        ? []
        : [
            deleteRecipientRule(before.pattern),
            audit({ action: 'recipient.rule-removed', object: before.pattern, detail: before.forwardPath }),
          ];
    const added =
      rule === null
        ? []
        : [
            insertRecipientRule(rule, now),
            audit({ action: 'recipient.rule-added', object: rule.pattern, detail: rule.forwardPath }),
          ];
    return stepsAbout(about, [...removed, ...added]);
  });
}
