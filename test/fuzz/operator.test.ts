// What operators type for accounts and alert channels, and alerts as they reach a person: every text gives a value or a
// sentence, and what an alert carries can add no header and end no line.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameProblem } from '../../server/accounts/account-name.ts';
import { parseAddressPattern } from '../../server/accounts/address-pattern.ts';
import { parseExpiry } from '../../server/accounts/expiry.ts';
import { isPermitted } from '../../server/message/permitted-addresses.ts';
import type { alertKinds } from '../../server/notification/alert.ts';
import { alertMessage } from '../../server/notification/alert-message.ts';
import { parseSettings, shownTarget, writeSettings } from '../../server/notification/channel.ts';
import {
  type ChannelTarget,
  checkChannelName,
  checkTarget,
} from '../../server/notification/channel-input.ts';
import { parsePath } from '../../server/smtp/path.ts';
import { holds, quickly } from './fuzz.ts';
import { longText, text } from './octets.ts';

const typed = fc.oneof(
  { weight: 8, arbitrary: text },
  { weight: 4, arbitrary: fc.string({ unit: 'binary', maxLength: 40 }) },
  { weight: 1, arbitrary: longText(20_000) },
);
/** A sentence for a person, on one line. */
const SENTENCE = /^\P{Cc}+$/u;

describe('the name of an account', () => {
  it('is good, or there is a sentence that says why not', () => {
    holds(
      fc.property(typed, name => {
        const problem = quickly(() => nameProblem(name));
        if (problem === null) expect(name).toMatch(SENTENCE);
        else expect(problem).toMatch(SENTENCE);
        quickly(() => checkChannelName(name));
      }),
      2_000,
    );
  });
});

describe('whom an account may send as', () => {
  it('has one canonical form, and permits what it names', () => {
    const pattern = fc.oneof(
      typed,
      fc.tuple(fc.constantFrom('', '@', '@*.', '*.', 'a@'), fc.domain()).map(parts => parts.join('')),
    );
    holds(
      fc.property(pattern, written => {
        const parsed = quickly(() => parseAddressPattern(written));
        if (parsed.kind === 'bad') return;
        expect(parseAddressPattern(parsed.text)).toEqual(parsed);
        const named = parsed.text.startsWith('@')
          ? parsed.text.replace('@*.', 'x@sub.').replace(/^@/, 'x@')
          : parsed.text;
        const path = parsePath(named, '');
        if (!('kind' in path)) expect(isPermitted([parsed.text], path)).toBe(true);
        const stranger = parsePath('mallory@evil.invalid', '');
        if (!('kind' in stranger) && !parsed.text.endsWith('invalid'))
          expect(isPermitted([parsed.text], stranger)).toBe(false);
      }),
      3_000,
    );
  });
});

describe('the end of an account', () => {
  it('is a moment, or none', () => {
    const when = fc.oneof(
      typed,
      fc.date({ noInvalidDate: true }).map(date => date.toISOString()),
      fc.stringMatching(/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?$/),
    );
    holds(
      fc.property(when, written => {
        const end = quickly(() => parseExpiry(written, 0));
        if (end !== null) expect(Number.isSafeInteger(end)).toBe(true);
      }),
      2_000,
    );
  });
});

describe('an alert channel', () => {
  it('has settings that come back as they were, or is refused without a word of what was given', () => {
    const url = fc.oneof(
      fc.webUrl({ withQueryParameters: true }),
      text.map(rest => `https://host.example/${rest}`),
      typed,
    );
    const key = fc.option(fc.oneof(text, fc.uuid()));
    const target: fc.Arbitrary<ChannelTarget> = fc.oneof(
      fc.record({ kind: fc.constant('webhook' as const), url, secret: key }),
      fc.record({ kind: fc.constant('ntfy' as const), url, token: key }),
      fc.record({ kind: fc.constant('email' as const), to: typed, from: fc.option(typed) }),
    );
    holds(
      fc.property(target, given => {
        const checked = quickly(() => checkTarget(given, () => 'a generated secret'));
        if (checked.kind === 'refused') {
          expect(checked.text.length).toBeGreaterThan(20);
          // Of an address it says what it was; of a URL never, for it is as good as a password.
          if (given.kind !== 'email') expect(checked.text).toMatch(SENTENCE);
          return;
        }
        const { settings } = checked;
        expect(parseSettings(writeSettings(settings))).toEqual(settings);
        expect(shownTarget(settings)).toMatch(SENTENCE);
      }),
      2_000,
    );
  });
});

describe('an alert as a message', () => {
  it('has exactly its own header fields, short ASCII lines, and ends nowhere early', () => {
    const kinds = [
      'banned',
      'new-address',
      'test',
      'queue-old',
    ] as const satisfies readonly (keyof typeof alertKinds)[];
    const notice = fc.record({
      kind: fc.constantFrom(...kinds),
      subject: typed,
      text: typed,
      account: fc.option(typed.filter(name => nameProblem(name) === null)),
      address: fc.option(fc.ipV4()),
      at: fc.constant(0),
      count: fc.nat(1000),
      since: fc.constant(0),
    });
    const detail = fc.constantFrom('full' as const, 'minimal' as const);
    holds(
      fc.property(notice, detail, (given, shown) => {
        const message = quickly(() =>
          alertMessage({
            ...{ id: 'ID', host: 'postern.test', from: 'a@example.net', to: 'b@example.net', date: 0 },
            ...{ notice: given, detail: shown },
          }),
        );
        const header = message.slice(0, message.indexOf('\r\n\r\n'));
        const names = header.split(/\r\n(?! )/).map(line => line.slice(0, line.indexOf(':')));
        expect(names.join(' ')).toBe(
          'Date From To Subject Message-ID Auto-Submitted MIME-Version Content-Type Content-Transfer-Encoding',
        );
        const lines = message.split('\r\n');
        expect(lines.every(line => /^[ -~]{0,997}$/.test(line))).toBe(true);
      }),
      500,
    );
  });
});
