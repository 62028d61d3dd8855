// Where Google and Microsoft give out tokens, and for which rights we ask them. Of other providers the operator says it. Pure.
// Google: developers.google.com/workspace/gmail/imap/xoauth2-protocol, developers.google.com/identity/protocols/oauth2/native-app.
// Microsoft: learn.microsoft.com, "Authenticate an IMAP, POP or SMTP connection using OAuth", "National clouds".

import { apiOf, type UpstreamScheme } from '../upstream-scheme.ts';
import type { OAuthFlow, OAuthSettings } from './oauth-settings.ts';

/** What a provider has for everybody; the operator may say otherwise. */
export type Standard = Pick<
  OAuthSettings,
  'authorizationEndpoint' | 'deviceEndpoint' | 'scopes' | 'redirectUri'
> &
  Readonly<{ tokenEndpoint: string | null }>;

export type Asked = Readonly<{
  provider: OAuthSettings['provider'];
  flow: OAuthFlow;
  scheme: UpstreamScheme;
  host: string;
  /** Of Microsoft; a tenant's id or domain, or one of COMMON_TENANTS. */
  tenant: string;
}>;

/** Everybody, every organisation, every private person: none that an application could act in by itself. */
export const COMMON_TENANTS: readonly string[] = ['common', 'organizations', 'consumers'];

export function standardFor(asked: Asked): Standard {
  switch (asked.provider) {
    case 'google':
      return google(asked);
    case 'microsoft':
      return microsoft(asked);
    case 'other':
      return {
        authorizationEndpoint: null,
        deviceEndpoint: null,
        tokenEndpoint: null,
        scopes: [],
        redirectUri: 'http://127.0.0.1',
      };
    default:
      return asked.provider satisfies never;
  }
}

/** The tenant in an endpoint of Microsoft's; null: it is none. */
export function tenantIn(endpoint: string): string | null {
  return /^https:\/\/login\.[\w.]+\/([^/]+)\/oauth2\/v2\.0\/\w+$/.exec(endpoint)?.[1] ?? null;
}

/** Private mailboxes of Microsoft's, by their domains. */
export function isPersonalMicrosoft(host: string, user: string | null): boolean {
  return (
    host === 'smtp-mail.outlook.com' || /@(outlook|hotmail|live|msn)(\.[a-z]{2,3}){1,2}$/i.test(user ?? '')
  );
}

function google({ scheme }: Asked): Standard {
  return {
    authorizationEndpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
    // Its device endpoint gives no rights to mail.
    deviceEndpoint: null,
    tokenEndpoint: 'https://oauth2.googleapis.com/token',
    scopes: [
      apiOf(scheme) === 'gmail' ? 'https://www.googleapis.com/auth/gmail.send' : 'https://mail.google.com/',
    ],
    redirectUri: 'http://127.0.0.1',
  };
}

function microsoft({ flow, scheme, host, tenant }: Asked): Standard {
  const cloud = cloudOf(host);
  const base = `https://${cloud.login}/${tenant}/oauth2/v2.0`;
  const isGraph = apiOf(scheme) === 'graph';
  const byPerson = isGraph ? `${cloud.graph}/Mail.Send` : `${cloud.outlook}/SMTP.Send`;
  const byItself = `${isGraph ? cloud.graph : cloud.outlookForApps}/.default`;
  return {
    authorizationEndpoint: `${base}/authorize`,
    deviceEndpoint: `${base}/devicecode`,
    tokenEndpoint: `${base}/token`,
    scopes: flow === 'client-credentials' ? [byItself] : [byPerson, 'offline_access'],
    redirectUri: 'http://localhost',
  };
}

type Cloud = Readonly<{ login: string; outlook: string; outlookForApps: string; graph: string }>;

function cloudOf(host: string): Cloud {
  if (/(^|\.)(partner\.outlook|chinacloudapi)\.cn$/.test(host)) {
    return {
      login: 'login.partner.microsoftonline.cn',
      outlook: 'https://partner.outlook.cn',
      outlookForApps: 'https://partner.outlook.cn',
      graph: 'https://microsoftgraph.chinacloudapi.cn',
    };
  }
  if (/\.(office365|microsoft)\.us$/.test(host)) {
    return {
      login: 'login.microsoftonline.us',
      outlook: 'https://outlook.office365.us',
      outlookForApps: 'https://outlook.office365.us',
      graph: `https://${host.startsWith('dod-') ? 'dod-' : ''}graph.microsoft.us`,
    };
  }
  return {
    login: 'login.microsoftonline.com',
    outlook: 'https://outlook.office.com',
    outlookForApps: 'https://outlook.office365.com',
    graph: 'https://graph.microsoft.com',
  };
}
