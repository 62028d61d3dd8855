// `postern ban …`: who may not log in for a while, and the operator's hand in it. Names that are no accounts are not shown:
// they are often passwords in the wrong field.

import type { BanFilter, ListedBan } from '../accounts/ban-operator.ts';
import { parseDuration } from '../config/values.ts';
import { networkOf, parseClientAddress } from '../smtp/address.ts';
import { inWords } from '../smtp/waiting-time.ts';
import type { CommitRefusal } from '../storage/database.ts';
import { storageRefusalText } from '../storage/refusal-text.ts';
import type { Withheld } from '../storage/withheld-mechanisms.ts';
import { type Call, type Command, done, failed, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { counted, isoTime, shownTime, table } from './output.ts';
import { idOf } from './queue-item.ts';

const DEFAULT_LENGTH = '1d';
const LONGEST_DAYS = 3650;

export const banCommands: readonly Command[] = [
  {
    name: 'ban list',
    argument: '',
    means: 'list the bans that are in force',
    options: [],
    printsData: true,
    needs: 'store',
    run: list,
  },
  {
    name: 'ban lift',
    argument: '[ADDRESS|ID]',
    means:
      'lift bans: of an address with all its logins, one by its id, those of an account, or all; EHLO lists every mechanism there again',
    options: [
      { flags: '--account NAME', means: 'only those of this account' },
      { flags: '--all', means: 'every ban' },
    ],
    printsData: true,
    needs: 'store',
    run: lift,
  },
  {
    name: 'ban add',
    argument: 'ADDRESS',
    means: 'ban an address; IPv6 outside your own networks by its /64',
    options: [{ flags: '--for TIME', means: `how long, such as 12h or 7d (default: ${DEFAULT_LENGTH})` }],
    printsData: true,
    needs: 'store',
    run: add,
  },
];

async function list(_call: Call, { bans }: CommandStore): Promise<Result> {
  const all = await bans.list();
  const rows = all.map(ban => [
    ban.id,
    ban.address,
    ban.isWholeAddress ? 'all' : (ban.account ?? '(no account)'),
    ban.failures === 0 ? '-' : String(ban.failures),
    shownTime(ban.bannedAt),
    shownTime(ban.endsAt),
  ]);
  const headings = ['ID', 'ADDRESS', 'LOGIN', 'FAILURES', 'SINCE', 'ENDS'];
  return done(table(headings, rows, 'Nobody is banned.'), all.map(itemOf));
}

async function lift(call: Call, store: CommandStore): Promise<Result> {
  const [target] = call.arguments;
  const account = call.value('account');
  const all = call.has('all');
  if (all && (target !== undefined || account !== null))
    return misused('Give an address, an id or --account NAME, or --all alone.');
  if (!all && target === undefined && account === null)
    return misused('Say which bans: give an address or an id, --account NAME, or --all.');
  const accountId = account === null ? null : (store.accounts.show(account)?.account.id ?? null);
  if (account !== null && accountId === null)
    return failed(`There is no account named "${account}": "postern account list" shows them all.`);
  const filters = (target === undefined ? [{}] : filtersOf(target)).map(filter => ({
    ...filter,
    ...(accountId === null ? {} : { accountId }),
  }));
  const found = (await Promise.all(filters.map(store.bans.list))).flat();
  const withheld = withheldBy(store, filters);
  if (found.length === 0 && withheld.length === 0 && !all)
    return failed('There is no such ban in force: "postern ban list" shows them all.');
  const refused = found.length === 0 ? null : await store.bans.lift(found);
  if (refused !== null) return failed(refusalText(refused));
  for (const one of withheld) store.withheldMechanisms.release(one);
  const bans = found.length === 0 ? 'Nobody is banned.' : `${counted(found.length, 'ban')} lifted.`;
  const mechanisms = withheld.length === 0 ? '' : ' EHLO lists every mechanism there again.';
  return done(`${bans}${mechanisms}`, found.map(itemOf));
}

/** What EHLO leaves out there. */
function withheldBy(
  { withheldMechanisms }: CommandStore,
  filters: readonly BanFilter[],
): readonly Withheld[] {
  return withheldMechanisms
    .all()
    .filter(one =>
      filters.some(
        ({ id, address = one.address, accountId = one.accountId }) =>
          id === undefined && one.address === address && one.accountId === accountId,
      ),
    );
}

/** An address means itself and, for IPv6, the network that was banned instead of it. */
function filtersOf(target: string): readonly BanFilter[] {
  const address = parseClientAddress(target.replace(/\/64$/, ''));
  if (address === null) return [{ id: idOf(target) }];
  const network = address.version === 6 ? [{ address: `${networkOf(address, 64)}/64` }] : [];
  return target.endsWith('/64') ? network : [{ address: address.text }, ...network];
}

async function add(call: Call, { bans, clock }: CommandStore): Promise<Result> {
  const [written = ''] = call.arguments;
  const address = parseClientAddress(written);
  if (address === null)
    return misused(
      `"${written}" is no IP address: give a single address, such as 192.0.2.7. IPv6 outside your own networks is banned by its /64 whatever address of it you give.`,
    );
  const given = call.value('for') ?? DEFAULT_LENGTH;
  const length = parseDuration(given);
  if (length === null || length < 1000 || length > LONGEST_DAYS * 86_400_000)
    return misused(`--for takes a time such as 12h or 7d, at most ${LONGEST_DAYS}d, not "${given}".`);
  const added = await bans.add(address, length);
  if (added === null)
    return failed(
      `${address.text} is never banned: it is this machine itself, or within limits.never_banned of the configuration.`,
    );
  if (added.kind !== 'banned') return failed(refusalText(added));
  const { ban } = added;
  return done(
    `${ban.address} is banned; it may come back ${inWords(ban.endsAt - clock.now())}.`,
    itemOf(ban),
  );
}

function itemOf(ban: ListedBan): object {
  return {
    id: ban.id,
    address: ban.address,
    account: ban.account,
    whole_address: ban.isWholeAddress,
    failures: ban.failures,
    banned_at: isoTime(ban.bannedAt),
    ends_at: isoTime(ban.endsAt),
  };
}

function refusalText(refusal: CommitRefusal): string {
  switch (refusal.kind) {
    case 'constraint':
      return `The database refused the change: ${refusal.text}`;
    case 'requirement':
      return 'The bans changed meanwhile, so nothing was done: try again.';
    default:
      return storageRefusalText(refusal);
  }
}
