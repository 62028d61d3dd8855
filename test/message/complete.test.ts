import { describe, expect, it } from 'vitest';
import { type CompletionFacts, completeHeader } from '../../server/message/complete.ts';
import { scanHeader } from '../../server/message/header-scan.ts';
import { facts, TRACE_ID } from './facts.ts';

const WITHOUT_MIME = 'Date: x\r\nMessage-ID: <1@a>\r\nFrom: a@b\r\n';
const FULL = `${WITHOUT_MIME}MIME-Version: 1.0\r\n`;

/** The completed header after our Received and trace fields; null for a loop. */
function complete(text: string, changes: Partial<CompletionFacts> = {}): string | null {
  const octets = Buffer.from(text, 'latin1');
  const block = scanHeader(octets);
  if (block.kind !== 'header') throw new Error('header too large');
  const completion = completeHeader(octets, block, { ...facts, ...changes });
  if (completion.kind !== 'completed') return null;
  const whole = Buffer.concat(completion.pieces).toString('latin1');
  const ours = /^Received: (?:.*\r\n\t)+.*\r\nX-Postern-Trace: (.*)\r\n/.exec(whole);
  expect(ours?.[1]).toBe(TRACE_ID);
  return whole.slice(ours?.[0].length);
}

describe('what is added', () => {
  it('nothing to a header that has it all', () => {
    expect(complete(`${FULL}\r\n`)).toBe(`${FULL}\r\n`);
    const odd = 'DATE: x\r\nmessage-id : <1@a>\r\nfrom: a@b\r\nMime-version: 1.0\r\n\r\n';
    expect(complete(odd)).toBe(odd);
  });

  it('Date, Message-ID, From and MIME-Version, in front', () => {
    expect(complete('Subject: x\r\n\r\n')).toBe(
      'Date: Sat, 21 Nov 2026 09:05:00 +0000\r\n' +
        'Message-ID: <01HF7YAT5QZ3K8M2X@postern.lan>\r\n' +
        'From: scanner@example.net\r\n' +
        'MIME-Version: 1.0\r\n' +
        'Subject: x\r\n\r\n',
    );
  });

  it('no Date while the clock is not trusted', () => {
    const undated = 'From: a@b\r\nMessage-ID: <1@a>\r\nMIME-Version: 1.0\r\n\r\n';
    expect(complete(undated, { date: null })).toBe(undated);
  });

  it('a field in the place of one that is empty', () => {
    expect(complete('Date: x\r\nFrom:\r\nMessage-ID: \r\n\t\r\nMIME-Version: 1.0\r\n\r\n')).toBe(
      'Message-ID: <01HF7YAT5QZ3K8M2X@postern.lan>\r\nFrom: scanner@example.net\r\n' +
        'Date: x\r\nMIME-Version: 1.0\r\n\r\n',
    );
  });

  it('MIME-Version where it is missing, with MIME fields or without', () => {
    for (const fields of ['', 'Subject: x\r\n', 'content-type: text/plain\r\n', 'X-MIME-Version: 1.0\r\n']) {
      expect(complete(`${WITHOUT_MIME}${fields}\r\n`)).toBe(
        `MIME-Version: 1.0\r\n${WITHOUT_MIME}${fields}\r\n`,
      );
    }
  });

  it('no second MIME-Version, in any case of the name', () => {
    for (const fields of ['MIME-version: 1.0\r\n', 'mime-version : 1.0\r\nContent-Type: text/plain\r\n']) {
      expect(complete(`${WITHOUT_MIME}${fields}\r\n`)).toBe(`${WITHOUT_MIME}${fields}\r\n`);
    }
  });

  it('the empty line between header and body where it is missing', () => {
    expect(complete(`${FULL}text\r\n`)).toBe(`${FULL}\r\n`);
    expect(complete('text\r\n')).toMatch(/From: scanner@example.net\r\nMIME-Version: 1.0\r\n\r\n$/);
    expect(complete(FULL)).toBe(FULL);
  });
});

describe('what is cut out', () => {
  it('Bcc, Resent-Bcc and Return-Path with their folds, wherever they stand', () => {
    expect(
      complete(`Bcc: x@y,\r\n z@y\r\n${FULL}bcc : u\r\nRETURN-PATH: <v>\r\nTo: w\r\nResent-Bcc:\r\n\r\n`),
    ).toBe(`${FULL}To: w\r\n\r\n`);
  });
  it('nothing that only looks like them', () => {
    const fields = `${FULL}X-Bcc: a\r\nSubject: Bcc: b\r\n Bcc: c\r\n`;
    expect(complete(`${fields}\r\n`)).toBe(`${fields}\r\n`);
  });
  it('the mbox line', () => {
    expect(complete(`From a@b Sat Jan  1 00:00:00 2000\r\n${FULL}\r\n`)).toBe(`${FULL}\r\n`);
  });
});

it('keeps every other octet, also 8-bit ones and odd spacing', () => {
  const odd = `${FULL}Subject:  J\xfcrgen\t\r\nX-Odd :a\0b\r\nX-Empty:\r\nReceived: from x\r\nSubject: again\r\n\r\n`;
  expect(complete(odd)).toBe(odd);
});

describe('loops', () => {
  it('are seen by our own trace, folded and in any case of the name', () => {
    expect(complete(`${FULL}X-Postern-Trace: ${TRACE_ID}\r\n\r\n`)).toBeNull();
    expect(complete(`${FULL}x-postern-trace:\r\n\t${TRACE_ID}\r\n\r\n`)).toBeNull();
  });
  it('are not seen in the trace of another Postern, in a part of ours, or in the body', () => {
    for (const text of [
      'X-Postern-Trace: OTHER\r\n',
      `X-Postern-Trace: ${TRACE_ID}X\r\n`,
      `X-Other: ${TRACE_ID}\r\n`,
      `\r\nX-Postern-Trace: ${TRACE_ID}\r\n`,
    ]) {
      expect(complete(`${FULL}${text}\r\n`)).not.toBeNull();
    }
  });
  it('are suspected above the limit of Received fields, not at it', () => {
    const hops = (count: number) => `${'Received: from a by b; date\r\n'.repeat(count)}${FULL}\r\n`;
    expect(complete(hops(50))).toBe(hops(50));
    expect(complete(hops(51))).toBeNull();
    expect(complete(hops(3), { maxReceived: 3 })).toBe(hops(3));
    expect(complete(hops(4), { maxReceived: 3 })).toBeNull();
  });
  it('are seen when our own output comes back', () => {
    const octets = Buffer.from(`${FULL}\r\nbody`);
    const block = scanHeader(octets);
    const once = block.kind === 'header' ? completeHeader(octets, block, facts) : null;
    if (once?.kind !== 'completed') throw new Error('not completed');
    expect(complete(Buffer.concat(once.pieces).toString('latin1'))).toBeNull();
  });
});
