// OAuth2, sending APIs and presets on the command line: what is asked for, what is stored and shown, and what is not.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(() => {
  line = makeCommandLine();
});
afterAll(() => line.remove());

const SECRET = 'never to be seen';
const secret = { stdin: `${SECRET}\n` };
const M365 = ['--preset', 'microsoft365', '--user', 'scan@example.com'];
const GMAIL = ['--preset', 'gmail', '--user', 'me@gmail.com'];
const CLIENT = ['--oauth-client-id', 'client-1'];

const add = (name: string, ...options: readonly string[]) => ['upstream', 'add', name, ...options];
const set = (name: string, ...options: readonly string[]) => ['upstream', 'set', name, ...options];

describe('an upstream with OAuth2', () => {
  it('is added by a preset; who must agree is told how, and until then it is not authorised', async () => {
    const added = await line.run(add('m365', ...M365, ...CLIENT, '--oauth-tenant', 'example.com'));
    expect(added).toMatchObject({ status: 0, stderr: '' });
    expect(added.stdout).toContain('postern upstream authorize m365');
    expect(added.stdout).toContain('It is Microsoft 365.');
    expect(await line.json(['upstream', 'show', 'm365'])).toMatchObject({
      url: 'smtp+starttls://scan@example.com@smtp.office365.com:587',
      preset: 'microsoft365',
      provider: 'Microsoft 365',
      per_minute: 30,
      oauth: {
        provider: 'microsoft',
        flow: 'device-code',
        client_id: 'client-1',
        scopes: ['https://outlook.office.com/SMTP.Send', 'offline_access'],
        token_endpoint: 'https://login.microsoftonline.com/example.com/oauth2/v2.0/token',
        has_client_secret: false,
        client_secret_ends_at: null,
        testing: false,
      },
      consent: null,
    });
    const shown = await line.run(['upstream', 'show', 'm365']);
    expect(shown.stdout).toMatch(/State +not authorised\n/);
    expect(shown.stdout).toMatch(/Login +OAuth2 of Microsoft\n/);
    expect(shown.stdout).toMatch(/Authorised +not yet: run postern upstream authorize m365\n/);
    expect((await line.run(['upstream', 'list'])).stdout).toMatch(/m365 +yes +not authorised +OAuth2 +smtp/);
  });

  it('takes the client secret from stdin, a file or the prompt, and never shows it', async () => {
    const file = join(line.folder, 'secret');
    writeFileSync(file, `${SECRET}\n`);
    const ways: readonly (readonly [readonly string[], object])[] = [
      [['--oauth-client-secret-stdin'], secret],
      [['--oauth-client-secret-file', file], {}],
      [['--oauth-client-secret-prompt'], { answers: [SECRET] }],
      // Google's clients need one: a person is asked.
      [[], { answers: [SECRET] }],
    ];
    for (const [i, [options, given]] of ways.entries()) {
      const ran = await line.run(add(`google${i}`, ...GMAIL, ...CLIENT, ...options), given);
      const shown = await line.run(['upstream', 'show', `google${i}`]);
      expect([ran.status, shown.status]).toEqual([0, 0]);
      expect(JSON.stringify([ran, shown])).not.toContain(SECRET);
      expect(shown.stdout).toMatch(/Client secret +set\n/);
    }
    expect((await line.run(['upstream', 'list', '--json'])).stdout).not.toContain(SECRET);
  });

  it('may have a right of its own, to which nobody need agree', async () => {
    const app = [
      '--oauth-flow',
      'client-credentials',
      '--oauth-tenant',
      'example.com',
      '--oauth-client-secret-stdin',
    ];
    const ends = ['--oauth-client-secret-ends', '2027-06-30'];
    const added = await line.run(add('app', ...M365, ...CLIENT, ...app, ...ends), secret);
    expect(added).toMatchObject({ status: 0, stdout: expect.stringContaining('postern upstream test app') });
    const shown = await line.run(['upstream', 'show', 'app']);
    expect(shown.stdout).toMatch(/State +ready\n/);
    expect(shown.stdout).toMatch(/Client secret +set, ends 2027-06-30\n/);
    expect(shown.stdout).not.toContain('Authorised');
  });

  it('takes the key file of a service account', async () => {
    const file = join(line.folder, 'account.json');
    const key = `-----BEGIN PRIVATE KEY-----\n${SECRET}\n-----END PRIVATE KEY-----\n`;
    writeFileSync(
      file,
      JSON.stringify({
        type: 'service_account',
        client_email: 'a@b.iam.gserviceaccount.com',
        private_key: key,
      }),
    );
    const gmail = [
      '--preset',
      'gmail-api',
      '--user',
      'scan@example.com',
      '--oauth-service-account-file',
      file,
    ];
    const added = await line.run(add('service', ...gmail));
    expect(added).toMatchObject({ status: 0, stderr: '' });
    const shown = await line.run(['upstream', 'show', 'service']);
    expect(shown.stdout).toMatch(/Tokens +by its own right \(service account\)\n/);
    expect(shown.stdout).toMatch(/Sending API +Gmail API at https:\/\/gmail\.googleapis\.com\n/);
    expect(shown.stdout).toMatch(/Note +.*comes back/);
    expect(JSON.stringify([added, shown])).not.toContain(SECRET);
  });

  it('says when somebody must agree anew, and only then', async () => {
    const same = await line.run(set('m365', '--oauth-client-secret-ends', '2027-06-30'));
    expect(same.stdout).toBe('Upstream m365 is changed.\n');
    const other = await line.run(set('m365', '--oauth-client-id', 'client-2'));
    expect(other.stdout).toContain('postern upstream authorize m365');
    const moved = await line.run(set('m365', '--preset', 'graph', '--user', 'scan@example.com'));
    expect(moved.stdout).toContain('postern upstream authorize m365');
    expect(await line.json(['upstream', 'show', 'm365'])).toMatchObject({
      preset: 'graph',
      oauth: {
        client_id: 'client-2',
        scopes: ['https://graph.microsoft.com/Mail.Send', 'offline_access'],
        token_endpoint: 'https://login.microsoftonline.com/example.com/oauth2/v2.0/token',
      },
    });
  });

  it('goes back to a password, with what speaks against it', async () => {
    const back = await line.run(set('m365', ...M365, '--password-stdin'), secret);
    expect(back).toMatchObject({ status: 0, stdout: expect.stringContaining('without OAuth2 from now on') });
    expect(back.stderr).toMatch(/^postern: warning: Microsoft switches passwords off.*December 2026/);
    expect(await line.json(['upstream', 'show', 'm365'])).toMatchObject({
      oauth: null,
      preset: 'microsoft365',
    });
    expect((await line.run(['upstream', 'show', 'm365'])).stdout).toMatch(
      /Warning +Microsoft switches passwords off/,
    );
  });

  it.each<[string, readonly string[], number, RegExp]>([
    [
      'two secrets from standard input',
      [...GMAIL, ...CLIENT, '--oauth-client-secret-stdin', '--password-stdin'],
      2,
      /can give one secret/,
    ],
    ['a password as well', [...GMAIL, ...CLIENT, '--password-stdin'], 2, /not both/],
    ['no client secret, and nobody to ask', [...GMAIL, ...CLIENT], 1, /--oauth-client-secret-file/],
    ['a device code at Google', [...GMAIL, ...CLIENT, '--oauth-flow', 'device-code'], 1, /no rights to mail/],
    ['no client', ['--preset', 'graph', '--user', 'scan@example.com'], 1, /--oauth-client-id/],
    [
      'no client at Outlook.com',
      ['--preset', 'outlook.com', '--user', 'me@outlook.com'],
      1,
      /--oauth-client-id/,
    ],
    ['an empty option', [...M365, '--oauth-client-id', ''], 2, /cannot be empty/],
    [
      'a key file that is none',
      [...GMAIL, '--oauth-service-account-file', '/nowhere.json'],
      1,
      /key file "\/nowhere\.json" cannot be read/,
    ],
    ['testing and not', [...GMAIL, ...CLIENT, '--oauth-testing', '--oauth-published'], 2, /either/],
    ['a preset and a URL', [...GMAIL, '--url', 'smtps://x@y.example'], 2, /either --url or --preset/],
    ['a user beside a URL', ['--url', 'smtps://y.example', '--user', 'me'], 2, /write both into the URL/],
    ['a preset that is none', ['--preset', 'gmial'], 1, /no preset "gmial"/],
    ['a preset without its user', ['--preset', 'gmail'], 2, /--user is missing/],
  ])('refuses %s', async (_, options, status, said) => {
    const ran = await line.run(add('refused', ...options), secret);
    expect(ran).toMatchObject({ status, stdout: '' });
    expect(ran.stderr).toMatch(/^postern: [^\n]+\n$/);
    expect(ran.stderr).toMatch(said);
    expect(ran.stderr).not.toContain(SECRET);
  });
});

describe('Amazon SES', () => {
  const IAM = { stdin: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n' };

  it('takes a secret access key over SMTP, of which the password of a region is made', async () => {
    const ses = ['--preset', 'ses', '--user', 'AKIA1', '--region', 'eu-west-1', '--iam-secret-stdin'];
    const added = await line.run(add('ses', ...ses), IAM);
    expect(added).toMatchObject({ status: 0, stderr: '' });
    expect(await line.json(['upstream', 'show', 'ses'])).toMatchObject({
      url: 'smtp+starttls://AKIA1@email-smtp.eu-west-1.amazonaws.com:587',
      region: null,
      max_size: 41_943_040,
    });
  });

  it('takes it as the key of its API, and a region where the host names none', async () => {
    const url = ['--url', 'ses+http://AKIA1@127.0.0.1:9000', '--region', 'eu-west-1', '--iam-secret-stdin'];
    expect(await line.json(add('ses-api', ...url), IAM)).toMatchObject({ region: 'eu-west-1', preset: null });
    expect(await line.json(set('ses-api', '--region', 'us-east-1'))).toMatchObject({ region: 'us-east-1' });
    const shown = await line.run(['upstream', 'show', 'ses-api']);
    expect(shown.stdout).toMatch(/Sending API +Amazon SES at http:\/\/127\.0\.0\.1:9000\/v2\/email\n/);
    expect(shown.stdout).toMatch(/Login +key\n/);
  });

  it('behind a host of its own needs the region for the password, which is not kept', async () => {
    const own = ['--preset', 'ses', '--user', 'AKIA1', '--host', 'ses.example.com', '--iam-secret-stdin'];
    expect(await line.run(add('refused', ...own), IAM)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--region is missing'),
    });
    expect(await line.json(add('own', ...own, '--region', 'eu-west-1'), IAM)).toMatchObject({
      host: 'ses.example.com',
      preset: 'ses',
      region: null,
    });
  });

  it('moves with its region, for which the password is made anew', async () => {
    const ses = ['--preset', 'ses', '--user', 'AKIA1', '--region', 'eu-west-1', '--iam-secret-stdin'];
    await line.json(add('moving', ...ses), IAM);
    expect(await line.run(set('moving', '--region', 'us-east-1'))).toMatchObject({ status: 2 });
    expect(await line.json(set('moving', '--region', 'us-east-1', '--iam-secret-stdin'), IAM)).toMatchObject({
      url: 'smtp+starttls://AKIA1@email-smtp.us-east-1.amazonaws.com:587',
      preset: 'ses',
      region: null,
    });
    const api = ['--preset', 'ses-api', '--user', 'AKIA1', '--region', 'eu-west-1', '--iam-secret-stdin'];
    await line.json(add('moving-api', ...api), IAM);
    expect(await line.json(set('moving-api', '--region', 'us-east-1'))).toMatchObject({
      url: 'ses+https://AKIA1@email.us-east-1.amazonaws.com:443',
      preset: 'ses-api',
      region: null,
    });
    const nowhere = await line.run(set('moving-api', '--region', 'mars'));
    expect(nowhere).toMatchObject({ status: 2, stderr: expect.stringContaining('no region "mars"') });
    const url = 'ses+https://AKIA1@email.eu-west-1.amazonaws.com';
    expect(await line.run(set('moving-api', '--url', url, '--region', 'us-east-1'))).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('is in the region eu-west-1, and not in us-east-1'),
    });
  });

  it('has two secrets, of which each is known where the other one is wanted', async () => {
    const ses = ['--preset', 'ses', '--user', 'AKIA1', '--region', 'eu-west-1'];
    const api = ['--preset', 'ses-api', '--user', 'AKIA1', '--region', 'eu-west-1'];
    const password = { stdin: 'BMW5RDrXmmVs0lV7GpI4oLkHXpZ4stDsk6q91z1g38Pk\n' };
    for (const [options, given, said] of [
      [[...ses, '--password-stdin'], IAM, '--iam-secret-stdin'],
      [[...ses, '--iam-secret-stdin'], password, '--password-stdin'],
      [[...api, '--password-stdin'], password, 'wants the secret access key'],
    ] as const) {
      const ran = await line.run(add('refused', ...options), given);
      expect(ran).toMatchObject({ status: 1, stderr: expect.stringContaining(said) });
      expect(ran.stderr).not.toContain(given.stdin.trim());
    }
    expect(await line.run(add('right', ...ses, '--password-stdin'), password)).toMatchObject({ status: 0 });
  });

  it('is the only one that takes one', async () => {
    const elsewhere = ['--url', 'smtps://me@smtp.example.com', '--iam-secret-stdin'];
    expect(await line.run(add('refused', ...elsewhere), IAM)).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('Amazon SES alone'),
    });
  });
});

describe('a password', () => {
  it('given for one provider is never kept for another', async () => {
    await line.json(add('kept', ...M365, '--password-stdin'), secret);
    expect(await line.run(set('kept', ...GMAIL))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--password-stdin'),
    });
    const asked = await line.run(set('kept', ...GMAIL), { answers: ['another one'] });
    expect(asked).toMatchObject({ status: 0, stderr: expect.stringContaining('Password for kept: ') });
    expect(
      await line.json(set('kept', '--preset', 'google-workspace', '--user', 'me@gmail.com')),
    ).toMatchObject({
      preset: 'google-workspace',
    });
    expect(await line.json(set('kept', '--url', 'smtps://me@smtp.example.com'))).toMatchObject({
      preset: null,
    });
  });

  it('stays where only the host or its port is another', async () => {
    expect(await line.json(set('kept', '--host', 'mail.example.com:2465'))).toMatchObject({
      url: 'smtps://me@mail.example.com:2465',
    });
    expect(await line.json(set('kept', '--host', '2001:db8::1'))).toMatchObject({
      url: 'smtps://me@[2001:db8::1]:2465',
    });
  });
});

describe('a sending API', () => {
  it('asks for its key on a terminal', async () => {
    const added = await line.run(add('api', '--preset', 'sparkpost-api'), { answers: [SECRET] });
    expect(added.status).toBe(0);
    expect(added.stderr).toContain('API key for api: ');
    expect(JSON.stringify(added)).not.toContain(SECRET);
    expect(await line.json(['upstream', 'list'])).toContainEqual(
      expect.objectContaining({
        name: 'api',
        url: 'sparkpost+https://api.sparkpost.com:443',
        max_size: 20_971_520,
      }),
    );
  });

  it('wants another key when it becomes another API', async () => {
    const mailgun = ['--preset', 'mailgun-api', '--user', 'mg.example.com'];
    expect(await line.run(set('api', ...mailgun))).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--password-stdin'),
    });
    expect(await line.json(set('api', ...mailgun, '--password-stdin'), secret)).toMatchObject({
      url: 'mailgun+https://mg.example.com@api.mailgun.net:443',
      preset: 'mailgun-api',
    });
    expect(await line.json(set('api', '--user', 'other.example.com'))).toMatchObject({
      user: 'other.example.com',
      preset: 'mailgun-api',
    });
  });
});

describe('upstream presets', () => {
  it('are listed, with how one logs in', async () => {
    const listed = await line.run(['upstream', 'presets']);
    expect(listed.stdout).toMatch(/^gmail +Gmail +mailbox +password, OAuth2 +smtp\.gmail\.com:465$/m);
    expect(listed.stdout).toMatch(
      /^graph +Microsoft Graph +sending API +OAuth2 +graph\.microsoft\.com:443$/m,
    );
    expect(listed.stdout).toMatch(/^ses-api +.* +key +email\.\{region\}\.amazonaws\.com:443$/m);
    expect(await line.json(['upstream', 'presets'])).toContainEqual(
      expect.objectContaining({ key: 'sendgrid', user: 'apikey', port: 587, oauth: null }),
    );
  });

  it('are shown one by one, with what to type', async () => {
    const shown = await line.run(['upstream', 'presets', 'ses']);
    expect(shown.stdout).toMatch(/Regions +us-east-1, /);
    expect(shown.stdout).toMatch(
      /Add it +postern upstream add NAME --preset ses --user USER --region REGION\n/,
    );
    expect(await line.run(['upstream', 'presets', 'nobody'])).toMatchObject({ status: 1 });
  });
});
