// What the operator gave Postern and only the sealing key opens, by the names of what it belongs to: where the key is lost, it
// must be given again. One statement, and the parser of its rows; what is made again without anybody's help is not in it.

import type { Row } from './database.ts';

export type LostWithKey = Readonly<{
  /** Upstreams that need their password again. */
  upstreams: readonly string[];
  /** Upstreams that need the secret of their OAuth2 client again. */
  clientSecrets: readonly string[];
  /** Upstreams that need the key of their service account again. */
  serviceAccounts: readonly string[];
  /** Upstreams at which a person must agree again. */
  consents: readonly string[];
  /** Alert channels, which must be added again. */
  channels: readonly string[];
}>;

/** The settings are JSON as oauth-settings.ts writes it. */
export const SELECT_LOST_WITH_KEY = `
  SELECT 'password' AS what, name FROM upstream WHERE sealed_password IS NOT NULL
  UNION ALL SELECT
    CASE WHEN oauth LIKE '%"flow":"service-account"%' THEN 'service-account' ELSE 'client-secret' END, name
    FROM upstream WHERE sealed_client_secret IS NOT NULL
  UNION ALL SELECT 'consent', upstream.name FROM consent JOIN upstream ON upstream.id = consent.upstream_id
  UNION ALL SELECT 'channel', name FROM alert_channel
  ORDER BY 1, 2`;

export function lostFromRows(rows: readonly Row[]): LostWithKey {
  const named = (what: string) =>
    rows.filter(row => row['what'] === what).map(({ name }) => String(name ?? ''));
  return {
    upstreams: named('password'),
    clientSecrets: named('client-secret'),
    serviceAccounts: named('service-account'),
    consents: named('consent'),
    channels: named('channel'),
  };
}
