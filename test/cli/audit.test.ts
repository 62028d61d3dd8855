// `postern audit`: what commands leave behind, and how it is found again.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandLine, makeCommandLine } from './command-line.ts';

let line: CommandLine;
beforeAll(async () => {
  line = makeCommandLine();
  await line.json(['account', 'add', 'Scanner', '--password-stdin'], { stdin: 'Correct-Horse-77-Battery\n' });
  await line.json(['account', 'add', 'nas']);
  await line.json(['account', 'disable', 'nas']);
  await line.json(['alert', 'channel', 'add', 'phone', '--ntfy', 'https://ntfy.sh/TOPIC-SECRET']);
});
afterAll(() => line.remove());

const actions = async (...words: readonly string[]) => {
  const entries = await line.json(['audit', 'list', ...words]);
  if (!Array.isArray(entries)) throw new Error('no list');
  return entries.map(({ action, object }) => `${action} ${object}`);
};

describe('audit list', () => {
  it('has what was done, by whom, the newest first', async () => {
    expect(await actions()).toEqual([
      'alert.channel-added phone',
      'account.disabled nas',
      'account.added nas',
      'account.added Scanner',
    ]);
    const [first] = JSON.parse((await line.run(['audit', 'list', '--json'])).stdout);
    expect(first).toEqual({
      id: expect.any(String),
      happened_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      last_at: first.happened_at,
      actor: 'operator:tester',
      action: 'alert.channel-added',
      object: 'phone',
      account: null,
      address: null,
      detail: 'ntfy',
      count: 1,
    });
  });

  it('is chosen by account, action, time and number', async () => {
    expect(await actions('--account', 'SCANNER')).toEqual(['account.added Scanner']);
    expect(await actions('--action', 'account.added', '--limit', '1')).toEqual(['account.added nas']);
    expect(await actions('--since', '1h')).toHaveLength(4);
    expect(await actions('--since', '2020-01-01')).toHaveLength(4);
    expect(await actions('--since', '2090-01-01 12:00')).toEqual([]);
  });

  it('never has a secret in it', async () => {
    const text =
      (await line.run(['audit', 'list', '--json'])).stdout + (await line.run(['audit', 'list'])).stdout;
    expect(text).not.toMatch(/Correct-Horse|TOPIC-SECRET/);
  });

  it.each([
    [['--action', 'login'], /--action takes one of login\.new-address/],
    [['--limit', '0'], /--limit takes a number/],
    [['--since', 'yesterday'], /--since takes a duration/],
    [['--since', '2026-13-45'], /--since takes a duration/],
  ])('%j is wrong usage', async (words, text) => {
    const ran = await line.run(['audit', 'list', ...words]);
    expect(ran).toMatchObject({ status: 2, stdout: '' });
    expect(ran.stderr).toMatch(text);
  });
});
