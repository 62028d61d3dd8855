import { describe, expect, it } from 'vitest';
import { DATA_WINDOW, overdue, type Progress } from '../../server/submission/deadlines.ts';

const deadlines = { idle: 300_000, login: 60_000, command: 10_000, dataRate: 256 };
const waiting: Progress = {
  connectedAt: 0,
  authenticated: true,
  waitingSince: 0,
  lineSince: null,
  data: null,
};

describe('a session is ended', () => {
  it('when no command comes for too long', () => {
    expect(overdue(waiting, deadlines, 299_999)).toBeNull();
    expect(overdue(waiting, deadlines, 300_000)).toMatchObject({ code: 421, enhanced: '4.4.2' });
  });

  it('when there is no login in time, however busy the client is', () => {
    const busy = { ...waiting, authenticated: false, waitingSince: 59_000 };
    expect(overdue(busy, deadlines, 59_999)).toBeNull();
    expect(overdue(busy, deadlines, 60_000)).toMatchObject({ code: 421, enhanced: '4.7.0' });
  });

  it('when a command drips in octet by octet', () => {
    const dripping = { ...waiting, waitingSince: 5_000, lineSince: 5_000 };
    expect(overdue(dripping, deadlines, 14_999)).toBeNull();
    expect(overdue(dripping, deadlines, 15_000)).toMatchObject({ code: 421 });
  });

  it('when message data comes too slowly over a whole window', () => {
    const slow = { ...waiting, waitingSince: null, data: { windowSince: 0, octets: 100 } };
    expect(overdue(slow, deadlines, DATA_WINDOW - 1)).toBeNull();
    expect(overdue(slow, deadlines, DATA_WINDOW)).toMatchObject({ code: 421, enhanced: '4.4.2' });
    const enough = { ...slow, data: { windowSince: 0, octets: (256 * DATA_WINDOW) / 1000 } };
    expect(overdue(enough, deadlines, DATA_WINDOW)).toBeNull();
  });

  it('never while the client waits for us', () => {
    expect(
      overdue({ ...waiting, authenticated: false, waitingSince: null }, deadlines, 10_000_000),
    ).toBeNull();
  });
});
