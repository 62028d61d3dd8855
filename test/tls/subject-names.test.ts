import { describe, expect, it } from 'vitest';
import { readSubjectName, subjectNames } from '../../server/tls/subject-names.ts';

const values = (hostname: string, names: string[] = [], addresses: string[] = []) =>
  subjectNames({ hostname, names, addresses }).map(name => name.value);

describe('a name for a certificate', () => {
  it.each([
    ['mail.example.com', 'dns', 'mail.example.com'],
    ['NAS', 'dns', 'nas'],
    ['nas.lan.', 'dns', 'nas.lan'],
    ['my_nas.lan', 'dns', 'my_nas.lan'],
    ['bücher.example', 'dns', 'xn--bcher-kva.example'],
    ['*.home.arpa', 'dns', '*.home.arpa'],
    ['192.168.1.5', 'ip', '192.168.1.5'],
    ['FD00:0:0::5', 'ip', 'fd00::5'],
    ['[fd00::5]', 'ip', 'fd00::5'],
  ])('%s is a %s: %s', (text, kind, value) => {
    expect(readSubjectName(text)).toEqual({ kind, value });
  });

  it.each([
    '',
    ' ',
    'a b',
    'fe80::1%eth0',
    'x..y',
    '-x.example',
    'http://x',
    'a'.repeat(64),
    '*',
    '*.',
  ])('%j is none', text => {
    expect(readSubjectName(text)).toBeNull();
  });
});

describe('the names of this server', () => {
  it('are its host name, its first label with and without .local, localhost, and the loopback addresses', () => {
    expect(values('nas.example.lan')).toEqual([
      ...['nas.example.lan', 'nas.local', 'nas', 'localhost', '127.0.0.1', '::1'],
    ]);
  });

  it('come once each', () => {
    expect(values('nas', ['NAS', 'nas.local', '::1'], ['127.0.0.1'])).toEqual([
      ...['nas', 'nas.local', 'localhost', '::1', '127.0.0.1'],
    ]);
  });

  it('include the configured names and the addresses', () => {
    expect(values('nas', ['smtp.example.com', '203.0.113.4'], ['192.168.1.5', 'fd00::5'])).toEqual(
      expect.arrayContaining(['smtp.example.com', '203.0.113.4', '192.168.1.5', 'fd00::5']),
    );
  });

  it('are those of localhost, where there is nothing else', () => {
    expect(values('localhost')).toEqual(['localhost', '127.0.0.1', '::1']);
    expect(values('no host name')).toEqual(['localhost', '127.0.0.1', '::1']);
  });

  it('have room for some addresses, not for hundreds', () => {
    const many = Array.from({ length: 500 }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    expect(values('nas', [], many).length).toBeLessThan(60);
  });
});
