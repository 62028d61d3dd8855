// What the tests of OAuth2 stand on: a real OAuth server, a data folder, and one or more "processes" over it, each with its
// own connection to the database, its own view of the upstreams and its own access tokens, as server and command line have.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { auditStatement } from '../../../server/audit/audit.ts';
import type { Clock } from '../../../server/clock.ts';
import { makeId, systemRandom } from '../../../server/ids.ts';
import { createAccessTokens, type TokenManager } from '../../../server/relay/oauth/access-tokens.ts';
import type { Authorizer } from '../../../server/relay/oauth/authorizer.ts';
import { type Consents, createConsents } from '../../../server/relay/oauth/consents.ts';
import { createAuthorizer } from '../../../server/relay/oauth/oauth-flows.ts';
import type { OAuthSettings } from '../../../server/relay/oauth/oauth-settings.ts';
import { createTokenRequest } from '../../../server/relay/oauth/token-request.ts';
import type { Upstream } from '../../../server/relay/upstream.ts';
import { createUpstreams, type Upstreams } from '../../../server/relay/upstreams.ts';
import type { Database } from '../../../server/storage/database.ts';
import { migrate } from '../../../server/storage/migrate.ts';
import { openSealer } from '../../../server/storage/open-sealer.ts';
import { afterTest, opened, scratch } from '../../storage/fresh-database.ts';
import {
  MAILBOX,
  OAUTH_CLIENTS,
  type OAuthServer,
  type OAuthServerOptions,
  SCOPE,
  startOAuthServer,
} from '../../support/oauth-server.ts';

export type SteppedClock = Clock &
  Readonly<{
    /** Time goes on, by both clocks. */
    pass: (milliseconds: number) => void;
    /** The wall clock is set; the other goes on as it was. */
    setWall: (now: number) => void;
  }>;

export type OAuthProcess = Readonly<{
  database: Database;
  upstreams: Upstreams;
  consents: Consents;
  authorizer: Authorizer;
  tokens: TokenManager;
  /** The upstream as this process sees it now. */
  upstream: () => Upstream;
}>;

export type ProcessOptions = Readonly<{
  as?: 'serve' | 'command';
  /** What stands between the process and its connection to the database. */
  through?: (database: Database) => Database;
  /** For one request to the OAuth server, in milliseconds. */
  patience?: number;
}>;

export type OAuthWorld = Readonly<{
  server: OAuthServer;
  clock: SteppedClock;
  /** Everything that was logged, by whichever process. */
  logged: { event: string; fields: Readonly<Record<string, unknown>> }[];
  /** Another process over the same data folder. */
  open: (options?: ProcessOptions) => Promise<OAuthProcess>;
  /** Adds the upstream. */
  add: (
    process: OAuthProcess,
    changes?: Partial<OAuthSettings>,
    clientSecret?: string | null,
  ) => Promise<Upstream>;
  /** A person consents in a browser. */
  consent: (process: OAuthProcess) => Promise<void>;
  /** All that is on disk. */
  octets: () => Buffer;
}>;

export const NAME = 'provider';

export async function makeOAuthWorld(options: OAuthServerOptions = {}): Promise<OAuthWorld> {
  const server = await startOAuthServer(options);
  afterTest(server.stop);
  const path = join(scratch(), 'postern.db');
  migrate({ path });
  const clock = steppedClock();
  const logged: OAuthWorld['logged'] = [];
  const world: OAuthWorld = {
    server,
    clock,
    logged,
    open: options => openProcess({ path, clock, logged, ...options }),
    add: (process, changes, clientSecret) =>
      addUpstream(process, { ...settingsFor(server), ...changes }, clientSecret),
    consent: async process => {
      const consent = await process.authorizer.beginCode(process.upstream(), 4711);
      if (consent.kind === 'refused') throw new Error(consent.text);
      const result = await consent.finish(await server.approveCode(consent.url));
      if (result.kind === 'refused') throw new Error(result.text);
    },
    octets: () => Buffer.concat([path, `${path}-wal`].map(file => readFileSync(file))),
  };
  return world;
}

export function settingsFor({ endpoints }: OAuthServer): OAuthSettings {
  return {
    provider: 'other',
    flow: 'authorization-code',
    clientId: OAUTH_CLIENTS.public.id,
    scopes: [SCOPE, 'offline_access'],
    authorizationEndpoint: endpoints.authorization,
    deviceEndpoint: endpoints.device,
    tokenEndpoint: endpoints.token,
    clientAuthentication: 'none',
    redirectUri: 'http://127.0.0.1',
    keyId: null,
    clientSecretEndsAt: null,
    testing: false,
  };
}

type Opening = ProcessOptions & Readonly<{ path: string; clock: Clock; logged: OAuthWorld['logged'] }>;

async function openProcess(opening: Opening): Promise<OAuthProcess> {
  const { path, clock, logged, as = 'serve', patience = 30_000 } = opening;
  const connection = await opened(path);
  const database = opening.through?.(connection) ?? connection;
  const newId = () => makeId(Date.now(), systemRandom);
  const sealing = await openSealer({
    path: join(dirname(path), 'sealing.key'),
    database,
    random: systemRandom,
    mayCreate: true,
    onWarning: text => {
      throw new Error(text);
    },
  });
  if (sealing.kind !== 'open') throw new Error(`the sealing key is ${sealing.kind}`);
  const { sealer } = sealing;
  const consents = createConsents({ database, clock, newId, sealer, as });
  const upstreams = await createUpstreams({ database, clock, newId, sealer, held: consents.held });
  const { clientSecret } = upstreams;
  const request = createTokenRequest({ consents, clientSecret, clock, patience });
  const log = (event: string, fields?: object) => void logged.push({ event, fields: { ...fields } });
  const tokens = createAccessTokens({ request, clock, log, chance: () => 0.5 });
  const audit: Parameters<typeof createAuthorizer>[0]['audit'] = fact =>
    auditStatement(fact, 'operator:anna', clock.now(), newId());
  const authorizer = createAuthorizer({ upstreams, consents, request, clock, audit });
  afterTest(() => tokens.stop(10_000));
  const upstream = () => {
    const found = upstreams.find(NAME);
    if (found === null) throw new Error('the upstream is gone');
    return found;
  };
  return { database, upstreams, consents, authorizer, tokens, upstream };
}

async function addUpstream(
  { upstreams }: OAuthProcess,
  oauth: OAuthSettings,
  clientSecret: string | null = null,
): Promise<Upstream> {
  const url = `smtp+starttls://${MAILBOX}@smtp.example.com:587`;
  const added = await upstreams.add({ name: NAME, url, oauth, clientSecret });
  if (added.kind === 'refused') throw new Error(added.text);
  return added.upstream;
}

/** Goes on by itself, and in steps. */
function steppedClock(): SteppedClock {
  let ahead = 0;
  let wallAhead = 0;
  return {
    now: () => Date.now() + ahead + wallAhead,
    monotonic: () => performance.now() + ahead,
    pass: milliseconds => {
      ahead += milliseconds;
    },
    setWall: now => {
      wallAhead = now - Date.now() - ahead;
    },
  };
}
