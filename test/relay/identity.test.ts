// As whom mail goes out by an upstream: the envelope, and what the header is asked to become.

import { describe, expect, it } from 'vitest';
import { decideIdentity, type SenderFacts, senderOf } from '../../server/relay/identity.ts';
import { checkIdentity } from '../../server/relay/identity-input.ts';
import { KEEP_IDENTITY, type SenderIdentity } from '../../server/relay/upstream.ts';
import { parsePath } from '../../server/smtp/path.ts';

type Changes = Partial<Omit<SenderFacts, 'identity'>>;

function decide(identity: Partial<SenderIdentity>, changes: Changes = {}) {
  return decideIdentity({
    identity: { ...KEEP_IDENTITY, ...identity },
    user: 'login@example.com',
    kind: 'mail',
    account: 'Büro Drucker 2',
    reversePath: 'printer@d',
    ...changes,
  });
}

/** Whether the header's address may stay. */
function stays(identity: Partial<SenderIdentity>, address: string): boolean {
  const { header } = decide(identity);
  const path = parsePath(address, '');
  return header === null || ('text' in path && 'domain' in path && header.permits(path));
}

const sender = 'scans@example.com';
const ifNot = {
  rewrite: 'if-not-permitted',
  sender,
  senders: ['*@office.example.com', 'b@lan.example'],
} as const;

describe('the envelope', () => {
  it.each([
    [{ rewrite: 'keep' }, 'printer@d', 'printer@d'],
    [{ rewrite: 'keep', sender }, 'printer@d', 'printer@d'],
    [ifNot, 'printer@d', sender],
    [ifNot, 'x@Office.example.com', 'x@Office.example.com'],
    [ifNot, 'B@lan.example', 'B@lan.example'],
    [ifNot, sender, sender],
    [{ ...ifNot, senders: [] }, 'x@office.example.com', sender],
    [{ ...ifNot, rewrite: 'always' }, 'b@lan.example', sender],
    [{ rewrite: 'always' }, 'printer@d', 'login@example.com'],
    [ifNot, '', ''],
    [{ ...ifNot, nullSender: 'replace' }, '', sender],
    [{ nullSender: 'replace' }, '', 'login@example.com'],
    [{ nullSender: 'replace' }, 'printer@d', 'printer@d'],
  ] as const)('%j: <%s> becomes <%s>', (identity, before, after) => {
    expect(decide(identity, { reversePath: before }).reversePath).toBe(after);
  });
});

describe('the header', () => {
  it('need not be read where nothing is to be changed', () => {
    expect(decide({}).header).toBeNull();
    expect(decide({ sender, nullSender: 'replace' }).header).toBeNull();
  });

  it('is judged by the same patterns', () => {
    expect(stays(ifNot, 'x@office.example.com')).toBe(true);
    expect(stays(ifNot, 'x@lan.example')).toBe(false);
    expect(stays({ ...ifNot, rewrite: 'always' }, 'x@office.example.com')).toBe(false);
    expect(stays({ ...ifNot, rewrite: 'always' }, sender)).toBe(true);
  });

  it('keeps its addresses where only names are to be changed', () => {
    expect(decide({ displayName: 'without-at' }).header).toMatchObject({ sender: null, withoutAt: true });
  });
});

describe('without a sender', () => {
  it.each([null, 'apikey'])('nothing can be rewritten: user %s', user => {
    const decision = decide({ rewrite: 'always', nullSender: 'replace' }, { user });
    expect(decision).toEqual({ reversePath: 'printer@d', header: null, lacksSender: true });
    expect(decide({}, { user }).lacksSender).toBe(false);
  });
});

describe('mail that Postern wrote', () => {
  const ours = { kind: 'dsn', account: null, reversePath: '' } as const;

  it('comes from the permitted sender, whatever the setting, unless its own is permitted', () => {
    expect(decide({}, ours).header).toMatchObject({ sender: 'login@example.com', keepsOriginal: false });
    const permits = (identity: Partial<SenderIdentity>) =>
      decide(identity, ours).header?.permits(parsed('postern@gate'));
    expect(permits({})).toBe(false);
    expect(permits({ senders: ['postern@gate'] })).toBe(true);
    expect(permits({ rewrite: 'always', senders: ['postern@gate'] })).toBe(false);
    expect(decide({}, { ...ours, kind: 'alert', reversePath: 'postern@gate' }).reversePath).toBe(
      'login@example.com',
    );
  });

  it('keeps its null reverse-path unless that is replaced', () => {
    expect(decide(ifNot, ours).reversePath).toBe('');
    expect(decide({ ...ifNot, nullSender: 'replace' }, ours).reversePath).toBe(sender);
  });

  it('stays as it is where the upstream has no sender', () => {
    expect(decide({}, { ...ours, user: null })).toMatchObject({ header: null, lacksSender: false });
  });
});

describe('the account within the sender', () => {
  const made = (account: string | null, pattern = 'scans+{account}@example.com') =>
    senderOf({ identity: { ...KEEP_IDENTITY, sender: pattern }, user: null, account });

  it.each([
    ['scanner', 'scans+scanner@example.com'],
    ['Büro Drucker 2', 'scans+buro-drucker-2@example.com'],
    ['scan@lan.example', 'scans+scan-lan.example@example.com'],
    ['..a..b..', 'scans+a.b@example.com'],
    ['打印机', 'scans+account@example.com'],
    [null, 'scans+postern@example.com'],
  ])('%s gives %s', (account, address) => {
    expect(made(account)).toBe(address);
    expect(parsed(address).text).toBe(address);
  });

  it('is cut to what fits before the @', () => {
    expect(made('x'.repeat(100))).toBe(`scans+${'x'.repeat(58)}@example.com`);
    expect(made('x'.repeat(100), '{account}@example.com')).toBe(`${'x'.repeat(64)}@example.com`);
  });
});

describe('what the operator says', () => {
  const check = (changes: Partial<SenderIdentity>, user: string | null = null) =>
    checkIdentity({ ...KEEP_IDENTITY, ...changes, user });

  it.each([
    [{}, null],
    [{ rewrite: 'always' }, 'login@example.com'],
    [{ rewrite: 'always', sender }, null],
    [{ sender: 'scans+{account}@example.com', rewrite: 'if-not-permitted' }, 'apikey'],
    [
      {
        sender,
        senders: [
          '*@example.com',
          '@example.org',
          'a@b.example',
          '@*.example.net',
          '*.example.net',
          'example.net',
        ],
      },
      null,
    ],
  ] as const)('%j is taken', (changes, user) => {
    expect(check(changes, user)).toBeNull();
  });

  it.each([
    [{ rewrite: 'always' }, 'Senders cannot be rewritten'],
    [{ nullSender: 'replace' }, 'The null sender cannot be replaced'],
    [{ sender: '*@example.com' }, 'it must be one address'],
    [{ sender: 'scans' }, 'it must be one address'],
    [{ sender: 'scans@' }, 'cannot be the sender'],
    [{ sender: 'a b@example.com' }, 'contains a space'],
    [{ sender: '{acount}@example.com' }, 'braces are only for {account}'],
    [{ sender: '{account}{account}@example.com' }, 'braces are only for {account}'],
    [{ sender: 'a@{account}.example.com' }, 'braces are only for {account}'],
    [{ sender: 'büro@example.com' }, 'letters beyond ASCII'],
    [{ sender, senders: ['scanner'] }, '"scanner" cannot be used'],
    [{ sender, senders: ['scan*@example.com'] }, '* stands for a whole local part'],
    [{ sender, senders: ['a@*.example.com'] }, 'cannot be used'],
  ] as const)('%j is not: %s', (changes, words) => {
    expect(check(changes, 'apikey')).toContain(words);
  });
});

function parsed(address: string) {
  const path = parsePath(address, '');
  if ('kind' in path) throw new Error(path.text);
  return path;
}
