// Mailbox providers beside Google and Microsoft. Hosts, ports and user names: Thunderbird's ISPDB (2026-03) and the providers'
// own pages; what is known of them by hearsay only is left out.

import { makePreset, NO_HOST, type Preset } from './preset.ts';

const OWN_ADDRESSES = 'The sender must be the address of the account or one of its aliases.';
const ADDRESS = { userName: { kind: 'address' }, senderRule: OWN_ADDRESSES } as const;
const IMPLICIT = { kind: 'mailbox', scheme: 'smtps', port: 465, ...ADDRESS } as const;
const STARTTLS = { kind: 'mailbox', scheme: 'smtp+starttls', port: 587, ...ADDRESS } as const;

const PASSWORD = 'the password of the mailbox';
const NO_OAUTH = 'It gives out no new OAuth2 client ids, so an app password is the only way.';
const SWITCH_ON = 'Access by other programs must be switched on in its settings first.';
const LOCKS = 'Much automatic mail locks the account.';

export const mailboxPresets: readonly Preset[] = [
  makePreset({
    ...STARTTLS,
    key: 'icloud',
    provider: 'iCloud',
    host: 'smtp.mail.me.com',
    hosts: /^smtp\.mail\.me\.com$/,
    secret: 'an app-specific password (https://account.apple.com), which needs two-factor authentication',
    senderRule: 'The sender must be one of the addresses of the account.',
    hints: ['Also with a domain of your own the user name is the iCloud address.'],
    documentation: 'https://support.apple.com/HT202304',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'yahoo',
    provider: 'Yahoo',
    host: 'smtp.mail.yahoo.com',
    hosts: /^smtp\.mail\.yahoo\.com$/,
    secret: 'an app password, made in the security settings of the account',
    senderRule: 'The sender must be the address of the account or a verified one.',
    hints: [NO_OAUTH],
    documentation:
      'https://help.yahoo.com/kb/new-mail-for-desktop/imap-server-settings-yahoo-mail-sln4075.html',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'aol',
    provider: 'AOL',
    host: 'smtp.aol.com',
    hosts: /^smtp\.aol\.com$/,
    secret: 'an app password, made in the security settings of the account',
    senderRule: 'The sender must be the address of the account or a verified one.',
    hints: [NO_OAUTH],
    documentation:
      'https://help.aol.com/articles/how-do-i-use-other-email-applications-to-send-and-receive-my-aol-mail',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'zoho',
    provider: 'Zoho',
    host: 'smtp.zoho.{region}',
    regions: ['com', 'eu', 'in', 'com.au', 'jp', 'com.cn', 'ca'],
    regionHosts: { ca: 'smtp.zohocloud.ca' },
    hosts: /^smtp\.zoho(\.(com|eu|in|com\.au|jp|com\.cn)|cloud\.ca)$/,
    secret: 'the password of the account, or with two-factor authentication an app password',
    hints: [
      'The region is that of the account, as the address of its web page ends.',
      'What looks like unusual sending it blocks for hours or days.',
    ],
    documentation: 'https://www.zoho.com/mail/help/zoho-smtp.html',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'zoho-organisation',
    provider: 'Zoho',
    host: 'smtppro.zoho.{region}',
    regions: ['com', 'eu', 'in', 'com.au', 'jp', 'com.cn', 'ca'],
    regionHosts: { ca: 'smtppro.zohocloud.ca' },
    hosts: /^smtppro\.zoho(\.(com|eu|in|com\.au|jp|com\.cn)|cloud\.ca)$/,
    secret: 'the password of the account, or with two-factor authentication an app password',
    hints: [
      'This is for paid accounts with a domain of their own; the region is that of the account.',
      'What looks like unusual sending it blocks for hours or days.',
    ],
    documentation: 'https://www.zoho.com/mail/help/zoho-smtp.html',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'fastmail',
    provider: 'Fastmail',
    host: 'smtp.fastmail.com',
    hosts: /^smtp\.fastmail\.com$/,
    userName: { kind: 'other', what: 'the login name of the account, which is a whole e-mail address' },
    secret: 'an app password (Settings > Privacy & Security > Manage app passwords)',
    senderRule: 'The sender may be any alias or verified domain of the account.',
    documentation: 'https://www.fastmail.help/hc/en-us/articles/1500000278342',
  }),
  makePreset({
    ...STARTTLS,
    key: 'proton',
    provider: 'Proton',
    host: 'smtp.protonmail.ch',
    hosts: /^smtp\.protonmail\.ch$/,
    userName: { kind: 'other', what: 'the address that the SMTP token was made for' },
    secret: 'an SMTP token (Settings > IMAP/SMTP > SMTP tokens)',
    senderRule: 'A token sends as its one address only.',
    hints: [
      'Only some paid plans have SMTP tokens, and only for addresses in a domain of your own; without, use proton-bridge.',
    ],
    documentation: 'https://proton.me/support/smtp-submission',
  }),
  makePreset({
    ...STARTTLS,
    key: 'proton-bridge',
    provider: 'Proton Mail Bridge',
    host: null,
    port: 1025,
    hosts: NO_HOST,
    userName: { kind: 'other', what: 'the one that the Bridge shows' },
    secret: 'the password that the Bridge shows, not that of the account',
    senderRule: 'The sender must be an address of the account.',
    hints: [
      'The Bridge must run beside Postern (--host 127.0.0.1). Its certificate is its own: export it there and give it with --ca.',
    ],
    documentation: 'https://proton.me/support/bridge',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'gmx',
    provider: 'GMX',
    host: 'mail.gmx.net',
    hosts: /^mail\.gmx\.net$/,
    secret: 'the password of the account, or with two-factor authentication an app password',
    hints: ['This is for gmx.de, gmx.net, gmx.at and gmx.ch.', SWITCH_ON, LOCKS],
    documentation: 'https://hilfe.gmx.net/pop-imap/imap/imap-serverdaten.html',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'gmx.com',
    provider: 'GMX',
    host: 'mail.gmx.com',
    hosts: /^mail\.gmx\.com$/,
    secret: 'the password of the account, or with two-factor authentication an app password',
    hints: ['This is for gmx.com, gmx.us, gmx.co.uk, gmx.fr and gmx.es.', SWITCH_ON, LOCKS],
    documentation: 'https://support.gmx.com/',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'web.de',
    provider: 'WEB.DE',
    host: 'smtp.web.de',
    hosts: /^smtp\.web\.de$/,
    userName: { kind: 'local-part' },
    secret: 'the password of the account, or with two-factor authentication an app password',
    hints: [SWITCH_ON, LOCKS],
    documentation: 'https://hilfe.web.de/pop-imap/imap/imap-serverdaten.html',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'mail.com',
    provider: 'mail.com',
    host: 'smtp.mail.com',
    hosts: /^smtp\.mail\.com$/,
    secret: 'the password of the account',
    hints: [SWITCH_ON],
    documentation: 'https://support.mail.com/',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'mailbox.org',
    provider: 'mailbox.org',
    host: 'smtp.mailbox.org',
    hosts: /^smtp\.mailbox\.org$/,
    secret: 'the password of the mailbox, or with two-factor authentication an application password',
    documentation: 'https://kb.mailbox.org/de/privat/e-mail/e-mail-konfiguration/',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'posteo',
    provider: 'Posteo',
    host: 'posteo.de',
    hosts: /^posteo\.de$/,
    secret: PASSWORD,
    documentation:
      'https://posteo.de/hilfe/wie-richte-ich-posteo-in-einem-mailprogramm-ein-pop3-imap-und-smtp',
  }),
  makePreset({
    ...IMPLICIT,
    key: 't-online',
    provider: 'T-Online',
    host: 'securesmtp.t-online.de',
    hosts: /^securesmtp\.t-online\.de$/,
    secret:
      'the e-mail password, which is made in the customer centre; the password of the web page is refused',
    documentation:
      'https://www.telekom.de/hilfe/apps-dienste/e-mail/einstellungen/posteingang-postausgang-server',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'freenet',
    provider: 'freenet',
    host: 'mx.freenet.de',
    hosts: /^mx\.freenet\.de$/,
    secret: PASSWORD,
    hints: [SWITCH_ON],
    documentation:
      'https://kundenservice.freenet.de/faq/e-mail-client-mail/einstellungen-serverdaten-fuer-alle-e-mail-programme/',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'orange.fr',
    provider: 'Orange',
    host: 'smtp.orange.fr',
    hosts: /^smtp\.orange\.fr$/,
    secret: PASSWORD,
    documentation: 'https://assistance.orange.fr/',
  }),
  makePreset({
    ...IMPLICIT,
    key: 'free.fr',
    provider: 'Free',
    host: 'smtp.free.fr',
    hosts: /^smtp\.free\.fr$/,
    userName: { kind: 'local-part' },
    secret: PASSWORD,
    documentation:
      'https://assistance.free.fr/articles/configurer-de-maniere-avancee-mon-logiciel-de-messagerie-609',
  }),
];
