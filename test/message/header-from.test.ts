import { describe, expect, it } from 'vitest';
import { type CompletionFacts, completeHeader } from '../../server/message/complete.ts';
import { openCompletion } from '../../server/message/completion.ts';
import { scanHeader } from '../../server/message/header-scan.ts';
import { facts } from './facts.ts';

const PERMITTED = ['scan@example.com', '@printers.example'];

/** The reason why the header is refused, or null. */
function judge(header: string, changes: Partial<CompletionFacts> = {}): string | null {
  const octets = Buffer.from(`${header}Subject: x\r\n\r\nFrom: not-in-the-header@evil.example\r\n`);
  const block = scanHeader(octets);
  if (block.kind !== 'header') throw new Error('header too large');
  const completion = completeHeader(octets, block, { ...facts, permittedSenders: PERMITTED, ...changes });
  return completion.kind === 'foreign-sender' ? completion.text : null;
}

describe('an account with permitted senders may send', () => {
  it.each([
    ['with its own address', 'From: Scanner <scan@example.com>\r\n'],
    ['in another letter case', 'FROM : SCAN@Example.Com\r\n'],
    ['folded', 'From: Scanner\r\n\t<scan@example.com>\r\n'],
    ['with several of them', 'From: a@printers.example, scan@example.com\r\nSender: scan@example.com\r\n'],
    ['from a group', 'From: Printers: a@printers.example, b@printers.example;\r\n'],
    ['with an empty Sender', 'From: scan@example.com\r\nSender:\r\n'],
    ['with any Reply-To', 'From: scan@example.com\r\nReply-To: x@evil.example\r\n'],
    ['what it got from others, as they sent it', 'From: scan@example.com\r\nX-From: x@evil.example\r\n'],
  ])('%s', (_how, header) => {
    expect(judge(header)).toBeNull();
  });

  it('without From, and with an empty one, when the added one is its own', () => {
    for (const header of ['', 'From:\r\n', 'From: \r\n \r\n']) {
      expect(judge(header, { from: 'scan@example.com' })).toBeNull();
      expect(judge(header, { from: 'other@example.com' })).toContain('no address of its own');
    }
  });

  it('as anybody, unjudged, when nothing is restricted', () => {
    expect(judge('From: (((\r\n', { permittedSenders: null })).toBeNull();
  });
});

describe('it may not send', () => {
  it.each([
    ['as another', 'From: ceo@example.com\r\n', '<ceo@example.com>, named in the From'],
    ['as another beside itself', 'From: scan@example.com, ceo@example.com\r\n', '<ceo@example.com>'],
    [
      'as another in a second From',
      'From: scan@example.com\r\nFrom: ceo@example.com\r\n',
      '<ceo@example.com>',
    ],
    [
      'as another in a first From',
      'From: ceo@example.com\r\nFrom: scan@example.com\r\n',
      '<ceo@example.com>',
    ],
    ['as another with a blank before the colon', 'From \t: ceo@example.com\r\n', '<ceo@example.com>'],
    ['as another after an mbox line', 'From me today\r\nFrom: ceo@example.com\r\n', '<ceo@example.com>'],
    ['as another in a folded line', 'From: scan@example.com,\r\n ceo@example.com\r\n', '<ceo@example.com>'],
    [
      'as another after a line of blanks',
      'From: scan@example.com\r\nX: y\r\n \r\nFrom: ceo@example.com\r\n',
      '<ceo@example.com>',
    ],
    ['for another', 'From: scan@example.com\r\nSender: ceo@example.com\r\n', 'named in the Sender'],
    ['on behalf of another', 'From: scan@example.com\r\nResent-From: ceo@example.com\r\n', 'Resent-From'],
    ['with a NUL', 'From: scan@example.com\0, ceo@example.com\r\n', 'control character'],
    ['with a From that names nobody', 'From: undisclosed:;\r\n', 'has no address'],
    ['with a From that is no address', 'From: Scanner\r\n', 'without its domain'],
    ['with a From of strange blanks', 'From: \u3000\r\n', 'is empty'],
    ['from elsewhere', 'From: scan@münchen.example\r\n', '<scan@münchen.example>'],
  ])('%s', (_how, header, reason) => {
    expect(judge(header)).toContain(reason);
  });

  it('with 8-bit text that is not UTF-8 in the address, but with such a name', () => {
    const judged = (value: Buffer) => {
      const octets = Buffer.concat([Buffer.from('From: '), value, Buffer.from('\r\n\r\n')]);
      const block = scanHeader(octets);
      if (block.kind !== 'header') throw new Error('header too large');
      return completeHeader(octets, block, { ...facts, permittedSenders: PERMITTED }).kind;
    };
    expect(judged(Buffer.from('B\xfcro <scan@example.com>', 'latin1'))).toBe('completed');
    expect(judged(Buffer.from('sc\xfcn@example.com', 'latin1'))).toBe('foreign-sender');
    expect(judged(Buffer.from('scan@example.com\xc0\xbcevil@z.example\xc0\xbe', 'latin1'))).toBe(
      'foreign-sender',
    );
  });
});

it('is decided as soon as the header has come, bare CRs and LFs read as line ends', () => {
  for (const octets of [
    'Subject: x\rFrom: ceo@example.com\r\n\r\n',
    'Subject: x\nFrom: ceo@example.com\n\n',
  ]) {
    const completion = openCompletion({ ...facts, permittedSenders: PERMITTED });
    completion.push(Buffer.from(octets));
    expect(completion.refusal()).toMatchObject({ kind: 'refused', reason: 'foreign-sender' });
  }
});
