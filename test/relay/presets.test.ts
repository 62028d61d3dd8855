// What is known of providers: found by their hosts, and only by them.

import { describe, expect, it } from 'vitest';
import { presetFor } from '../../server/relay/presets.ts';
import { newSettings } from '../../server/relay/upstream-input.ts';

describe('a provider', () => {
  it.each([
    ['smtp.office365.com', 'Microsoft 365'],
    ['SMTP.Office365.com.', 'Microsoft 365'],
    ['smtp-relay.gmail.com', 'Google Workspace relay'],
    ['smtp.gmail.com', 'Gmail'],
    ['email-smtp.eu-central-1.amazonaws.com', 'Amazon SES'],
    ['smtp.eu.sparkpostmail.com', 'SparkPost'],
    ['smtppro.zoho.com.au', 'Zoho'],
  ])('is known by its host %s: %s', (host, provider) => {
    expect(presetFor(host)?.provider).toBe(provider);
  });

  it.each([
    'mail.example.com',
    'smtp.gmail.com.example.net',
    'notsmtp.office365.com',
    '192.0.2.1',
    's3.amazonaws.com',
  ])('is not guessed: %s', host => {
    expect(presetFor(host)).toBeNull();
  });
});

const SEALS = { password: () => new Uint8Array(), clientSecret: () => new Uint8Array() };

describe('a new upstream', () => {
  const settings = (host: string, more: object = {}) => {
    const made = newSettings({ name: 'x', url: `smtps://${host}`, ...more }, SEALS);
    if (made.kind === 'refused') throw new Error(made.text);
    return made.settings;
  };

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
