// No second message comes out of one that was submitted. Behind Postern stands a real Postfix that is as careless about
// line ends as it was before 2023; the last test shows that it can be fooled, the others that Postern never fools it.

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookAlikes } from '../support/look-alikes.ts';
import { mustSkip, suiteNeeds } from '../support/needs.ts';
import { queueStats } from '../support/postern.ts';
import { waitFor } from '../support/process.ts';
import { DESTINATION } from '../support/upstream-postfix.ts';
import { openWire, type Wire } from '../support/wire.ts';
import { type Gate, login, openGate, plainToken, say, submit } from './gate.ts';

const skip = mustSkip('end-to-end smuggling', suiteNeeds['end-to-end']);
let gate: Gate;

beforeAll(async () => {
  if (!skip) gate = await openGate();
});

afterAll(async () => gate?.close());

const RECIPIENT = `someone@${DESTINATION}`;

/** A message that a reader who takes `lookAlike` for an end would see as two. Ends with the true end. */
function twoInOne(subject: string, lookAlike: string, before = 'before'): Buffer {
  const outer = `From: <outer@sender.test>\r\nSubject: ${subject}\r\n\r\n${before}`;
  const inner = [
    'MAIL FROM:<smuggled@sender.test>',
    `RCPT TO:<${RECIPIENT}>`,
    'DATA',
    'From: <smuggled@sender.test>',
    'Subject: smuggled',
    '',
    'within',
    '.',
    '',
  ].join('\r\n');
  return Buffer.from(`${outer}${lookAlike}${inner}`, 'latin1');
}

type Arrived = Readonly<{ returnPath: string; subject: string }>;

/** All messages that have arrived, by subject; the envelope's sender is what Postfix wrote. */
function arrived(): readonly Arrived[] {
  const found = gate.postfix.delivered().map(message => {
    const text = message.toString('latin1');
    const header = text.slice(0, text.indexOf('\n\n'));
    const value = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(header)?.[1] ?? '';
    return { returnPath: value('Return-Path'), subject: value('Subject') };
  });
  return bySubject(found);
}

function onlyFromOuter(subjects: readonly string[]): readonly Arrived[] {
  return bySubject(subjects.map(subject => ({ returnPath: '<outer@sender.test>', subject })));
}

function bySubject(messages: readonly Arrived[]): readonly Arrived[] {
  return [...messages].sort((one, other) => (one.subject < other.subject ? -1 : 1));
}

async function beginData(wire: Wire): Promise<void> {
  await say(wire, 'MAIL FROM:<outer@sender.test>', '250');
  await say(wire, `RCPT TO:<${RECIPIENT}>`, '250');
  await say(wire, 'DATA', '354');
}

async function sendData(wire: Wire, octets: Buffer): Promise<string> {
  await beginData(wire);
  await wire.send(octets);
  return (await wire.reply()).join('\n');
}

describe.skipIf(skip)('behind Postern', () => {
  const subjects = lookAlikes.map(([name], i) => `outer ${i} ${name}`);
  const everything = lookAlikes.map(([, octets]) => octets).join('x');

  it('no look-alike of an end makes two messages of one, and all of it arrives', async () => {
    const wire = await login(gate);
    for (const [i, [name, octets]] of lookAlikes.entries()) {
      const reply = await sendData(wire, twoInOne(subjects[i] ?? '', octets));
      expect(reply, name).toMatch(/^250 2\.0\.0 Ok: queued as \S+$/);
    }
    // Had any command within been obeyed, its reply would stand before this one.
    await say(wire, 'QUIT', '221');
    wire.close();
    await allIsRelayed();
    expect(arrived()).toEqual(onlyFromOuter(subjects));
    for (const message of gate.postfix.delivered()) {
      expect(message.toString('latin1')).toMatch(/^before[\s\S]*^Subject: smuggled\n\nwithin\n$/m);
    }
  });

  it('nor does one in octets that arrive one by one', async () => {
    const wire = await login(gate);
    await beginData(wire);
    for (const octet of twoInOne('octet by octet', everything)) await wire.send(Buffer.from([octet]));
    expect((await wire.reply()).join()).toMatch(/^250 /);
    wire.close();
    await allIsRelayed();
    expect(arrived()).toEqual(onlyFromOuter([...subjects, 'octet by octet']));
  });

  it('nor does one in a message so large that it is kept in a file', async () => {
    const lines = `${'x'.repeat(70)}\r\n`.repeat(1500);
    const wire = await login(gate);
    expect(await sendData(wire, twoInOne('in a file', everything, lines))).toMatch(/^250 /);
    wire.close();
    await allIsRelayed();
    expect(arrived()).toEqual(onlyFromOuter([...subjects, 'octet by octet', 'in a file']));
  });
});

describe.skipIf(skip)('forged fields', () => {
  it('stand below ours in their order; a verdict in our name is gone', async () => {
    const forged = [
      'Received: from bank.example by postern.test with ESMTPSA id 1; Fri, 20 Nov 2026 10:00:00 +0000',
      'Received: (unreadable',
      'X-Postern-Trace: 7Q2M9X4K1B8D3F6H',
      'Authentication-Results: mx.example.net; spf=fail smtp.mailfrom=a@b',
    ];
    const verdict = 'Authentication-Results: postern.test 1; auth=pass smtp.auth=chairman';
    const message = [...forged, verdict, 'Subject: forged fields', '', 'body', ''].join('\r\n');
    await submit(gate, { message: Buffer.from(message) });
    const text = (await gate.arrival('Subject: forged fields\n')).toString('latin1');
    const header = text.slice(0, text.indexOf('\n\n')).replace(/\n[ \t]+/g, ' ');
    const lines = header.split('\n').filter(line => /^(Received|X-Postern|Authentication)/i.test(line));
    expect(lines[0]).toMatch(/^Received: from .* by upstream\.test /);
    expect(lines[1]).toMatch(/^Received: from scanner\.example .* by postern\.test with ESMTPSA /);
    expect(lines[2]).toMatch(/^X-Postern-Trace: (?!7Q2M9X4K1B8D3F6H)/);
    expect(lines.slice(3)).toEqual(forged);
  });

  it('cannot be written by way of the name in EHLO or of an address', async () => {
    const wire = await openWire({
      port: gate.at.ports.implicit,
      ca: readFileSync(gate.at.ca, 'utf8'),
      implicitTls: true,
    });
    await say(wire, '', '220');
    await say(wire, 'EHLO x\rX-Injected: yes (by\r\tmallory) ; a', '250');
    await say(wire, `AUTH PLAIN ${plainToken(gate.account)}`, '235');
    await say(wire, 'MAIL FROM:<a%0d%0aX-Injected=yes@sender.test>', '250');
    await say(wire, `RCPT TO:<"b c%0a"@${DESTINATION}>`, '250');
    await say(wire, 'DATA', '354');
    await wire.send('Subject: by name and address\r\n\r\nbody\r\n.\r\n');
    expect((await wire.reply()).join()).toMatch(/^250 /);
    wire.close();
    const text = (await gate.arrival('Subject: by name and address\n')).toString('latin1');
    expect(text.slice(0, text.indexOf('\n\n'))).not.toMatch(/^X-Injected/im);
    expect(text).toMatch(/^Received: from x\?X-Injected\?\?yes\?\?by\?mallory\?\?\?\?a /m);
  });
});

describe.skipIf(skip)('the upstream alone', () => {
  it('takes LF . CRLF for an end, and so two messages for one: it is worth protecting', async () => {
    const { postfix } = gate;
    const wire = await openWire({
      port: postfix.ports.implicit,
      ca: readFileSync(postfix.ca, 'utf8'),
      implicitTls: true,
    });
    await say(wire, '', '220');
    await say(wire, 'EHLO attacker.example', '250');
    await say(wire, `AUTH PLAIN ${plainToken({ name: postfix.user, password: postfix.password })}`, '235');
    expect(await sendData(wire, twoInOne('straight to the upstream', '\n.\r\n'))).toMatch(/^250 /);
    await waitFor('the second', () =>
      arrived().some(message => message.returnPath === '<smuggled@sender.test>'),
    );
    wire.close();
  });
});

async function allIsRelayed(): Promise<void> {
  await waitFor(
    'an empty queue',
    async () => {
      const stats = await queueStats(gate.at);
      return (stats['queued'] ?? 0) + (stats['in_flight'] ?? 0) + (stats['deferred'] ?? 0) === 0;
    },
    60_000,
  );
  // What the upstream took, however many messages it sees in it, it delivers a moment later.
  const count = (what: RegExp) => gate.postfix.log().match(what)?.length ?? 0;
  await waitFor('the upstream to deliver', () => count(/\(queue active\)/g) === count(/: removed$/gm));
}
