import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Path, parsePath } from '../../server/smtp/path.ts';

const HOST = 'postern.lan';

function path(text: string): Path {
  const parsed = parsePath(text, HOST);
  if ('kind' in parsed) throw new Error(`${text}: ${parsed.text}`);
  return parsed;
}

describe('what is taken, and its canonical text', () => {
  const table = [
    ['a@example.net', 'a@example.net'],
    ['Scanner.2@EXAMPLE.Net', 'Scanner.2@example.net'],
    ['a+tag=x@example.net', 'a+tag=x@example.net'],
    [' a@example.net ', 'a@example.net'],
    ['a@example.net.', 'a@example.net'],
    ['my_host@WORKGROUP_1', 'my_host@workgroup_1'],
    ['root', 'root@postern.lan'],
    ['root@', 'root@postern.lan'],
    ['postmaster', 'postmaster@postern.lan'],
    ['root@localhost', 'root@localhost'],
    ['scanner@192.0.2.7', 'scanner@192.0.2.7'],
    ['@relay.example,@other.example:a@example.net', 'a@example.net'],
    ['"quoted"@example.net', 'quoted@example.net'],
    ['"my printer"@example.net', '"my printer"@example.net'],
    ['"a@b"@example.net', '"a@b"@example.net'],
    ['"a\\"b\\\\c"@example.net', '"a\\"b\\\\c"@example.net'],
    ['"a\\b"@example.net', 'ab@example.net'],
    ['""@example.net', '""@example.net'],
    ['a..b@example.net', '"a..b"@example.net'],
    ['a.@example.net', '"a."@example.net'],
    ['"my printer"', '"my printer"@postern.lan'],
    ['a@[192.0.2.1]', 'a@[192.0.2.1]'],
    ['a@[IPv6:2001:DB8::1]', 'a@[IPv6:2001:db8::1]'],
    ['a@[2001:db8::1]', 'a@[IPv6:2001:db8::1]'],
    ['a@xn--bcher-kva.example', 'a@xn--bcher-kva.example'],
    ['a@XN--BCHER-KVA.example', 'a@xn--bcher-kva.example'],
    ['a@b\u00fccher.example', 'a@b\u00fccher.example'],
    ['a@B\u00dcCHER.example', 'a@b\u00dccher.example'],
    ['j\u00fcrgen@example.net', 'j\u00fcrgen@example.net'],
    ['\u{1f5a8}@example.net', '\u{1f5a8}@example.net'],
  ] as const;
  for (const [sent, text] of table) {
    it(`${sent} is ${text}`, () => {
      expect(path(sent).text).toBe(text);
    });
  }

  it('keeps the value of a quoted local part apart from its wire form', () => {
    expect(path('"a\\"b"@Example.NET')).toEqual({
      local: 'a"b',
      domain: 'example.net',
      text: '"a\\"b"@example.net',
      smtputf8: false,
    });
  });

  it('says what needs SMTPUTF8', () => {
    expect(path('j\u00fcrgen@example.net').smtputf8).toBe(true);
    expect(path('a@b\u00fccher.example').smtputf8).toBe(true);
    expect(path('a@xn--bcher-kva.example').smtputf8).toBe(false);
  });
});

describe('what is refused, and why', () => {
  const table = [
    ['', 'empty'],
    ['@example.net', 'empty|nothing before'],
    ['@relay.example:', 'empty'],
    ['my printer@example.net', 'space'],
    ['Printer a@example.net', 'space'],
    ['a\u00a0b@example.net', 'space'],
    ['a@b@example.net', 'more than one @'],
    ['"open@example.net', 'quote'],
    ['"a"b@example.net', 'beside the quotes'],
    ['a"b@example.net', 'not allowed'],
    ['a(comment)@example.net', 'not allowed'],
    ['a,b@example.net', 'not allowed'],
    ['a<b@example.net', 'not allowed'],
    ['a\\b@example.net', 'not allowed'],
    ['a@example net', 'not a domain'],
    ['a@example.net,b', 'not a domain'],
    ['a@ex\u3000ample.net', 'not a domain'],
    ['a@-example.net', 'not a domain'],
    ['a@example..net', 'not a domain'],
    [`a@${'x'.repeat(64)}.net`, 'not a domain'],
    ['a@.', 'not a domain'],
    ['a@[192.0.2.256]', 'brackets'],
    ['a@[IPv6:192.0.2.1]', 'brackets'],
    ['a@[fe80::1%eth0]', 'brackets'],
    ['a@[tag:text]', 'brackets'],
    ['a@[192.0.2.1', 'brackets'],
    ['a\r\nRCPT TO:<b@example.net>', 'control'],
    ['a\u0000@example.net', 'control'],
    ['a@example\u0085.net', 'control'],
    ['a\u2028@example.net', 'control'],
    ['"a\tb"@example.net', 'control'],
  ] as const;
  for (const [sent, reason] of table) {
    it(`${JSON.stringify(sent)}: ${reason}`, () => {
      expect(parsePath(sent, HOST)).toEqual({ kind: 'bad', text: expect.stringMatching(reason) });
    });
  }

  it('needs a domain where there is no host name to take', () => {
    expect(parsePath('scanner', '')).toMatchObject({ kind: 'bad' });
  });
});

describe('limits in octets (RFC 5321 §4.5.3.1)', () => {
  const long = (octets: number) => `${'d'.repeat(60)}.`.repeat(5).slice(0, octets);
  const table = [
    ['64 before the @', `${'l'.repeat(64)}@example.net`, true],
    ['65 before the @', `${'l'.repeat(65)}@example.net`, false],
    ['33 characters of two octets before the @', `${'\u00fc'.repeat(33)}@example.net`, false],
    ['62 that need quotes', `"${'a '.repeat(31)}"@example.net`, true],
    ['64 that need quotes', `"${'a '.repeat(32)}"@example.net`, false],
    ['254 in all', `a@${long(252)}`, true],
    ['255 in all', `a@${long(253)}`, false],
    ['256 after the @', `a@${long(256)}`, false],
  ] as const;
  for (const [name, sent, taken] of table) {
    it(`${name}: ${taken ? 'taken' : 'refused'}`, () => {
      const parsed = parsePath(sent, HOST);
      expect('kind' in parsed).toBe(!taken);
      if ('kind' in parsed) expect(parsed.text).toMatch(/longer than \d+ octets/);
    });
  }
});

describe('properties', () => {
  const anything = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom(...'aB1 .@"\\<>[]:,\t\u00fc') }),
  );

  it('never throws, and gives text that parses to itself', () => {
    fc.assert(
      fc.property(anything, sent => {
        const first = parsePath(sent, HOST);
        if ('kind' in first) return;
        expect(parsePath(first.text, 'elsewhere.example')).toEqual(first);
      }),
      { numRuns: 2000 },
    );
  });

  it('has no blank, bracket or line end outside of quotes in its text', () => {
    fc.assert(
      fc.property(anything, sent => {
        const parsed = parsePath(sent, HOST);
        if ('kind' in parsed) return;
        expect(parsed.text).not.toMatch(/\p{Cc}/u);
        expect(parsed.text.replace(/^"(?:[^"\\]|\\.)*"/u, '')).not.toMatch(/[\s<>"]/u);
      }),
      { numRuns: 2000 },
    );
  });
});
