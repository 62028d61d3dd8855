// The consents of people: their refresh tokens, sealed, each bound to its upstream. Many providers replace a refresh token at
// each use and end the whole consent where an old one is shown twice. So of all processes (server, command line) one alone
// uses it at a time: it holds a lease of less than a minute, and what comes of it is stored only onto the generation that it
// began with. The consent of a draft (an upstream that is not stored yet) is held in memory until its upstream is stored.

import type { Clock, DurationMs, EpochMs } from '../../clock.ts';
import type { NewId } from '../../ids.ts';
import type { CommitRefusal, Database, Statement } from '../../storage/database.ts';
import { consentContext } from '../../storage/sealed-rows.ts';
import { commitSealed, type Sealing } from '../../storage/sealing.ts';
import {
  type ConsentTimes,
  claimConsent,
  consentFromRow,
  putConsent,
  refreshConsent,
  releaseConsent,
  releaseConsentsOf,
  rotateConsent,
  SELECT_CONSENT,
  SELECT_CONSENTS,
} from './consent-statements.ts';

export type KnownConsent = ConsentTimes &
  Readonly<{
    /** Null: the sealing key cannot open it. */
    refreshToken: string | null;
    generation: number;
  }>;

export type NewConsent = Readonly<{ refreshToken: string; endsAt: EpochMs | null }>;

/** What the use of a refresh token came to. */
export type Rotation = Readonly<{
  /** Null: the one that was used stays good. */
  refreshToken: string | null;
  /** Null: nothing new was said. */
  endsAt: EpochMs | null;
}>;

export type Stored = Readonly<{ kind: 'committed' }> | CommitRefusal;

/** The right to use a refresh token now. */
export type Lease = Readonly<{
  /** Ends the lease. `requirement`: another consent has taken the place of this one, and counts. */
  store: (rotation: Rotation) => Promise<Stored>;
  /** Nothing came of it. */
  release: () => Promise<void>;
}>;

export type Consents = Readonly<{
  find: (upstreamId: string) => Promise<KnownConsent | null>;
  /** Of stored upstreams, by their ids. */
  times: () => Promise<ReadonlyMap<string, ConsentTimes>>;
  /** Stores a new consent, and `group` with it in one commit. `group` is asked again where the sealing key was replaced. */
  keep: (upstreamId: string, consent: NewConsent, group: () => readonly Statement[]) => Promise<Stored>;
  /** Null: somebody else uses the token just now, or it is another one by now. */
  lease: (upstreamId: string, generation: number) => Promise<Lease | null | CommitRefusal>;
  /** At the start of the server: what the last one held when it died. */
  releaseFormer: () => Promise<void>;
  held: HeldConsents &
    Readonly<{
      hold: (upstreamId: string, consent: NewConsent) => void;
      forget: (upstreamId: string) => void;
    }>;
}>;

/** What storing a draft needs of its consent. */
export type HeldConsents = Readonly<{
  /** For the commit that stores the upstream; empty: none is held. Seals with the key of this moment. */
  statements: (upstreamId: string) => readonly Statement[];
  stored: (upstreamId: string) => void;
}>;

/** Longer than a request to the provider may take, shorter than a minute. */
export const LEASE: DurationMs = 45_000;

type Deps = Readonly<{
  database: Database;
  clock: Clock;
  newId: NewId;
  sealer: Sealing;
  /** Of which there is one at a time, or any number. */
  as: 'serve' | 'command';
}>;

export function createConsents({ database, clock, newId, sealer, as }: Deps): Consents {
  const held = new Map<string, KnownConsent & Readonly<{ refreshToken: string }>>();
  const seal = (id: string, token: string) =>
    sealer.seal(new TextEncoder().encode(token), consentContext(id));
  const open = (id: string, sealed: Uint8Array): string | null => {
    const plain = sealer.open(sealed, consentContext(id));
    return plain === null ? null : new TextDecoder().decode(plain);
  };
  const anew = ({ refreshToken, endsAt }: NewConsent) => {
    const now = clock.now();
    return { refreshToken, endsAt, generation: now, consentedAt: now, refreshedAt: now };
  };
  const putStatements = (id: string, consent: ReturnType<typeof anew>): readonly Statement[] => {
    const sealed = seal(id, consent.refreshToken);
    return [putConsent({ ...consent, upstreamId: id, sealed }), sealer.guard(sealed)];
  };

  const storeRotation = (id: string, generation: number, { refreshToken, endsAt }: Rotation) =>
    commitSealed(sealer, () => {
      const refreshed = { upstreamId: id, generation, now: clock.now(), endsAt };
      if (refreshToken === null) return database.commit([refreshConsent(refreshed)]);
      const sealed = seal(id, refreshToken);
      return database.commit([rotateConsent(refreshed, sealed), sealer.guard(sealed)]);
    });

  /** Of a draft: nobody else knows it. */
  const leaseHeld = (id: string): Lease => ({
    store: async ({ refreshToken, endsAt }) => {
      const now = held.get(id);
      if (now === undefined) return { kind: 'requirement', statement: 0, changes: 0 };
      const token = refreshToken ?? now.refreshToken;
      held.set(id, { ...now, refreshToken: token, endsAt: endsAt ?? now.endsAt, refreshedAt: clock.now() });
      return { kind: 'committed' };
    },
    release: async () => undefined,
  });

  return {
    find: async id => {
      const draft = held.get(id);
      if (draft !== undefined) return draft;
      const [row] = await database.read(SELECT_CONSENT, [id]);
      if (row === undefined) return null;
      const { sealed, ...consent } = consentFromRow(row);
      return { ...consent, refreshToken: open(id, sealed) };
    },
    times: async () => {
      const rows = (await database.read(SELECT_CONSENTS)).map(consentFromRow);
      return new Map(rows.map(row => [row.upstreamId, row]));
    },
    keep: (id, consent, group) =>
      commitSealed(sealer, () => database.commit([...putStatements(id, anew(consent)), ...group()])),
    lease: async (id, generation) => {
      if (held.has(id)) return leaseHeld(id);
      const holder = `${as}:${newId()}`;
      const claim = { upstreamId: id, generation, holder, now: clock.now(), length: LEASE };
      const claimed = await database.commit([claimConsent(claim)]);
      if (claimed.kind === 'requirement') return null;
      if (claimed.kind !== 'committed') return claimed;
      return {
        store: rotation => storeRotation(id, generation, rotation),
        release: async () => void (await database.commit([releaseConsent(id, holder)])),
      };
    },
    releaseFormer: async () => void (await database.commit([releaseConsentsOf(as)])),
    held: {
      hold: (id, consent) => void held.set(id, anew(consent)),
      forget: id => void held.delete(id),
      statements: id => {
        const draft = held.get(id);
        return draft === undefined ? [] : putStatements(id, draft);
      },
      stored: id => void held.delete(id),
    },
  };
}
