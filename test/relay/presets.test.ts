// What is known of providers: complete, found by their hosts and only by them, and enough to make an upstream of.

import { describe, expect, it } from 'vitest';
import { apis } from '../../server/relay/apis/apis.ts';
import { oauthSettings } from '../../server/relay/oauth/oauth-input.ts';
import type { Preset } from '../../server/relay/preset.ts';
import { adviceFor, adviceOf, warningsFor } from '../../server/relay/preset-advice.ts';
import { presets } from '../../server/relay/preset-table.ts';
import { type PresetWishes, presetHost, urlFromPreset, userNameText } from '../../server/relay/preset-url.ts';
import { presetByKey, presetOf } from '../../server/relay/presets.ts';
import { newSettings, type UpstreamInput } from '../../server/relay/upstream-input.ts';
import { apiOf } from '../../server/relay/upstream-scheme.ts';
import type { UpstreamSettings } from '../../server/relay/upstream-statements.ts';
import { parseUpstreamUrl } from '../../server/relay/upstream-url.ts';

const SEALS = { password: () => new Uint8Array(), clientSecret: () => new Uint8Array() };
const NOTHING: PresetWishes = { user: null, region: null, host: null };
const every = presets.map(preset => [preset.key, preset] as const);

/** What an operator would give. */
function wishesFor({ userName, regions, host }: Preset): PresetWishes {
  const user = {
    address: 'me@example.com',
    'local-part': 'me@example.com',
    other: 'somebody',
    literal: null,
    none: null,
  };
  return {
    user: user[userName.kind],
    region: regions[0] ?? null,
    host: host === null ? 'mail.example.org' : null,
  };
}

function urlOf(preset: Preset, wishes: PresetWishes): string {
  const made = urlFromPreset(preset, wishes);
  if (made.kind === 'refused') throw new Error(made.text);
  return made.url;
}

function addressOf(url: string) {
  const parsed = parseUpstreamUrl(url);
  if (parsed.kind === 'refused') throw new Error(parsed.text);
  return parsed.address;
}

function settingsOf(input: Omit<UpstreamInput, 'name'>): UpstreamSettings {
  const made = newSettings({ name: 'x', ...input }, SEALS);
  if (made.kind === 'refused') throw new Error(made.text);
  return made.settings;
}

describe('the presets', () => {
  it('are at least 35, each under a key of its own', () => {
    expect(presets.length).toBeGreaterThanOrEqual(35);
    expect(new Set(presets.map(({ key }) => key)).size).toBe(presets.length);
  });

  it('know each sending API', () => {
    const known = presets.flatMap(({ scheme }) => apiOf(scheme) ?? []);
    expect(new Set(known)).toEqual(new Set(Object.keys(apis)));
  });
});

describe.each(every)('%s', (_, preset) => {
  it('is complete', () => {
    expect(preset.key).toMatch(/^[a-z0-9][a-z0-9.-]*$/);
    expect(preset.provider).toMatch(/^\S.*\S$/);
    expect(preset.documentation).toMatch(/^https:\/\/[\w.-]+\.[a-z]+(\/\S*)?$/);
    expect(preset.port).toBeGreaterThan(0);
    expect(preset.kind === 'api').toBe(apiOf(preset.scheme) !== null);
    expect([preset.secret, preset.oauth].filter(way => way !== null).length).toBeGreaterThan(0);
    const pace = [preset.connections, ...Object.values(preset.pacing), preset.messageSize];
    expect(pace.every(limit => limit === null || (Number.isInteger(limit) && limit > 0))).toBe(true);
  });

  it('speaks in sentences', () => {
    for (const sentence of [userNameText(preset), ...adviceOf(preset)]) {
      expect(sentence).toMatch(/^["A-Z\d].*\.$/s);
      expect(sentence).not.toMatch(/\s{2}|\.\.|undefined|null/);
    }
  });

  it('never means this machine, and never goes without TLS', () => {
    expect(preset.host ?? '').not.toMatch(/localhost|^127\.|^\[?::1/);
    expect(preset.scheme).not.toMatch(/notls|\+http$/);
  });

  it('has regions where its host has a place for one, and knows the hosts of them', () => {
    expect(preset.regions.length > 0).toBe(preset.host?.includes('{region}') ?? false);
    const hosts =
      preset.regions.length === 0
        ? [preset.host]
        : preset.regions.map(region => presetHost(preset, { host: null, region }));
    for (const host of hosts.filter(one => typeof one === 'string')) {
      expect(preset.hosts.test(host)).toBe(true);
      const found = presetOf({ preset: null, host, scheme: preset.scheme });
      expect(found).toMatchObject({ scheme: preset.scheme, oauth: preset.oauth });
      expect(host).not.toContain('{');
    }
  });

  it('makes an upstream of what an operator would give', () => {
    const url = urlOf(preset, wishesFor(preset));
    const address = addressOf(url);
    const oauth =
      preset.secret !== null
        ? null
        : oauthSettings(
            { clientId: 'client-1' },
            { place: address, presetProvider: preset.oauth, secret: 'secret', before: null },
          );
    if (oauth !== null && oauth.kind !== 'settings') throw new Error(oauth.text);
    const login = oauth === null ? { password: 'secret' } : { oauth: oauth.settings, clientSecret: 'secret' };
    const made = settingsOf({ url, preset: preset.key, ...login });
    expect(made).toMatchObject({
      preset: preset.key,
      port: preset.port,
      messageSize: preset.messageSize,
      connections: preset.connections ?? 3,
      identity: { displayName: preset.displayName },
    });
    expect(presetOf(made)?.key).toBe(preset.key);
  });

  it('takes OAuth2 for itself, where it takes it', () => {
    const place = addressOf(urlOf(preset, wishesFor(preset)));
    const made = oauthSettings(
      { clientId: 'client-1' },
      { place, presetProvider: preset.oauth, secret: 's', before: null },
    );
    expect(made.kind === 'settings' ? made.settings.provider : null).toBe(preset.oauth);
  });
});

describe('a sending API', () => {
  it.each(every.filter(([, { kind }]) => kind === 'api'))('%s is as its description says', (_, preset) => {
    const name = apiOf(preset.scheme);
    if (name === null) throw new Error('it speaks SMTP');
    const api = apis[name];
    expect(preset.messageSize).toBe(api.largestMessage);
    expect(preset.userName.kind === 'none').toBe(api.user === null);
    expect(preset.secret === null).toBe(api.authentication.kind === 'token');
  });

  it('is of its provider under any host', () => {
    const place = { scheme: 'graph+http', host: '127.0.0.1', preset: null } as const;
    expect(presetOf(place)?.key).toBe('graph');
    expect(presetOf({ ...place, scheme: 'smtps' })).toBeNull();
  });
});

describe('a provider', () => {
  it.each([
    ['smtp.office365.com', 'Microsoft 365'],
    ['SMTP.Office365.com.', 'Microsoft 365'],
    ['smtp-legacy.office365.com', 'Microsoft 365'],
    ['smtp-relay.gmail.com', 'Google Workspace relay'],
    ['smtp.gmail.com', 'Gmail'],
    ['email-smtp.eu-central-1.amazonaws.com', 'Amazon SES'],
    ['email-smtp-fips.us-gov-west-1.amazonaws.com', 'Amazon SES'],
    ['email.eu-central-1.amazonaws.com', 'Amazon SES (API)'],
    ['smtp.eu.sparkpostmail.com', 'SparkPost (EU)'],
    ['smtppro.zoho.com.au', 'Zoho'],
    ['smtp.zohocloud.ca', 'Zoho'],
    ['smtp.1und1.de', 'IONOS'],
    ['ex4.mail.ovh.net', 'OVHcloud'],
  ])('is known by its host %s: %s', (host, provider) => {
    const scheme = provider.endsWith('(API)') ? 'ses+https' : 'smtps';
    expect(presetOf({ preset: null, host, scheme })?.provider).toBe(provider);
  });

  it.each([
    'mail.example.com',
    'smtp.gmail.com.example.net',
    'notsmtp.office365.com',
    '192.0.2.1',
    '127.0.0.1',
    's3.amazonaws.com',
    'api.mailgun.net.example.com',
  ])('is not guessed: %s', host => {
    expect(presetOf({ preset: null, host, scheme: 'smtps' })).toBeNull();
  });
});

describe('a URL from a preset', () => {
  const preset = (key: string): Preset => {
    const known = presetByKey(key);
    if (known === null) throw new Error(`there is no ${key}`);
    return known;
  };

  it.each<[string, Partial<PresetWishes>, string]>([
    ['gmail', { user: 'me@gmail.com' }, 'smtps://me@gmail.com@smtp.gmail.com:465'],
    ['GMAIL', { user: 'a:b%c@gmail.com' }, 'smtps://a%3Ab%25c@gmail.com@smtp.gmail.com:465'],
    ['web.de', { user: 'me@web.de' }, 'smtps://me@smtp.web.de:465'],
    ['sendgrid', {}, 'smtp+starttls://apikey@smtp.sendgrid.net:587'],
    ['sendgrid', { user: 'apikey' }, 'smtp+starttls://apikey@smtp.sendgrid.net:587'],
    ['google-workspace-relay', {}, 'smtp+starttls://smtp-relay.gmail.com:587'],
    [
      'ses',
      { user: 'AKIA1', region: 'eu-west-1' },
      'smtp+starttls://AKIA1@email-smtp.eu-west-1.amazonaws.com:587',
    ],
    [
      'ses',
      { user: 'AKIA1', region: 'il-central-1' },
      'smtp+starttls://AKIA1@email-smtp.il-central-1.amazonaws.com:587',
    ],
    ['ionos', { user: 'me@example.fr', region: 'FR' }, 'smtps://me@example.fr@smtp.ionos.fr:465'],
    ['zoho', { user: 'me@example.ca', region: 'ca' }, 'smtps://me@example.ca@smtp.zohocloud.ca:465'],
    [
      'zoho-organisation',
      { user: 'me@example.ca', region: 'CA' },
      'smtps://me@example.ca@smtppro.zohocloud.ca:465',
    ],
    ['proton-bridge', { user: 'me', host: '127.0.0.1' }, 'smtp+starttls://me@127.0.0.1:1025'],
    ['proton-bridge', { user: 'me', host: '127.0.0.1:1026' }, 'smtp+starttls://me@127.0.0.1:1026'],
    ['proton-bridge', { user: 'me', host: '::1' }, 'smtp+starttls://me@[::1]:1025'],
    ['smtp2go-api', {}, 'smtp2go+https://api.smtp2go.com:443'],
    ['graph', { user: 'scan@example.com' }, 'graph+https://scan@example.com@graph.microsoft.com:443'],
  ])('%s with %j', (key, wishes, url) => {
    expect(urlFromPreset(preset(key), { ...NOTHING, ...wishes })).toEqual({ kind: 'url', url });
  });

  it.each<[string, Partial<PresetWishes>, RegExp]>([
    ['gmail', {}, /--user is missing\. The user name is the whole e-mail address\./],
    ['gmail', { user: 'me' }, /no e-mail address/],
    ['gmail', { user: 'me@gmail.com', region: 'eu' }, /no regions/],
    ['sendgrid', { user: 'me' }, /always apikey/],
    ['smtp2go-api', { user: 'me' }, /leave --user away/],
    ['ses', { user: 'AKIA1' }, /--region is missing.*eu-central-1/],
    ['ionos', { user: 'me@example.com', region: 'nowhere' }, /no region "nowhere"/],
    ['proton-bridge', { user: 'me' }, /--host is missing/],
  ])('%s with %j is refused', (key, wishes, words) => {
    expect(urlFromPreset(preset(key), { ...NOTHING, ...wishes })).toMatchObject({
      kind: 'refused',
      text: expect.stringMatching(words),
    });
  });
});

describe('a new upstream', () => {
  const settings = (host: string, more: object = {}) => settingsOf({ url: `smtps://${host}`, ...more });

  it('gets what its provider takes, where nothing else is given', () => {
    expect(settings('smtp.office365.com')).toMatchObject({
      connections: 3,
      pacing: { messagesPerMinute: 30, messagesPerHour: null },
      identity: { displayName: 'without-at', rewrite: 'keep' },
    });
    expect(settings('smtp.sparkpostmail.com').pacing.messagesPerConnection).toBe(100);
    expect(settings('mail.example.com')).toMatchObject({
      connections: 3,
      pacing: { messagesPerMinute: null, messagesPerDay: null },
      messageSize: null,
      identity: { displayName: 'keep' },
    });
  });

  it('gets what is given, be it no limit', () => {
    const more = { connections: 1, pacing: { messagesPerMinute: null }, identity: { displayName: 'keep' } };
    expect(settings('smtp.office365.com', more)).toMatchObject({
      connections: 1,
      pacing: { messagesPerMinute: null },
      identity: { displayName: 'keep' },
    });
  });
});

describe('advice', () => {
  const oauth = oauthSettings(
    { clientId: 'client-1', testing: true },
    {
      place: addressOf('smtps://me@gmail.com@smtp.gmail.com'),
      presetProvider: 'google',
      secret: 's',
      before: null,
    },
  );
  const testing = oauth.kind === 'settings' ? oauth.settings : null;

  const warned = (url: string, more: Readonly<{ key?: string }> = {}): string => {
    const upstream = { ...addressOf(url), oauth: null, ehloName: null, ...more };
    const preset = presetOf({ ...upstream, preset: upstream.key ?? null });
    return preset === null ? '' : warningsFor(upstream, preset, 'nas').join('\n');
  };

  it.each<[string, string, object, RegExp]>([
    [
      'a password at Microsoft 365',
      'smtp+starttls://me@example.com@smtp.office365.com',
      {},
      /end of December 2026.*oauth\.md/,
    ],
    [
      'a password at Outlook.com',
      'smtp+starttls://me@outlook.com@smtp-mail.outlook.com',
      {},
      /refuses passwords/,
    ],
    ['old TLS', 'smtp+starttls://me@example.com@smtp-legacy.office365.com', {}, /use smtp\.office365\.com/],
    ['a name without a domain', 'smtp+starttls://smtp-relay.gmail.com', {}, /"nas".*--ehlo-name/],
    [
      'localhost',
      'smtp+starttls://smtp-relay.gmail.com',
      { ehloName: 'localhost.localdomain' },
      /--ehlo-name/,
    ],
    [
      'a consent screen in testing',
      'smtps://me@gmail.com@smtp.gmail.com',
      { oauth: testing },
      /seven days.*--oauth-published/,
    ],
    [
      'TLS from the start at Microsoft',
      'smtps://me@example.com@smtp.office365.com',
      {},
      /use smtp\+starttls/,
    ],
    ['TLS from the start at Postmark', 'smtps://key@smtp.postmarkapp.com', {}, /use smtp\+starttls.*587/],
    ['a temporary key', 'ses+https://ASIA1@email.eu-west-1.amazonaws.com', {}, /temporary access key/],
    [
      'an address in place of a key',
      'smtp+starttls://me@example.com@email-smtp.eu-west-1.amazonaws.com',
      {},
      /"me@example\.com" is no id of an access key/,
    ],
    [
      'an SMTP user in place of a domain',
      'mailgun+https://postmaster@mg.example.com@api.mailgun.net',
      {},
      /no sending domain.*mg\.example\.com/,
    ],
    ["another provider's host", 'smtps://me@gmx.net@mail.gmx.net', { key: 'gmail' }, /use --preset gmx\./],
    [
      'OAuth2 at Yahoo',
      'smtps://me@yahoo.com@smtp.mail.yahoo.com',
      { oauth: { ...testing, testing: false } },
      /no new OAuth2/,
    ],
  ])('against %s', (_, url, more, words) => {
    expect(warned(url, more)).toMatch(words);
  });

  it.each<[string, object]>([
    ['smtps://me@gmail.com@smtp.gmail.com', {}],
    ['smtp+starttls://me@example.com@smtp.office365.com', { oauth: { ...testing, testing: false } }],
    ['smtp+starttls://smtp-relay.gmail.com', { ehloName: 'gate.example.com' }],
    ['smtps://me@mail.example.com', {}],
    ['smtps://me@stand-in.example.com', { key: 'gmail' }],
    ['mailgun+https://mg.example.com@api.mailgun.net', {}],
    ['ses+https://AKIAIOSFODNN7EXAMPLE@email.eu-west-1.amazonaws.com', {}],
  ])('is silent where nothing speaks against it: %s %j', (url, more) => {
    expect(warned(url, more)).toBe('');
  });

  it('says what is taken as a password only where one is used', () => {
    const graph = presetByKey('graph');
    const gmail = presetByKey('gmail');
    if (graph === null || gmail === null) throw new Error('both are there');
    const upstream = { ...addressOf('smtps://me@gmail.com@smtp.gmail.com'), ehloName: null };
    expect(adviceFor({ ...upstream, oauth: null }, gmail).join(' ')).toMatch(/app password/);
    expect(adviceFor({ ...upstream, oauth: testing }, gmail).join(' ')).not.toMatch(/app password/);
    expect(adviceOf(graph).join(' ')).toMatch(/about 3 MB/);
  });
});
