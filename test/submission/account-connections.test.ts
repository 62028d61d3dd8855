import { describe, expect, it } from 'vitest';
import { createAccountConnections } from '../../server/submission/account-connections.ts';

describe('the connections of an account', () => {
  it('are limited, and make room when they end', () => {
    const connections = createAccountConnections(2);
    const [one, two, three] = [1, 2, 3].map(() => connections.forConnection());
    expect([one, two, three].map(place => place?.take('printer'))).toEqual([true, true, false]);
    expect(three?.take('camera')).toBe(true);
    one?.end();
    one?.end();
    expect(three?.take('printer')).toBe(true);
    expect(connections.forConnection().take('printer')).toBe(false);
  });

  it('count once, however often one connection logs in', () => {
    const connections = createAccountConnections(1);
    const place = connections.forConnection();
    for (let n = 0; n < 5; n++) expect(place.take('printer')).toBe(true);
    place.end();
    expect(connections.forConnection().take('printer')).toBe(true);
  });

  it('are not taken by a login that is still computed when its connection has ended', () => {
    const connections = createAccountConnections(1);
    const gone = connections.forConnection();
    gone.end();
    expect(gone.take('printer')).toBe(false);
    expect(connections.forConnection().take('printer')).toBe(true);
  });
});
