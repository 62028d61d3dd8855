// The step of `postern setup` that comes to an upstream which works: a new one, or one that is there. A new one, or a change,
// is a draft until it has worked, or the person wants it all the same; whoever stops earlier has what was before.

import { needsConsent } from '../relay/oauth/oauth-settings.ts';
import { canonicalUpstreamName, type Upstream, upstreamUrl } from '../relay/upstream.ts';
import type { UpstreamInput } from '../relay/upstream-input.ts';
import { facts } from './output.ts';
import { ownAddress } from './setup-account.ts';
import { askLogin, type SetupLogin } from './setup-login.ts';
import type { SetupParts } from './setup-parts.ts';
import { askPlace, type SetupPlace } from './setup-place.ts';
import { prove } from './setup-prove.ts';

const NEW = '';

export async function chooseUpstream(parts: SetupParts): Promise<Upstream | null> {
  const { prompts, store } = parts;
  const known = store.upstreams.list();
  if (known.length === 0) return newUpstream(parts);
  const chosen = await prompts.choose({
    message: 'Which way is your mail to go out?',
    choices: [
      ...known.map(upstream => ({ value: upstream.id, label: upstream.name, hint: upstreamUrl(upstream) })),
      { value: NEW, label: 'another way, which is set up now' },
    ],
  });
  if (chosen === null) return null;
  const found = known.find(({ id }) => id === chosen);
  return found === undefined ? newUpstream(parts) : knownUpstream(parts, found);
}

async function newUpstream(parts: SetupParts): Promise<Upstream | null> {
  const { prompts, store } = parts;
  let before: Wanted | null = null;
  for (;;) {
    const wanted: Wanted | null = await askNew(parts, before);
    if (wanted === null) return null;
    before = wanted;
    const drafted = store.upstreams.draft(wanted.input);
    if (drafted.kind === 'refused') {
      prompts.tell(drafted.text, 'bad');
      continue;
    }
    const draft = drafted.upstream;
    prompts.tell(draftFacts(draft, wanted.login.words));
    const isRight = await prompts.yes({ message: 'Is that right?' });
    if (isRight === null) return null;
    if (!isRight) continue;
    const proof = await prove(parts, draft);
    const kept = proof === 'works' || proof === 'keep' ? await store.upstreams.keep(draft) : null;
    if (kept?.kind === 'done') return asDefault(parts, kept.upstream);
    await store.authorizer.forget(draft);
    if (kept?.kind === 'refused') prompts.tell(kept.text, 'bad');
    if (proof === null) return null;
  }
}

type Wanted = Readonly<{ input: UpstreamInput; place: SetupPlace; login: SetupLogin }>;

async function askNew(parts: SetupParts, before: Wanted | null): Promise<Wanted | null> {
  const place = await askPlace(parts, before?.place ?? null);
  if (place === null) return null;
  const login = await askLogin(parts, place, before?.login.oauth ?? null);
  if (login === null) return null;
  const identity = await askSender(parts, place);
  if (identity === null) return null;
  const { words: _, ...secrets } = login;
  const input = {
    name: freeName(parts, place.preset?.key ?? 'mail'),
    url: place.url,
    preset: place.preset?.key ?? null,
    identity,
    ...secrets,
  };
  return { input, place, login };
}

/** Mailboxes send as themselves; devices name senders of their own. */
async function askSender({ prompts }: SetupParts, { preset, address }: SetupPlace) {
  const sender = ownAddress({ user: address.user, sender: null });
  if (sender === null || (preset !== null && preset.kind === 'service')) return {};
  const replace = await prompts.yes({
    message: `Send as ${sender} whatever sender a device names?\nMost providers permit only that.`,
  });
  if (replace === null) return null;
  return replace ? ({ sender, rewrite: 'if-not-permitted' } as const) : {};
}

function draftFacts(draft: Upstream, loginWords: string): string {
  const { identity } = draft;
  return facts([
    ['Name', draft.name],
    ['Server', upstreamUrl(draft)],
    ['Login', loginWords],
    [
      'Sender',
      identity.rewrite === 'keep'
        ? 'as the device says'
        : `${identity.sender}; that of the device goes to Reply-To`,
    ],
  ]);
}

/** The first one is the default by itself. */
async function asDefault({ prompts, store }: SetupParts, upstream: Upstream): Promise<Upstream | null> {
  prompts.tell(`Upstream ${upstream.name} is kept.`, 'good');
  if (upstream.isDefault) return upstream;
  const makeDefault = await prompts.yes({ message: `Send all mail by ${upstream.name} from now on?` });
  if (makeDefault === null) return null;
  if (!makeDefault) return upstream;
  const changed = await store.upstreams.set(upstream.name, { makeDefault: true });
  if (changed.kind === 'done') return changed.upstream;
  prompts.tell(changed.text, 'bad');
  return upstream;
}

type Wish = 'use' | 'authorise' | 'password' | 'another';

async function knownUpstream(parts: SetupParts, upstream: Upstream): Promise<Upstream | null> {
  const { prompts, store } = parts;
  for (;;) {
    const wish = await prompts.choose<Wish>({
      message: `What about ${upstream.name}?`,
      choices: [
        { value: 'use', label: 'Use it as it is', hint: 'it is tried now' },
        ...(upstream.oauth !== null && needsConsent(upstream.oauth)
          ? [{ value: 'authorise', label: 'Authorise it again' } as const]
          : []),
        ...(upstream.sealedPassword === null
          ? []
          : [{ value: 'password', label: 'Give it another password' } as const]),
        { value: 'another', label: 'Set up another one beside it' },
      ],
    });
    if (wish === null) return null;
    if (wish === 'another') return newUpstream(parts);
    if (wish === 'password') {
      const changed = await newPassword(parts, upstream);
      if (changed !== 'change') return changed === null ? null : resumed(parts, changed);
      continue;
    }
    const proof = await prove(parts, upstream, { authorise: wish === 'authorise' });
    if (proof === null) return null;
    if (proof !== 'change') return resumed(parts, store.upstreams.find(upstream.name) ?? upstream);
  }
}

/** Nothing goes by a paused one; who has paused it knows why. */
async function resumed({ prompts, store }: SetupParts, upstream: Upstream): Promise<Upstream | null> {
  if (upstream.pausedAt === null) return upstream;
  const resume = await prompts.yes({
    message: `${upstream.name} is paused: its mail waits. Send by it again?`,
  });
  if (resume === null) return null;
  if (!resume) return upstream;
  const changed = await store.upstreams.resume(upstream.name);
  if (changed.kind === 'done') return changed.upstream;
  prompts.tell(changed.text, 'bad');
  return upstream;
}

async function newPassword(parts: SetupParts, upstream: Upstream): Promise<Upstream | 'change' | null> {
  const { prompts, store } = parts;
  const password = await prompts.secret({
    message: 'The new password',
    check: typed => (typed === '' ? 'It cannot be empty.' : null),
  });
  if (password === null) return null;
  const drafted = store.upstreams.redraft(upstream.name, { password });
  const proof = drafted.kind === 'done' ? await prove(parts, drafted.upstream) : 'change';
  if (proof === null) return null;
  const changed =
    drafted.kind === 'refused' || proof === 'change'
      ? drafted
      : await store.upstreams.set(upstream.name, { password });
  if (changed.kind === 'refused') prompts.tell(changed.text, 'bad');
  return changed.kind === 'refused' || proof === 'change' ? 'change' : changed.upstream;
}

function freeName({ store }: SetupParts, wanted: string): string {
  const taken = new Set(store.upstreams.list().map(({ name }) => canonicalUpstreamName(name)));
  let name = wanted;
  for (let number = 2; taken.has(canonicalUpstreamName(name)); number++) name = `${wanted}${number}`;
  return name;
}
