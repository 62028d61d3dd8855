// Carries out a plan in one commit over all parts, rows of the audit included: it is there whole or not at all, also after a
// crash. Within the commit the plan is made anew, because sealed values may have got another key meanwhile; where it is then
// another plan than the one that was shown, nothing is done.

import type { DeriveSecrets } from '../accounts/derived-secrets.ts';
import type { PasswordHasher } from '../accounts/password.ts';
import type { AuditFact } from '../audit/audit-entry.ts';
import type { Clock } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type { Database, Statement } from '../storage/database.ts';
import type { LastingKey } from '../storage/lasting-key.ts';
import { commitSealed, type Sealing } from '../storage/sealing.ts';
import { accountSteps, type MadePasswords, makePasswords } from './account-steps.ts';
import { actsOf } from './change.ts';
import { channelSteps } from './channel-steps.ts';
import { type Making, refusalText, type Step } from './group.ts';
import { changesOf, type Plan, type State } from './plan.ts';
import { recipientSteps, routeSteps } from './route-steps.ts';
import { upstreamSteps } from './upstream-steps.ts';

export type ExecutionDeps = Readonly<{
  database: Pick<Database, 'commit'>;
  clock: Clock;
  newId: NewId;
  sealer: Sealing;
  lastingKey: Pick<LastingKey, 'mac'>;
  hasher: PasswordHasher;
  deriveSecrets: DeriveSecrets;
  audit: (fact: AuditFact) => Statement;
}>;

/** `text`: one line for the operator. Nothing was changed. */
export type Applied = Readonly<{ kind: 'applied' }> | Readonly<{ kind: 'refused'; text: string }>;

const OVERTAKEN =
  'Somebody else changed something at the same moment, so nothing was changed: apply the file again.';

export async function carryOut(
  deps: ExecutionDeps,
  plan: Plan,
  again: Readonly<{ readState: () => Promise<State>; planOver: (state: State) => Plan }>,
): Promise<Applied> {
  const now = deps.clock.now();
  const made = await makePasswords(actsOf(plan.accounts), deps, now);
  let group: readonly Step[] = [];
  const result = await commitSealed(deps.sealer, async () => {
    const state = await again.readState();
    const planned = again.planOver(state);
    if (!isSame(plan, planned)) return { kind: 'overtaken' } as const;
    group = stepsFor(planned, state, { ...deps, now, made });
    if (group.length === 0) return { kind: 'committed' } as const;
    return deps.database.commit(group.map(({ statement }) => statement));
  });
  switch (result.kind) {
    case 'committed':
      await again.readState();
      return { kind: 'applied' };
    case 'overtaken':
      return { kind: 'refused', text: OVERTAKEN };
    default:
      return { kind: 'refused', text: refusalText(result, group) };
  }
}

function isSame(one: Plan, other: Plan): boolean {
  return JSON.stringify(changesOf(one)) === JSON.stringify(changesOf(other));
}

type AllMaking = Making & Readonly<{ lastingKey: Pick<LastingKey, 'mac'>; made: MadePasswords }>;

function stepsFor(plan: Plan, state: State, making: AllMaking): readonly Step[] {
  return [
    ...upstreamSteps(plan.upstreams, making),
    ...accountSteps(actsOf(plan.accounts), making),
    ...routeSteps(plan.routes, state.routes, making),
    ...recipientSteps(actsOf(plan.recipients), making),
    ...channelSteps(actsOf(plan.channels), making),
  ];
}
