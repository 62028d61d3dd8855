// What the commands get of the data folder: the same parts as the server's, put together without listeners or runner.
// A first command makes folder, key and certificates as `serve` would; beside a running server it is a second writer,
// and the server sees what it changed within half a second.

import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import { type Accounts, type AccountsDeps, createAccounts } from './accounts/accounts.ts';
import { type BanOperator, createBanOperator } from './accounts/ban-operator.ts';
import { createDeriveSecrets } from './accounts/derived-secrets.ts';
import { createPasswordHasher } from './accounts/password.ts';
import { createSemaphore, PASSWORD_LINE, passwordPlaces } from './accounts/semaphore.ts';
import { readSentLately } from './accounts/sent-lately.ts';
import { auditStatement } from './audit/audit.ts';
import type { AuditFact } from './audit/audit-entry.ts';
import { listAudit } from './audit/audit-list.ts';
import type { CommandStore } from './cli/command-store.ts';
import type { Clock, DurationMs } from './clock.ts';
import { openCommandAlerts } from './command-alerts.ts';
import type { Config } from './config/schema.ts';
import { readIdentity } from './identity.ts';
import { fraction, makeId, type RandomBytes } from './ids.ts';
import { createAddressKeys } from './network/address-key.ts';
import { inNetworks } from './network/named-networks.ts';
import { createOnLink } from './network/on-link.ts';
import { createQueueOperator } from './queue/operator.ts';
import { createQueueAudit } from './queue/operator-audit.ts';
import { createQueue } from './queue/queue.ts';
import { createSpool } from './queue/spool.ts';
import { isRefusedStart } from './refused-start.ts';
import { createCredentials } from './relay/credentials.ts';
import { createAccessTokens, type TokenManager } from './relay/oauth/access-tokens.ts';
import type { Authorizer } from './relay/oauth/authorizer.ts';
import { type Consents, createConsents } from './relay/oauth/consents.ts';
import { createAuthorizer } from './relay/oauth/oauth-flows.ts';
import { createTokenRequest } from './relay/oauth/token-request.ts';
import { createRecipientRuleOperator } from './relay/recipient-rule-operator.ts';
import { createRecipientRules } from './relay/recipient-rules.ts';
import type { Known } from './relay/route-input.ts';
import { createRouteOperator } from './relay/route-operator.ts';
import { createRoutes } from './relay/routes.ts';
import { readPace } from './relay/stored-pace.ts';
import { testUpstream } from './relay/upstream-test.ts';
import { createUpstreams, type Upstreams } from './relay/upstreams.ts';
import { type HoldSignals, unbrokenLeases } from './signal-hold.ts';
import { staysForBackup } from './storage/backup-mark.ts';
import { createKeyOperator } from './storage/key-operator.ts';
import { openStore, type Store } from './storage/open-store.ts';
import { runAsOwnerOf } from './storage/run-as.ts';
import { createTestSubmission } from './test-submission.ts';
import { type Certificates, createCertificates } from './tls/certificates.ts';
import { localAddresses } from './tls/local-addresses.ts';

type Deps = Readonly<{
  config: Config;
  clock: Clock;
  random: RandomBytes;
  /** The machine's user who runs the command: for the audit. */
  operator: string;
  /** A sync failed: say so and end. */
  onFatal: (text: string) => void;
  holdSignals?: HoldSignals;
}>;

/** Throws a refused start where the data folder cannot be used. */
export async function openCommandStore(deps: Deps): Promise<CommandStore> {
  const { config, random, onFatal } = deps;
  runAsOwnerOf(config.storage.path);
  const store = await openStore({
    path: config.storage.path,
    as: 'command',
    allowUnsafeFilesystem: config.storage.allow_unsafe_filesystem,
    random,
    onFatal,
  });
  try {
    return await overStore(deps, store);
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function overStore(deps: Deps, store: Store): Promise<CommandStore> {
  const { config, clock, random } = deps;
  const { database, folder, sealer, observations } = store;
  const newId = () => makeId(clock.now(), random);
  const audit = (fact: AuditFact) => auditStatement(fact, `operator:${deps.operator}`, clock.now(), newId());
  const identity = await readIdentity(database, config.hostname, newId);
  const warnings = [...store.warnings];
  const certificates = await openCertificates(deps, folder.tls, identity.hostname).catch(error => {
    // Accounts and mail must be within reach whatever is wrong with a certificate.
    if (!isRefusedStart(error)) throw error;
    warnings.push(error.message);
    return unusable(error);
  });
  store.letGo();
  const passwords = openPasswords(deps, store);
  const onStale = (text: string) => void warnings.push(text);
  const accounts = await openAccounts(deps, store, { ...passwords, newId, audit, onStale });
  const { upstreams, authorizer, tokens, consents } = await openUpstreams(deps, store, { newId, audit });
  const credentialsOf = createCredentials({ upstreams, tokens });
  const routes = await createRoutes(database);
  const queue = createQueue({ database, newId });
  const spool = createSpool(folder.spool, { mustStay: id => staysForBackup(folder, id) });
  const { hostname } = identity;
  const rules = await createRecipientRules({ database, hostname });
  const alerts = await openCommandAlerts({ store, queue, hostname, clock, random, newId, audit });

  return {
    config,
    clock,
    hostname,
    addresses: localAddresses,
    warnings: () => {
      const lostKey = sealer.trouble();
      return lostKey === null ? warnings : [...warnings, lostKey];
    },
    accounts,
    lastUsed: observations.lastUsed,
    withheldMechanisms: observations.withheldMechanisms,
    sentLately: accountId => readSentLately(database, accountId, clock.now()),
    upstreams,
    authorizer,
    recipients: createRecipientRuleOperator({ database, view: rules, clock, audit }),
    testUpstream: async (upstream, wishes = {}) => {
      const credentials = credentialsOf(upstream);
      const result = await testUpstream({ ...wishes, upstream, credentials, hostname, clock, random });
      if (result.ok && upstream.fault !== null) await upstreams.forgetFault(upstream);
      return result;
    },
    ...createTestSubmission({
      config,
      hostname,
      lock: folder.lock,
      tls: folder.tls,
      clock,
      random,
    }),
    paceOf: async ({ id }) => readPace(observations.paces.get(id), { offset: 0, now: clock.now() }),
    routes: createRouteOperator({
      database,
      view: routes,
      known: knownTo(accounts, upstreams),
      clock,
      newId,
      audit,
    }),
    queue: createQueueOperator({
      database,
      spool,
      newId,
      audit: createQueueAudit(audit),
      keepContent: config.queue.keep_content,
    }),
    openContent: async message => {
      if (message.content === 'spool') return (await spool.check(message.id)) ? spool.open(message.id) : null;
      const octets = await queue.body(message.id);
      return octets ? Readable.from([Buffer.from(octets)]) : null;
    },
    certificates,
    key: createKeyOperator({ path: folder.sealingKey, database, random, sealer, audit }),
    bans: openBans(deps, store, accounts, { newId, audit }),
    alerts,
    declared: async () => {
      // Loaded only for those commands that ask for it: all others start the faster.
      const { createDeclared } = await import('./declared/declared.ts');
      return createDeclared({
        ...{ database, clock, hostname, newId, sealer, lastingKey: store.lastingKey, audit, ...passwords },
        ...{ accounts, upstreams, consents, routes, recipients: rules, channels: alerts.channels },
      });
    },
    audit: filter => listAudit(database, filter),
    close: async () => {
      certificates.close();
      // One that was replaced must come to the disk.
      await tokens.stop(LONGEST_REFRESH);
      await store.close();
    },
  };
}

const LONGEST_REFRESH: DurationMs = 30_000;

async function openUpstreams(
  { clock, random, holdSignals = () => () => undefined }: Deps,
  { database, sealer }: Store,
  { newId, audit }: Pick<AccountsDeps, 'newId' | 'audit'>,
): Promise<
  Readonly<{ upstreams: Upstreams; authorizer: Authorizer; tokens: TokenManager; consents: Consents }>
> {
  const stored = createConsents({ database, clock, newId, sealer, as: 'command' });
  const consents = unbrokenLeases(stored, holdSignals);
  const upstreams = await createUpstreams({ database, clock, newId, sealer, held: consents.held });
  const request = createTokenRequest({ consents, clientSecret: upstreams.clientSecret, clock });
  const tokens = createAccessTokens({ request, clock, log: () => undefined, chance: () => fraction(random) });
  const authorizer = createAuthorizer({ upstreams, consents, request, clock, audit });
  return { upstreams, authorizer, tokens, consents };
}

/** What a route may name. */
function knownTo(accounts: Accounts, upstreams: Upstreams): Known {
  return {
    accounts: {
      names: () => accounts.list().map(({ account }) => account.name),
      find: name => accounts.show(name)?.account.name ?? null,
    },
    upstreams: {
      names: () => upstreams.list().map(({ name }) => name),
      find: name => upstreams.find(name)?.name ?? null,
    },
  };
}

type Passwords = Pick<AccountsDeps, 'hasher' | 'deriveSecrets'>;

function openPasswords({ random }: Deps, { lastingKey }: Store): Passwords {
  const semaphore = createSemaphore({
    places: passwordPlaces(availableParallelism()),
    line: PASSWORD_LINE,
  });
  return {
    hasher: createPasswordHasher({ random }),
    deriveSecrets: createDeriveSecrets({ lastingKey, random, semaphore }),
  };
}

function openAccounts(
  { clock, random }: Deps,
  { database, sealer, lastingKey }: Store,
  more: Passwords & Pick<AccountsDeps, 'newId' | 'audit' | 'onStale'>,
): Promise<Accounts> {
  return createAccounts({ database, sealer, lastingKey, clock, random, ...more });
}

function openBans(
  { config, clock }: Deps,
  { database }: Store,
  accounts: Accounts,
  more: Pick<AccountsDeps, 'newId' | 'audit'>,
): BanOperator {
  const isOnLink = createOnLink({ clock });
  return createBanOperator({
    database,
    clock,
    accountOf: accounts.byId,
    keyOf: createAddressKeys({ isOnLink }).keyOf,
    isNeverBanned: inNetworks(config.limits.never_banned, { isOnLink }),
    ...more,
  });
}

/** Stands for certificates that cannot be opened: whoever asks for them is told why. */
function unusable(why: Error): CommandStore['certificates'] & Readonly<{ close: () => void }> {
  return {
    describe: () => {
      throw why;
    },
    renew: async () => ({ kind: 'refused', text: why.message }),
    close: () => undefined,
  };
}

function openCertificates(
  { config, clock, random }: Deps,
  folder: string,
  hostname: string,
): Promise<Certificates> {
  const { certificate, key, names } = config.tls;
  return createCertificates({
    folder,
    hostname,
    names,
    addresses: localAddresses,
    clock,
    clockTrusted: () => true, // an operator who asks for certificates is believed about the time
    log: () => undefined,
    mode: 'command',
    random,
    ...(certificate !== undefined && key !== undefined ? { own: { certificate, key } } : {}),
  });
}
