// The upstreams as the operator configures them: kept in the database, viewed from memory, changed live. The view is
// reloaded after each own change and whenever another process (the command line) changed the database. Passwords are
// sealed at rest, bound to their upstream; they are opened only for a connection. Removal is soft.

import type { Clock } from '../clock.ts';
import type { NewId } from '../ids.ts';
import type { CommitRefusal, Database, Statement } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import { clientSecretContext, upstreamContext } from '../storage/sealed-rows.ts';
import { commitSealed, type Sealing } from '../storage/sealing.ts';
import { deleteConsent } from './oauth/consent-statements.ts';
import type { HeldConsents } from './oauth/consents.ts';
import { needsAnotherConsent } from './oauth/oauth-input.ts';
import type { KnownFault, Upstream } from './upstream.ts';
import { canonicalUpstreamName, upstreamFromRow } from './upstream.ts';
import type { UpstreamChanges, UpstreamInput } from './upstream-input.ts';
import { changedSettings, checkName, newSettings } from './upstream-input.ts';
import type { UpstreamSettings } from './upstream-statements.ts';
import {
  forgetFault,
  insertUpstream,
  makeDefault,
  pauseUpstream,
  recordAnnouncedSize,
  recordFault,
  removeUpstream,
  resumeUpstream,
  SELECT_UPSTREAMS,
  updateUpstream,
} from './upstream-statements.ts';

/** What a change came to. `text` of a refusal is one line for the operator: what, why, what to do. */
export type UpstreamChange = Readonly<{ kind: 'done'; upstream: Upstream }> | Refusal;

type Refusal = Readonly<{ kind: 'refused'; text: string }>;

export type Upstreams = Readonly<{
  /** In the order of adding; as of the last reload. */
  list: () => readonly Upstream[];
  /** By name, without regard to case. */
  find: (name: string) => Upstream | null;
  byId: (id: string) => Upstream | null;
  /** The password in clear, for a connection. Null: none is set, or the sealing key cannot open it. */
  password: (upstream: Upstream) => string | null;
  /** The secret of its OAuth2 client in clear, or the private key of its service account. Null as for passwords. */
  clientSecret: (upstream: Upstream) => string | null;
  add: (input: UpstreamInput) => Promise<UpstreamChange>;
  /** As `add` would store it; nothing is stored. To be tried first, then kept. */
  draft: (input: UpstreamInput) => UpstreamChange;
  /** As `set` would store it; nothing is stored. */
  redraft: (name: string, changes: UpstreamChanges) => UpstreamChange;
  /** Stores a draft as it is. */
  keep: (draft: Upstream) => Promise<UpstreamChange>;
  set: (name: string, changes: UpstreamChanges) => Promise<UpstreamChange>;
  pause: (name: string) => Promise<UpstreamChange>;
  /** Also clears the fault, so that a running server tries at once. */
  resume: (name: string) => Promise<UpstreamChange>;
  remove: (name: string) => Promise<UpstreamChange>;
  /** The operator has seen it work: a fault is forgotten, and a running server tries at once. Best effort. */
  forgetFault: (upstream: Upstream) => Promise<void>;
  /** Keeps what the relay learned; no change by the operator, so the revision stays. Best effort. */
  recordFault: (upstream: Upstream, fault: KnownFault | null) => Promise<void>;
  /** Keeps the SIZE that it announced last; no change by the operator either. Best effort. */
  recordAnnouncedSize: (upstream: Upstream, size: number | null) => Promise<void>;
  /** Calls back after the view has changed. */
  onChange: (listener: () => void) => void;
  /** Reads the database again. */
  reload: () => Promise<void>;
}>;

export type UpstreamsDeps = Readonly<{
  database: Database;
  clock: Clock;
  newId: NewId;
  sealer: Sealing;
  /** Consents of drafts: they are stored with their upstreams. */
  held?: HeldConsents;
}>;

/** What the relay has learned of a draft: nothing. */
const UNTRIED = { announcedSize: null, isDefault: false, pausedAt: null, revision: 0, fault: null } as const;

/** Resolves once the view is loaded. */
export async function createUpstreams(deps: UpstreamsDeps): Promise<Upstreams> {
  const { database, clock, newId, sealer } = deps;
  const listeners: (() => void)[] = [];
  let view: readonly Upstream[] = [];

  async function reload(): Promise<void> {
    view = (await database.read(SELECT_UPSTREAMS)).map(upstreamFromRow);
    for (const listener of listeners) listener();
  }

  const find = (name: string) =>
    view.find(known => canonicalUpstreamName(known.name) === canonicalUpstreamName(name)) ?? null;
  const sealAs = (context: string) => (plain: string) =>
    sealer.seal(new TextEncoder().encode(plain), context);
  const sealsFor = (id: string) => ({
    password: sealAs(upstreamContext(id)),
    clientSecret: sealAs(clientSecretContext(id)),
  });
  const open = (sealed: Uint8Array | null, context: string): string | null => {
    const plain = sealed === null ? null : sealer.open(sealed, context);
    return plain === null ? null : new TextDecoder().decode(plain);
  };
  /** Also for secrets that stay: written back under a key that was replaced meanwhile, they would be lost. */
  const guardsOf = ({ sealedPassword, sealedClientSecret }: UpstreamSettings) =>
    [sealedPassword, sealedClientSecret].flatMap(sealed => (sealed === null ? [] : [sealer.guard(sealed)]));

  /** `groupNow` is asked again where the sealing key was replaced before the commit. */
  async function change(
    name: string,
    groupNow: () => readonly Statement[] | Refusal | Promise<readonly Statement[] | Refusal>,
  ): Promise<UpstreamChange> {
    const result = await commitSealed(sealer, async () => {
      const group = await groupNow();
      return 'kind' in group ? group : database.commit(group);
    });
    if (result.kind === 'refused') return result;
    if (result.kind !== 'committed') return refused(refusalText(name, result));
    await reload();
    const upstream = find(name);
    return upstream === null ? refused(unknownText(name, view)) : { kind: 'done', upstream };
  }

  const changeKnown = (
    name: string,
    statements: (upstream: Upstream) => readonly Statement[] | Refusal,
  ): Promise<UpstreamChange> =>
    change(name, async () => {
      await reload();
      const upstream = find(name);
      return upstream === null ? refused(unknownText(name, view)) : statements(upstream);
    });

  /** What somebody has consented to for a draft comes with it; what was consented to before may be of no use any more. */
  const consentStatements = (before: Upstream, after: UpstreamSettings): readonly Statement[] => {
    const held = deps.held?.statements(before.id) ?? [];
    if (held.length > 0) return held;
    return needsAnotherConsent(before, after) ? [deleteConsent(before.id)] : [];
  };

  const withConsent = async (changing: Promise<UpstreamChange>): Promise<UpstreamChange> => {
    const changed = await changing;
    if (changed.kind === 'done') deps.held?.stored(changed.upstream.id);
    return changed;
  };

  const learn = async (statement: Statement): Promise<void> => {
    const result = await database.commit([statement]);
    if (result.kind === 'committed') await reload();
  };

  database.onForeignChange(() => void reload().catch(() => undefined));
  await reload();

  return {
    list: () => view,
    find,
    byId: id => view.find(known => known.id === id) ?? null,
    password: ({ id, sealedPassword }) => open(sealedPassword, upstreamContext(id)),
    clientSecret: ({ id, sealedClientSecret }) => open(sealedClientSecret, clientSecretContext(id)),
    add: async input => {
      const nameRefusal = checkName(input.name);
      if (nameRefusal !== null) return refused(nameRefusal);
      const id = newId();
      const name = input.name.trim();
      return change(name, () => {
        const made = newSettings(input, sealsFor(id));
        if (made.kind === 'refused') return made;
        const { settings } = made;
        const row = { ...settings, id, name, canonicalName: canonicalUpstreamName(name), now: clock.now() };
        return [insertUpstream(row), ...guardsOf(settings)];
      });
    },
    draft: input => {
      const name = input.name.trim();
      const nameRefusal = checkName(name) ?? (find(name) === null ? null : takenText(name));
      if (nameRefusal !== null) return refused(nameRefusal);
      const id = newId();
      const made = newSettings(input, sealsFor(id));
      if (made.kind === 'refused') return made;
      return { kind: 'done', upstream: { ...made.settings, ...UNTRIED, id, name, createdAt: clock.now() } };
    },
    redraft: (name, changes) => {
      const upstream = find(name);
      if (upstream === null) return refused(unknownText(name, view));
      const changed = changedSettings(upstream, changes, sealsFor(upstream.id));
      if (changed.kind === 'refused') return changed;
      return { kind: 'done', upstream: { ...upstream, ...changed.settings, fault: null } };
    },
    keep: draft =>
      withConsent(
        change(draft.name, () => {
          const row = { ...draft, canonicalName: canonicalUpstreamName(draft.name), now: clock.now() };
          return [insertUpstream(row), ...guardsOf(draft), ...(deps.held?.statements(draft.id) ?? [])];
        }),
      ),
    set: (name, changes) =>
      withConsent(
        changeKnown(name, upstream => {
          const { id, revision } = upstream;
          const changed = changedSettings(upstream, changes, sealsFor(id));
          if (changed.kind === 'refused') return changed;
          const { settings } = changed;
          const update = [
            updateUpstream(id, revision, settings),
            ...guardsOf(settings),
            ...consentStatements(upstream, settings),
          ];
          return changes.makeDefault === true ? [...update, ...makeDefault(id)] : update;
        }),
      ),
    pause: name => changeKnown(name, known => [pauseUpstream(known.id, known.pausedAt ?? clock.now())]),
    resume: name => changeKnown(name, known => [resumeUpstream(known.id)]),
    remove: async name => {
      await reload();
      const upstream = find(name);
      if (upstream === null) return refused(unknownText(name, view));
      if (upstream.isDefault && view.length > 1) return refused(removeDefaultText(upstream, view));
      const result = await database.commit([
        removeUpstream(upstream.id, clock.now()),
        deleteConsent(upstream.id),
      ]);
      if (result.kind !== 'committed') return refused(refusalText(name, result));
      await reload();
      return { kind: 'done', upstream };
    },
    forgetFault: ({ id, revision }) => learn(forgetFault(id, revision)),
    recordFault: ({ id, revision }, fault) => learn(recordFault(id, revision, fault)),
    recordAnnouncedSize: ({ id, revision }, size) => learn(recordAnnouncedSize(id, revision, size)),
    onChange: listener => void listeners.push(listener),
    reload,
  };
}

function unknownText(name: string, view: readonly Upstream[]): string {
  const known = view.map(upstream => upstream.name).join(', ');
  const hint =
    known === '' ? 'none exists yet; add one with `postern upstream add`' : `there are these: ${known}`;
  return `No upstream is called "${name}": ${hint}.`;
}

function takenText(name: string): string {
  return `An upstream called "${name}" exists already: choose another name, or change it with \`postern upstream set\`.`;
}

function removeDefaultText(upstream: Upstream, view: readonly Upstream[]): string {
  const other = view.find(known => known.id !== upstream.id)?.name ?? 'NAME';
  return `"${upstream.name}" is the default upstream, and others exist: say first which one takes its mail, for example \`postern upstream set ${other} --default\`.`;
}

function refusalText(name: string, refusal: CommitRefusal): string {
  switch (refusal.kind) {
    case 'constraint':
      return takenText(name);
    case 'requirement':
      return `"${name}" was changed or removed by somebody else at the same moment: look at it with \`postern upstream show\` and try again.`;
    default:
      return storageRefusalText(refusal);
  }
}

function refused(text: string): Refusal {
  return { kind: 'refused', text };
}
