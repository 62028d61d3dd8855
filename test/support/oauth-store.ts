// Where the OAuth server of the tests keeps sessions, grants, codes and tokens: in memory, one store for each server, so
// that a test can take them away as a provider would. It remembers every secret that was ever issued, for tests that look
// for them where they must not be.

import type { Adapter, AdapterPayload } from 'oidc-provider';

export type OAuthStore = Readonly<{
  /** What oidc-provider asks for: one adapter for each of its models. */
  adapter: (model: string) => Adapter;
  /** Forgets all of some models, as if a person had withdrawn consent or an administrator had revoked sessions. */
  forget: (...models: readonly string[]) => void;
  /** Codes and tokens issued so far: their ids are their values. */
  issued: () => readonly string[];
}>;

type Kept = Readonly<{ payload: AdapterPayload; endsAt: number }>;

/** Whose ids are no secrets. */
const WITHOUT_SECRET = ['Grant', 'Client', 'ReplayDetection'];

export function createOAuthStore(): OAuthStore {
  const models = new Map<string, Map<string, Kept>>();
  const issued = new Set<string>();
  const kept = (model: string): Map<string, Kept> => {
    const found = models.get(model) ?? new Map<string, Kept>();
    models.set(model, found);
    return found;
  };
  const find = (model: string, isWanted: (payload: AdapterPayload, id: string) => boolean) =>
    [...kept(model)].find(([id, one]) => one.endsAt > Date.now() && isWanted(one.payload, id))?.[1].payload;

  const adapter = (model: string): Adapter => ({
    upsert: async (id, payload, expiresIn) => {
      if (!WITHOUT_SECRET.includes(model)) issued.add(id);
      // What has ended is kept a while: "expired" is another answer than "unknown".
      const endsAt =
        expiresIn === undefined ? Number.POSITIVE_INFINITY : Date.now() + expiresIn * 1000 + 60_000;
      kept(model).set(id, { payload, endsAt });
    },
    find: async id => find(model, (_payload, known) => known === id),
    findByUserCode: async userCode => find(model, payload => payload.userCode === userCode),
    findByUid: async uid => find(model, payload => payload.uid === uid),
    consume: async id => {
      const one = kept(model).get(id);
      if (one !== undefined) one.payload.consumed = Math.floor(Date.now() / 1000);
    },
    destroy: async id => void kept(model).delete(id),
    revokeByGrantId: async grantId => {
      for (const [id, { payload }] of kept(model)) if (payload.grantId === grantId) kept(model).delete(id);
    },
  });

  return {
    adapter,
    forget: (...names) => {
      for (const name of names) models.delete(name);
    },
    issued: () => [...issued],
  };
}
