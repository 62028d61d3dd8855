// `postern upstream test`: each step of a delivery in words, up to a message to oneself. For somebody who waits at a terminal.

import { parsePath } from '../smtp/path.ts';
import { type Call, commandsOf, done, misused, type Result } from './command.ts';
import type { CommandStore, TestWishes, UpstreamTest } from './command-store.ts';
import { harmless, quoted, sentence } from './output.ts';
import { unknownUpstream } from './upstream-change.ts';

export const testCommand = commandsOf('upstream')(
  'test',
  'NAME',
  'connect, log in, and say in words what works and what does not',
  test,
  [
    {
      flags: '--send-to ADDR',
      means: 'send a message there too: only that shows all that a provider checks',
    },
    { flags: '--sender ADDR', means: 'ask whether it takes this sender, instead of the one that is set' },
  ],
);

async function test(call: Call, store: CommandStore): Promise<Result> {
  const upstream = store.upstreams.find(call.arguments[0] ?? '');
  if (upstream === null) return unknownUpstream(call.arguments[0] ?? '');
  const wishes = wishesOf(call);
  if ('kind' in wishes) return wishes;
  const tested = await store.testUpstream(upstream, wishes);
  const { ok, checks } = tested;
  const failure = checks.find(check => !check.ok);
  const problem = ok
    ? null
    : `Upstream ${upstream.name} does not work: ${sentence(failure?.text ?? 'the test failed')} Put that right, then run postern upstream test ${quoted(upstream.name)} again.`;
  const verdict = ok ? 'The upstream works.' : 'The upstream does not work.';
  return done(`${checkLines(tested)}\n${verdict}`, { ok, checks }, { problem });
}

/** A line for each check. What certificates say of themselves is in them, trusted or not. */
export function checkLines({ checks }: UpstreamTest): string {
  return checks
    .map(({ name, ok, text }) => harmless(`${ok ? 'ok    ' : 'FAILED'}  ${name}: ${text}`))
    .join('\n');
}

function wishesOf(call: Call): TestWishes | Result {
  const [sendTo, sender] = [call.value('send-to')?.trim(), call.value('sender')?.trim()];
  for (const [option, address] of [
    ['send-to', sendTo],
    ['sender', sender],
  ]) {
    if (address !== undefined && !isAddress(address)) {
      return misused(`--${option} takes an e-mail address such as me@example.com, not "${address}".`);
    }
  }
  return { ...(sendTo === undefined ? {} : { sendTo }), ...(sender === undefined ? {} : { sender }) };
}

function isAddress(text: string): boolean {
  return text.includes('@') && !('kind' in parsePath(text, ''));
}
