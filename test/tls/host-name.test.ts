import { describe, expect, it } from 'vitest';
import { chooseHostName } from '../../server/tls/host-name.ts';

const choose = (machine: string, kept: string | null = null, configured?: string) =>
  chooseHostName({ configured, kept, machine });

describe('the host name', () => {
  it('is the configured one, and that is not kept: it may be taken away again', () => {
    expect(choose('nas', 'old', 'Mail.Example.com.')).toEqual({
      hostname: 'mail.example.com',
      keep: null,
      warning: null,
    });
  });

  it('is the one of an earlier start, whatever the machine is called now', () => {
    expect(choose('renamed', 'nas')).toEqual({ hostname: 'nas', keep: null, warning: null });
  });

  it('is the machine’s at the first start', () => {
    expect(choose('NAS.lan')).toEqual({ hostname: 'nas.lan', keep: 'nas.lan', warning: null });
  });

  it.each(['3f2a9c0d1e4b', '3f2a9c0d1e4b'.padEnd(64, '0')])('is not the container id %s', id => {
    const chosen = choose(id);
    expect(chosen.hostname).toBe('postern');
    expect(chosen.warning).toContain('container');
    expect(chosen.warning).toContain('POSTERN_HOSTNAME');
  });

  it.each([
    '',
    'localhost',
    'localhost.localdomain',
    '192.168.1.5',
    'what is this',
  ])('is not %j, which other machines cannot use', machine => {
    expect(choose(machine)).toMatchObject({ hostname: 'postern', keep: 'postern' });
    expect(choose(machine).warning).not.toBeNull();
  });

  it('may look a little like an id', () => {
    expect(choose('cafe').warning).toBeNull();
    expect(choose('deadbeef0001x').warning).toBeNull();
  });
});
