// The step of `postern setup` in which an upstream must show that it works: authorised where a person must agree, then
// tested. It is a draft or a stored one; nothing is stored here but a consent. What does not work is explained, and the
// person decides.

import { needsConsent } from '../relay/oauth/oauth-settings.ts';
import type { Upstream } from '../relay/upstream.ts';
import { askConsent } from './consent-conversation.ts';
import type { Choice } from './prompts.ts';
import { type SetupParts, waitWhile } from './setup-parts.ts';
import { checkLines } from './upstream-test.ts';

export type Proof =
  | 'works'
  /** The person wants to change what was said of it. */
  | 'change'
  /** It does not work, and the person wants it all the same. */
  | 'keep';

type Next = 'again' | 'authorise' | 'change' | 'keep';

/** `authorise`: also where somebody has agreed before. */
export async function prove(
  parts: SetupParts,
  upstream: Upstream,
  { authorise = false }: Readonly<{ authorise?: boolean }> = {},
): Promise<Proof | null> {
  const { prompts, store } = parts;
  const byPerson = upstream.oauth !== null && needsConsent(upstream.oauth);
  let mustAsk = byPerson && (authorise || (await store.authorizer.consentOf(upstream)) === null);
  let current = upstream;
  for (;;) {
    const consent = mustAsk ? await authorised(parts, current) : 'not-asked';
    if (consent === null) return null;
    if (consent !== 'refused') mustAsk = false;
    if (typeof consent === 'object') current = consent;
    const works = consent === 'refused' ? false : await tested(parts, current);
    if (works === null) return null;
    if (works) return 'works';
    const choices = nextSteps(byPerson && !mustAsk);
    const next = await prompts.choose<Next>({ message: 'What now?', choices });
    if (next === null || next === 'change' || next === 'keep') return next;
    if (next === 'authorise') mustAsk = true;
  }
}

function nextSteps(canAuthorise: boolean): readonly Choice<Next>[] {
  return [
    { value: 'again', label: 'Try again' },
    ...(canAuthorise ? [{ value: 'authorise', label: 'Authorise it again' } as const] : []),
    { value: 'change', label: 'Change what I said' },
    { value: 'keep', label: 'Keep it as it is', hint: 'mail waits until it works' },
  ];
}

/** The upstream as it is then. Null: the person has stopped. */
async function authorised(
  { store, prompts, terminal }: SetupParts,
  upstream: Upstream,
): Promise<Upstream | 'refused' | null> {
  const settings = upstream.oauth;
  if (settings === null) return upstream;
  terminal.complain('│\n');
  const { flow } = settings;
  const result = await askConsent({ upstream, settings, flow, authorizer: store.authorizer, terminal });
  if (result.kind === 'stopped') return null;
  if (result.kind === 'refused') prompts.tell(result.text, 'bad');
  else prompts.tell('Postern may send by it.', 'good');
  return result.kind === 'refused' ? 'refused' : result.upstream;
}

async function tested({ store, prompts, terminal }: SetupParts, upstream: Upstream): Promise<boolean | null> {
  const test = await waitWhile(terminal, `Trying ${upstream.host}`, signal =>
    store.testUpstream(upstream, { signal }),
  );
  if (test === null) return null;
  prompts.tell(checkLines(test), test.ok ? 'good' : 'bad');
  const isStored = store.upstreams.list().some(({ id }) => id === upstream.id);
  if (!test.ok && !isStored) prompts.tell('It is not stored yet: "Change what I said" asks again.');
  return test.ok;
}
