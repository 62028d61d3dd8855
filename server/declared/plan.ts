// What applying a declaration comes to, over all its sections: the difference between what it declares and what there is.
// Pure: the same declaration over the same state is the same plan, and over the state that it leads to, an empty one.

import type { StoredAccount } from '../accounts/account.ts';
import type { RecipientRule } from '../relay/recipient-rule.ts';
import type { Route } from '../relay/route.ts';
import type { Known } from '../relay/route-input.ts';
import { canonicalUpstreamName } from '../relay/upstream.ts';
import { canonicalName } from '../sasl/credential-text.ts';
import type { PasswordFacts } from './account-password.ts';
import { type AccountAct, planAccounts } from './account-plan.ts';
import type { Change, Planned, Problem, Section } from './change.ts';
import { type ChannelAct, planChannels, type StoredChannel } from './channel-plan.ts';
import type { Declaration } from './document.ts';
import { planRecipients, type RecipientAct } from './recipient-plan.ts';
import { type PlannedRoutes, planRoutes } from './route-plan.ts';
import type { StoredUpstream } from './upstream-login.ts';
import { type PlannedUpstreams, planUpstreams } from './upstream-plan.ts';

/** Everything that a declaration can change, with its secrets in clear where they can be opened. */
export type State = Readonly<{
  upstreams: readonly StoredUpstream[];
  accounts: readonly StoredAccount[];
  routes: readonly Route[];
  recipients: readonly RecipientRule[];
  channels: readonly StoredChannel[];
}>;

export type Plan = Readonly<{
  upstreams: PlannedUpstreams;
  accounts: Planned<AccountAct>;
  routes: PlannedRoutes;
  recipients: Planned<RecipientAct>;
  channels: Planned<ChannelAct>;
}>;

export type PlanOptions = Readonly<{
  /** Also remove what a section of the file does not name. */
  prune: boolean;
  passwords: PasswordFacts;
  hostname: string;
}>;

export function planDeclaration(
  declaration: Declaration,
  state: State,
  { prune, passwords, hostname }: PlanOptions,
): Plan {
  const { upstreams, accounts, routes, recipients, alert_channels: channels } = declaration;
  const nothing = { entries: [], problems: [], warnings: [] };
  return {
    upstreams:
      upstreams === null
        ? { ...nothing, makeDefault: null }
        : planUpstreams(upstreams, { stored: state.upstreams, prune, hostname }),
    accounts:
      accounts === null ? nothing : planAccounts(accounts, { stored: state.accounts, passwords, prune }),
    routes:
      routes === null
        ? { ...nothing, order: null }
        : planRoutes(routes, {
            stored: state.routes,
            known: knownAfter(declaration, state, prune),
            knownBefore: knownNow(state),
            prune,
          }),
    recipients:
      recipients === null ? nothing : planRecipients(recipients, { stored: state.recipients, prune }),
    channels: channels === null ? nothing : planChannels(channels, { stored: state.channels, prune }),
  };
}

/** In the order of the document. */
export function changesOf(plan: Plan): readonly Change[] {
  return sectionsOf(plan).flatMap(({ entries }) => entries.map(({ change }) => change));
}

export function warningsOf(plan: Plan): readonly string[] {
  return sectionsOf(plan).flatMap(({ warnings }) => warnings);
}

/**
 * What is wrong with the declaration over this state. `known`: what was found in the text alone; of an item that is complained
 * about there, nothing more is said; and where an item could not be read at all, not that it is missing elsewhere.
 */
export function problemsOf(
  plan: Plan,
  known: Readonly<{ problems: readonly Problem[]; incomplete: ReadonlySet<Section> }>,
): readonly Problem[] {
  const isKnown = (problem: Problem) =>
    known.problems.some(({ path }) => path[0] === problem.path[0] && path[1] === problem.path[1]);
  const isDoubtful = ({ path: [section] }: Problem) =>
    section === 'routes' && (known.incomplete.has('upstreams') || known.incomplete.has('accounts'));
  const found = sectionsOf(plan).flatMap(({ problems }) => problems);
  return [...known.problems, ...found.filter(problem => !isKnown(problem) && !isDoubtful(problem))];
}

function sectionsOf(plan: Plan): readonly Planned<unknown>[] {
  return [plan.upstreams, plan.accounts, plan.routes, plan.recipients, plan.channels];
}

/** Something that a route may name, with all names that it is found by. */
type Holder = Readonly<{ name: string; aliases: readonly string[] }>;

function knownNow(state: State): Known {
  return {
    accounts: lookup(accountsIn(state), canonicalName),
    upstreams: lookup(upstreamsIn(state), canonicalUpstreamName),
  };
}

/** When the declaration has been applied. */
function knownAfter({ accounts, upstreams }: Declaration, state: State, prune: boolean): Known {
  const declaredAccounts = accounts?.map(({ value: { name, aliases = [] } }) => ({ name, aliases })) ?? null;
  const declaredUpstreams = upstreams?.map(({ value: { name } }) => ({ name, aliases: [] })) ?? null;
  return {
    accounts: lookup(after(accountsIn(state), declaredAccounts, canonicalName, { prune }), canonicalName),
    upstreams: lookup(
      after(upstreamsIn(state), declaredUpstreams, canonicalUpstreamName, { prune }),
      canonicalUpstreamName,
    ),
  };
}

type Compared = (name: string) => string;

function after(
  stored: readonly Holder[],
  declared: readonly Holder[] | null,
  compared: Compared,
  { prune }: Readonly<{ prune: boolean }>,
): readonly Holder[] {
  if (declared === null) return stored;
  const storedNames = new Map(stored.map(({ name }) => [compared(name), name]));
  const named = new Set(declared.map(({ name }) => compared(name)));
  const others = prune ? [] : stored.filter(({ name }) => !named.has(compared(name)));
  const own = declared.map(({ name, aliases }) => ({
    name: storedNames.get(compared(name)) ?? name.trim(),
    aliases,
  }));
  return [...others, ...own];
}

function lookup(holders: readonly Holder[], compared: Compared): Known['accounts'] {
  const owners = new Map(
    holders.flatMap(({ name, aliases }) => [name, ...aliases].map(one => [compared(one), name] as const)),
  );
  return {
    names: () => holders.map(({ name }) => name),
    find: name => owners.get(compared(name)) ?? null,
  };
}

function accountsIn({ accounts }: State): readonly Holder[] {
  return accounts.map(({ account }) => ({
    name: account.name,
    aliases: account.aliases.map(({ name }) => name),
  }));
}

function upstreamsIn({ upstreams }: State): readonly Holder[] {
  return upstreams.map(({ upstream }) => ({ name: upstream.name, aliases: [] }));
}
