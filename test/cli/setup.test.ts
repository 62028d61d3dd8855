// The steps of `postern setup` over a real store, with a scripted person: what is asked for which provider, and what becomes of
// the answers. The conversation on a terminal is in test/end-to-end/setup.test.ts.

import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CommandStore } from '../../server/cli/command-store.ts';
import { chooseLogin } from '../../server/cli/setup-account.ts';
import { askLogin } from '../../server/cli/setup-login.ts';
import type { SetupParts } from '../../server/cli/setup-parts.ts';
import { aboutPreset, askPlace } from '../../server/cli/setup-place.ts';
import { chooseUpstream } from '../../server/cli/setup-upstream.ts';
import type { Terminal } from '../../server/cli/terminal.ts';
import { systemClock } from '../../server/clock.ts';
import { loadConfig } from '../../server/config/load.ts';
import { systemRandom } from '../../server/ids.ts';
import { openCommandStore } from '../../server/open-command-store.ts';
import { presets } from '../../server/relay/preset-table.ts';
import type { Upstream } from '../../server/relay/upstream.ts';
import { type Remote, startRemote } from '../relay/remote.ts';
import { makeScratch, removeScratch } from '../support/scratch.ts';
import { type Answers, type Person, scriptedPerson } from './person.ts';

const terminal: Terminal = {
  print: () => undefined,
  printOctets: async () => undefined,
  written: async () => null,
  complain: () => undefined,
  input: new PassThrough(),
  interactive: false,
  screen: null,
  raw: () => undefined,
};

let store: CommandStore;
let remote: Remote | null = null;
let give: () => Promise<void> = async () => undefined;

async function openOne(): Promise<void> {
  const folder = makeScratch('setup');
  const loaded = await loadConfig({ flags: { data: folder }, environment: {}, folder });
  if (loaded.kind === 'refused') throw new Error(loaded.problems.join('\n'));
  const opened = await openCommandStore({
    config: loaded.config,
    clock: systemClock,
    random: systemRandom,
    operator: 'tester',
    onFatal: text => {
      throw new Error(text);
    },
  });
  store = opened;
  give = async () => {
    await opened.close();
    removeScratch(folder);
  };
}

afterEach(async () => {
  await remote?.close();
  remote = null;
});

function talk(answers: Answers): Readonly<{ parts: SetupParts; person: Person }> {
  const person = scriptedPerson(answers);
  return { parts: { store, prompts: person.prompts, terminal }, person };
}

const PROVIDER = 'Through which provider';

describe('the place of an upstream', () => {
  beforeAll(openOne);
  afterAll(() => give());
  it.each([
    [
      'an address',
      'Gmail',
      [['The address of your mailbox', 'me@gmail.com']],
      'smtps://me@gmail.com@smtp.gmail.com:465',
    ],
    [
      'what stands before the @',
      'WEB.DE',
      [['The address of your mailbox', 'me@web.de']],
      'smtps://me@smtp.web.de:465',
    ],
    ['a word that is always the same', 'SendGrid', [], 'smtp+starttls://apikey@smtp.sendgrid.net:587'],
    [
      'a region',
      'Amazon SES',
      [
        ['In which region?', 'eu-west-1'],
        ['User name', 'AKIAEXAMPLE'],
      ],
      'smtp+starttls://AKIAEXAMPLE@email-smtp.eu-west-1.amazonaws.com:587',
    ],
    ['no user at all', 'SMTP2GO (API)', [], 'smtp2go+https://api.smtp2go.com:443'],
    [
      'a login that may be left away',
      'Google Workspace relay',
      [['The address of your mailbox', '']],
      'smtp+starttls://smtp-relay.gmail.com:587',
    ],
    [
      'a host of each customer',
      'Proton Mail Bridge',
      [
        ['Its host name', '127.0.0.1'],
        ['User name', 'me'],
      ],
      'smtp+starttls://me@127.0.0.1:1025',
    ],
  ] as const)('is made of %s', async (_, provider, answers, url) => {
    const { parts, person } = talk([[PROVIDER, provider], ...answers]);
    expect(await askPlace(parts, null)).toMatchObject({ url });
    expect(person.left()).toEqual([]);
  });

  it('is told about for each preset, without the options of other commands', () => {
    const told = presets.map(preset => aboutPreset(preset));
    expect(told.filter(text => /--(iam|password|user|preset)/.test(text))).toEqual([]);
  });

  it('stands there again when it is to be changed', async () => {
    const first = await askPlace(
      talk([
        [PROVIDER, 'Gmail'],
        ['The address', 'me@gmail.com'],
      ]).parts,
      null,
    );
    const { parts } = talk([
      [PROVIDER, undefined],
      ['The address', undefined],
    ]);
    expect(await askPlace(parts, first)).toEqual(first);
  });
});

describe('the login to an upstream', () => {
  beforeAll(openOne);
  afterAll(() => give());
  async function loginTo(provider: string, answers: Answers, place: Answers) {
    const at = await askPlace(talk([[PROVIDER, provider], ...place]).parts, null);
    if (at === null) throw new Error('no place');
    const { parts, person } = talk(answers);
    const login = await askLogin(parts, at, null);
    expect(person.left()).toEqual([]);
    return login;
  }
  const MAILBOX: Answers = [['The address of your mailbox', 'me@gmail.com']];

  it('is an app password, without the blanks that Google shows it with', async () => {
    const answers: Answers = [
      ['How is Postern to log in', 'With an app password'],
      ['The app password', 'abcd efgh ijkl mnop'],
    ];
    expect(await loginTo('Gmail', answers, MAILBOX)).toMatchObject({ password: 'abcdefghijklmnop' });
  });

  it('is a password that Postern makes of a secret access key', async () => {
    const place: Answers = [
      ['In which region?', 'us-east-1'],
      ['User name', 'AKIAEXAMPLE'],
    ];
    const answers: Answers = [
      ['How is Postern to log in', 'With the secret access key'],
      ['The secret access key', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'],
    ];
    expect(await loginTo('Amazon SES', answers, place)).toMatchObject({
      password: 'BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9',
    });
  });

  it('is a client at Google, whose consents end in testing', async () => {
    const answers: Answers = [
      ['Client id', '1-x.apps.googleusercontent.com'],
      ['Client secret', 'GOCSPX-1'],
      ['Is the app still in "Testing"?', true],
    ];
    expect(await loginTo('Gmail API', answers, MAILBOX)).toMatchObject({
      oauth: { provider: 'google', flow: 'authorization-code', testing: true, clientAuthentication: 'post' },
      clientSecret: 'GOCSPX-1',
    });
  });

  it('is a public client at Microsoft, for private mailboxes those of consumers', async () => {
    const answers: Answers = [
      ['Client id', 'abc'],
      ['Tenant', undefined],
      ['How do you want to agree?', 'With a code'],
    ];
    const login = await loginTo('Outlook.com', answers, [['The address of your mailbox', 'me@outlook.com']]);
    expect(login).toMatchObject({
      oauth: {
        provider: 'microsoft',
        flow: 'device-code',
        clientAuthentication: 'none',
        deviceEndpoint: 'https://login.microsoftonline.com/consumers/oauth2/v2.0/devicecode',
      },
    });
  });

  it('is none where there is no user', async () => {
    const login = await loginTo('Google Workspace relay', [], [['The address of your mailbox', '']]);
    expect(login).toEqual({ words: 'none' });
  });
});

const MAILBOX_USER = 'scans@example.com';
const newMail = (password: string): Answers => [
  [PROVIDER, 'one that is not in this list'],
  ['Its address', `smtp+notls://${MAILBOX_USER}@127.0.0.1:${remote?.port}`],
  ['How is Postern to log in', 'With a password'],
  ['The password', password],
  ['Send as', true],
  ['Is that right?', true],
];

async function withMail(): Promise<Upstream> {
  remote = await startRemote({ tls: 'none', account: { user: MAILBOX_USER, password: 'right' } });
  const upstream = await chooseUpstream(talk(newMail('right')).parts);
  if (upstream === null) throw new Error('no upstream');
  return upstream;
}

describe('an upstream', () => {
  beforeEach(openOne);
  afterEach(() => give());
  it('that does not work is kept only if the person says so', async () => {
    remote = await startRemote({ tls: 'none', account: { user: MAILBOX_USER, password: 'right' } });
    const given = talk([...newMail('wrong'), ['What now?', 'Change what I said'], [PROVIDER, null]]);
    expect(await chooseUpstream(given.parts)).toBeNull();
    expect(given.person.told.join('\n')).toContain('It is not stored yet');
    expect(store.upstreams.list()).toEqual([]);

    const kept = talk([...newMail('wrong'), ['What now?', 'Keep it as it is']]);
    expect(await chooseUpstream(kept.parts)).toMatchObject({ name: 'mail', isDefault: true });
    expect(store.upstreams.list()).toHaveLength(1);
  });

  it('beside another one gets a name of its own, and all mail only if the person says so', async () => {
    await withMail();
    const another: Answers = [['Which way', 'another way, which is set up now'], ...newMail('right')];
    const second = await chooseUpstream(talk([...another, ['Send all mail by mail2', false]]).parts);
    expect(second).toMatchObject({ name: 'mail2', isDefault: false });
    const third = await chooseUpstream(talk([...another, ['Send all mail by mail3', true]]).parts);
    expect(third).toMatchObject({ name: 'mail3', isDefault: true });
  });

  it('gets another password once it works', async () => {
    const before = await withMail();
    const wish: Answers = [
      ['Which way', 'mail'],
      ['What about mail?', 'Give it another password'],
    ];
    const wrong = talk([
      ...wish,
      ['The new password', 'wrong'],
      ['What now?', 'Change what I said'],
      ['What about mail?', null],
    ]);
    expect(await chooseUpstream(wrong.parts)).toBeNull();
    expect(store.upstreams.list()).toEqual([before]);
    const right = talk([...wish, ['The new password', 'right']]);
    expect(await chooseUpstream(right.parts)).toMatchObject({ name: 'mail', revision: before.revision + 1 });
  });
});

describe('an upstream that is paused', () => {
  beforeEach(openOne);
  afterEach(() => give());

  it('sends again only if the person says so', async () => {
    await withMail();
    await store.upstreams.pause('mail');
    const use: Answers = [
      ['Which way', 'mail'],
      ['What about mail?', 'Use it as it is'],
    ];
    expect((await chooseUpstream(talk([...use, ['mail is paused', false]]).parts))?.pausedAt).not.toBeNull();
    expect((await chooseUpstream(talk([...use, ['mail is paused', true]]).parts))?.pausedAt).toBeNull();
  });
});

describe('the login of a device', () => {
  beforeEach(openOne);
  afterEach(() => give());
  it('that is there keeps its password unless the person wants another one', async () => {
    const upstream = await withMail();
    const made = talk([
      ['A name for the login', undefined],
      ['Your own address', 'me@example.com'],
      ['The sender', ''],
      ['Make this login?', true],
    ]);
    const first = await chooseLogin(made.parts, upstream);
    expect(first?.account).toMatchObject({
      name: 'scanner',
      owner: 'me@example.com',
      policy: { sender: null },
    });
    expect(made.person.told.join('\n')).toContain(String(first?.password));

    const before = store.accounts.list();
    const kept = talk([
      ['Which login', 'scanner'],
      ['The password of scanner', 'I have it'],
    ]);
    expect(await chooseLogin(kept.parts, upstream)).toMatchObject({ password: null });
    expect(store.accounts.list()).toEqual(before);
    const renewed = talk([
      ['Which login', 'scanner'],
      ['The password of scanner', 'Make a new one'],
    ]);
    expect((await chooseLogin(renewed.parts, upstream))?.password).toMatch(/^[A-Za-z0-9]{16}$/);

    const another = talk([
      ['Which login', 'a new one'],
      ['A name for the login', undefined],
      ['Your own address', undefined],
      ['The sender', undefined],
      ['Make this login?', null],
    ]);
    expect(await chooseLogin(another.parts, upstream)).toBeNull();
    expect(another.person.told.join('\n')).toContain('scanner2');
    expect(store.accounts.list()).toHaveLength(1);
  });
});
