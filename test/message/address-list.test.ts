import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findAddresses } from '../../server/message/address-list.ts';

/** The addresses, or why it cannot be read. */
function found(value: string): readonly string[] | string {
  const result = findAddresses(value);
  return result.kind === 'found' ? result.paths.map(path => path.text) : result.why;
}

describe('what RFC 5322 allows', () => {
  it.each<[string, readonly string[]]>([
    ['scan@example.com', ['scan@example.com']],
    ['<scan@example.com>', ['scan@example.com']],
    ['Scanner <scan@EXAMPLE.com>', ['scan@example.com']],
    ['"Scanner, 2nd floor" <scan@example.com>', ['scan@example.com']],
    ['"a \\"b\\" c" <scan@example.com>', ['scan@example.com']],
    ['scan@example.com (Scanner (2nd floor))', ['scan@example.com']],
    ['(x) scan (y) @ (z) example.com', ['scan@example.com']],
    ['a@example.com, B <b@example.com>,\tc@example.com', ['a@example.com', 'b@example.com', 'c@example.com']],
    [',a@example.com,,', ['a@example.com']],
    ['"two words"@example.com', ['"two words"@example.com']],
    ['"plain"@example.com', ['plain@example.com']],
    ['<@one.example,@two.example:scan@example.com>', ['scan@example.com']],
    ['scan@[192.0.2.1]', ['scan@[192.0.2.1]']],
    ['Printers: a@example.com, B <b@example.com>;', ['a@example.com', 'b@example.com']],
    ['Nobody:;', []],
    ['', []],
    ['Büro <büro@münchen.example>', ['büro@münchen.example']],
    ['=?utf-8?q?B=C3=BCro=2C_links?= <scan@example.com>', ['scan@example.com']],
    ['=?utf-8?q?B=C3=BCro?=\t=?iso-8859-1?q?_=28S=FCd=29?= <scan@example.com>', ['scan@example.com']],
    ['[Office] Scanner <scan@example.com>', ['scan@example.com']],
    ["O'Neil <o'neil@example.com>", ["o'neil@example.com"]],
  ])('%s', (value, addresses) => {
    expect(found(value)).toEqual(addresses);
  });
});

describe('what somebody could take for the sender', () => {
  it.each<[string, readonly string[]]>([
    ['"a" <x@y.example>, z@w.example', ['x@y.example', 'z@w.example']],
    ['x@y.example <z@w.example>', ['z@w.example', 'x@y.example']],
    ['z@w.example (x@y.example)', ['z@w.example', 'x@y.example']],
    ['z@w.example ("x@y.example")', ['z@w.example', 'x@y.example']],
    // Quotes hide a name from every reader, but not together with brackets or backslashes.
    ['"x@y.example" <z@w.example>', ['z@w.example']],
    ['"x@y.example" (Scanner) <z@w.example>', ['z@w.example', 'x@y.example']],
    ['"\\" <x@y.example> \\"" <z@w.example>', ['z@w.example', 'x@y.example']],
    // A reader that decodes before it parses.
    ['=?utf-8?q?x=40y.example?= <z@w.example>', ['z@w.example', 'x@y.example']],
    ['=?utf-8?b?eEB5LmV4YW1wbGU=?= <z@w.example>', ['z@w.example', 'x@y.example']],
    ['=?utf-8?q?x?= =?utf-8?q?=40y.example?= <z@w.example>', ['z@w.example', 'x@y.example']],
    ['"=?utf-8?q?=22_=3Cx=40y.example=3E_=22?=" <z@w.example>', ['z@w.example', 'x@y.example']],
  ])('%s', (value, addresses) => {
    expect(found(value)).toEqual(addresses);
  });
});

describe('what can be read in more than one way', () => {
  it.each<[string, string]>([
    ['scan', 'without its domain'],
    ['Scanner <scan>', 'without its domain'],
    ['Scanner, 2nd floor <scan@example.com>', 'without its domain'],
    ['<>', 'without its domain'],
    ['"scan@example.com"', 'without its domain'],
    ['Scanner scan@example.com', 'in no angle brackets'],
    ['Scanner x@y.example <scan@example.com>', 'in no angle brackets'],
    ['x@y.example .evil.example <scan@example.com>', 'in no angle brackets'],
    ["'x@y.example' <scan@example.com>", 'cannot be read'],
    ['a . b@example.com', 'in no angle brackets'],
    ['<x@y.example> <scan@example.com>', 'angle brackets'],
    ['<<scan@example.com>>', 'angle brackets'],
    ['scan@example.com>', 'in no angle brackets'],
    ['<scan@example.com', 'angle brackets'],
    ['<scan@example.com> trailing', 'angle brackets'],
    ['a@b@example.com', 'in no angle brackets'],
    ['<x@y.example:scan@example.com>', 'colon'],
    ['x@y.example: scan@example.com;', 'name of a group'],
    ['"open <scan@example.com>', 'opening quote'],
    ['(open <scan@example.com>', 'opening bracket'],
    ['[open <scan@example.com>', 'opening bracket'],
    ['close) <scan@example.com>', 'no meaning'],
    ['back\\slash <scan@example.com>', 'no meaning'],
    ['x @ <scan@example.com>', 'in no angle brackets'],
    ['(x @ y z) <scan@example.com>, (@)', 'not part of an address'],
    ['scan\u0000@example.com', 'control character'],
    ['scan@example.com\rFrom: x@y.example', 'control character'],
    ['\u001b$B <scan@example.com>', 'control character'],
    ['=?utf-8?b?eEB5LmV4YW1wbGUA?= <scan@example.com>', 'control character'],
    ['=?utf-7?q?x+AEA-y.example?= <scan@example.com>', 'encoded text'],
    ['=?utf-8?q?open <scan@example.com>', 'encoded text'],
    ['=?utf-8?q?x?=@example.com', 'encoded text in an address'],
    ['=?utf-8?q?=22?= <scan@example.com>', 'opening quote'],
    [Array.from({ length: 101 }, (_, i) => `a${i}@example.com`).join(', '), 'more than 100'],
    [`(${'x@y '.repeat(101)})`, 'more than 100'],
  ])('%s', (value, why) => {
    expect(found(value)).toContain(why);
  });
});

describe('whatever the text', () => {
  const local = fc.stringMatching(/^[a-z0-9!#$%&'*+/?^_`{|}~-]{1,12}$/);
  const domain = fc.stringMatching(/^[a-z0-9]{1,8}\.[a-z]{2,5}$/);
  const address = fc.tuple(local, domain).map(sides => sides.join('@'));
  const name = fc.stringMatching(/^[A-Za-z ]{0,9}$/);
  const quoted = fc.stringMatching(/^[^"\\[\]()@\p{Cc}=]{0,9}$/u);
  const mailbox = fc
    .tuple(address, name, quoted)
    .chain(([one, plain, marked]) =>
      fc
        .constantFrom(
          one,
          `<${one}>`,
          `${plain} <${one}>`,
          `"${marked}" <${one}>`,
          `${one} (${plain}, ${plain})`,
        )
        .map(text => ({ one, text })),
    );

  it('finds every mailbox of a list, and in a group', () => {
    fc.assert(
      fc.property(fc.array(mailbox, { minLength: 1, maxLength: 5 }), fc.boolean(), (list, isGroup) => {
        const texts = list.map(({ text }) => text).join(', ');
        const addresses = new Set(list.map(({ one }) => one));
        expect(new Set(found(isGroup ? `Group: ${texts};` : texts))).toEqual(addresses);
      }),
    );
  });

  it('answers, and in time that grows with the text alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), text => Boolean(findAddresses(text))),
    );
    for (const unit of [
      '<',
      '(',
      '"',
      '\\',
      '@',
      'a@b,',
      '=?',
      '=?a?q?',
      '=?a?q?x',
      ' ',
      '@ ',
      '[',
      '[]',
      ':',
      '"@"',
    ]) {
      const begun = performance.now();
      findAddresses(unit.repeat((256 * 1024) / unit.length));
      expect([unit, performance.now() - begun < 1000]).toEqual([unit, true]);
    }
  });
});
