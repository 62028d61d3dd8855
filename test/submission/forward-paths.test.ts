import { describe, expect, it } from 'vitest';
import { parsePath } from '../../server/smtp/path.ts';
import { noForwardPaths } from '../../server/submission/forward-paths.ts';

const path = (text: string) => {
  const parsed = parsePath(text, 'postern.test');
  if ('kind' in parsed) throw new Error(parsed.text);
  return parsed;
};
const [a, b, c] = [path('a@example.net'), path('b@example.net'), path('c@example.net')];

describe('forward-paths', () => {
  it('are kept in order, each once', () => {
    const all = noForwardPaths().with(a).with(b).with(a);
    expect([all.length, all.list()]).toEqual([2, [a, b]]);
    expect([all.has(b), all.has(c)]).toEqual([true, false]);
  });

  it('carry what was asked to be told of each, the first time it was named', () => {
    const nothing = { notify: null, originalRecipient: null };
    const asked = { notify: 'never', originalRecipient: 'rfc822;b@example.net' } as const;
    const all = noForwardPaths().with(a).with(b, asked).with(b, nothing);
    expect(all.dsn()).toEqual([nothing, asked]);
    expect(noForwardPaths().with(a).with(b, nothing).dsn()).toBeNull();
  });

  it('are one where mail to both is mail to one: domains without case, local parts with it', () => {
    const paths = noForwardPaths().with(path('a@Example.net'));
    expect(paths.has(path('a@example.NET'))).toBe(true);
    expect(paths.has(path('"a"@example.net'))).toBe(true);
    expect(paths.has(path('A@example.net'))).toBe(false);
  });

  it('are a value: what is added to one is in no other', () => {
    const one = noForwardPaths().with(a);
    const [left, right] = [one.with(b), one.with(c)];
    expect([one, left, right].map(paths => paths.list())).toEqual([[a], [a, b], [a, c]]);
    expect([one.has(b), left.has(c), right.has(b)]).toEqual([false, false, false]);
    expect(one.with(a)).toBe(one);
    expect(noForwardPaths().list()).toEqual([]);
  });
});
