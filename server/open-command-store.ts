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
import type { Clock } from './clock.ts';
import { openCommandAlerts } from './command-alerts.ts';
import type { Config } from './config/schema.ts';
import { readIdentity } from './identity.ts';
import { makeId, type RandomBytes } from './ids.ts';
import { createAddressKeys } from './network/address-key.ts';
import { inNetworks } from './network/named-networks.ts';
import { createOnLink } from './network/on-link.ts';
import { createQueueOperator } from './queue/operator.ts';
import { createQueueAudit } from './queue/operator-audit.ts';
import { createQueue } from './queue/queue.ts';
import { createSpool } from './queue/spool.ts';
import { isRefusedStart } from './refused-start.ts';
import { createCredentials } from './relay/credentials.ts';
import { createAccessTokens } from './relay/oauth/access-tokens.ts';
import { createRecipientRuleOperator } from './relay/recipient-rule-operator.ts';
import { createRecipientRules } from './relay/recipient-rules.ts';
import type { Known } from './relay/route-input.ts';
import { createRouteOperator } from './relay/route-operator.ts';
import { createRoutes } from './relay/routes.ts';
import { readPace } from './relay/stored-pace.ts';
import { testUpstream } from './relay/upstream-test.ts';
import { createUpstreams, type Upstreams } from './relay/upstreams.ts';
import { staysForBackup } from './storage/backup-mark.ts';
import { createKeyOperator } from './storage/key-operator.ts';
import { openStore, type Store } from './storage/open-store.ts';
import { runAsOwnerOf } from './storage/run-as.ts';
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
  const accounts = await openAccounts(deps, store, { newId, audit, onStale: text => warnings.push(text) });
  const upstreams = await createUpstreams({ database, clock, newId, sealer });
  const credentialsOf = createCredentials({ upstreams, tokens: createAccessTokens() });
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
    recipients: createRecipientRuleOperator({ database, view: rules, clock, audit }),
    testUpstream: async upstream => {
      const credentials = credentialsOf(upstream);
      const result = await testUpstream({ upstream, credentials, hostname, clock, random });
      if (result.ok && upstream.fault !== null) await upstreams.forgetFault(upstream);
      return result;
    },
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
    audit: filter => listAudit(database, filter),
    close: async () => {
      certificates.close();
      await store.close();
    },
  };
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

function openAccounts(
  { clock, random }: Deps,
  { database, sealer, lastingKey }: Store,
  more: Pick<AccountsDeps, 'newId' | 'audit' | 'onStale'>,
): Promise<Accounts> {
  const semaphore = createSemaphore({
    places: passwordPlaces(availableParallelism()),
    line: PASSWORD_LINE,
  });
  return createAccounts({
    database,
    sealer,
    lastingKey,
    clock,
    random,
    hasher: createPasswordHasher({ random }),
    deriveSecrets: createDeriveSecrets({ lastingKey, random, semaphore }),
    ...more,
  });
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
