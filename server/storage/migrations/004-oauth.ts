// OAuth2 and sending APIs: what an upstream needs beside a password, and the consents of people. Times are integer
// milliseconds since 1970.

export const oauth = {
  number: 4,
  name: 'oauth',
  statements: [
    // path: what all addresses of a sending API begin with. region: Amazon's. oauth: JSON (relay/oauth/oauth-settings.ts).
    // preset: the key of the preset that it was added with.
    'ALTER TABLE upstream ADD COLUMN path TEXT',
    'ALTER TABLE upstream ADD COLUMN region TEXT',
    'ALTER TABLE upstream ADD COLUMN oauth TEXT',
    'ALTER TABLE upstream ADD COLUMN sealed_client_secret BLOB',
    'ALTER TABLE upstream ADD COLUMN preset TEXT',
    // What a person has consented to. sealed: the refresh token. generation: rises with each token, so that of two
    // processes one alone stores what came of a refresh. consented_at: when the person was asked; refreshed_at: when the
    // token was last used; ends_at: when the provider said that it ends, NULL where it did not. busy_until, busy_by: who
    // refreshes now, for a minute at most: a rotated token may be used once only.
    `CREATE TABLE consent (
      upstream_id TEXT NOT NULL PRIMARY KEY,
      sealed BLOB NOT NULL,
      generation INTEGER NOT NULL,
      consented_at INTEGER NOT NULL,
      refreshed_at INTEGER NOT NULL,
      ends_at INTEGER,
      busy_until INTEGER,
      busy_by TEXT
    )`,
  ],
} as const;
