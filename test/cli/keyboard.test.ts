// What a person types and pastes, octet for octet as a terminal in raw mode gives it.

import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { edit, openKeyboard, shownPaste } from '../../server/cli/keyboard.ts';
import type { Terminal } from '../../server/cli/terminal.ts';

function terminalWith({ interactive }: { interactive: boolean }) {
  const input = new PassThrough();
  const seen = { text: '', raw: false };
  const terminal: Terminal = {
    print: () => undefined,
    printOctets: async () => undefined,
    written: async () => null,
    complain: text => {
      seen.text += text;
    },
    input,
    interactive,
    screen: null,
    raw: on => {
      seen.raw = on;
    },
  };
  return { terminal, input, seen };
}

describe('on a terminal', () => {
  it.each([
    ['plain typing', '', 'abc', 'abc'],
    ['backspace', 'abc', '\u007f\bx', 'ax'],
    ['Ctrl-U', 'abc', '\u0015x', 'x'],
    ['arrows and the marks of a paste', 'a', '\u001b[D\u001b[200~b\u001b[201~\u001bOA', 'ab'],
    ['Enter', 'a', '\r', 'a\n'],
    ['line breaks within a paste', '', 'a\r\nb\rc', 'a\nb\nc'],
    ['other control characters', '', 'a\tb\u0000c', 'abc'],
    ['Ctrl-D within a line', 'a', '\u0004b', 'ab'],
  ])('%s', (_, before, typed, text) => {
    expect(edit(before, typed)).toEqual({ text, stops: false });
  });

  it.each([
    ['Ctrl-C', '\u0003'],
    ['Ctrl-\\', '\u001c'],
    ['Ctrl-D on an empty line', '\u0004'],
  ])('%s stops', (_, key) => {
    expect(edit('', key).stops).toBe(true);
  });

  it('shows what is pasted only up to its ?', () => {
    expect(shownPaste('http://127.0.0.1:40001/?code=secret&state=x')).toBe(
      'http://127.0.0.1:40001/?… (43 characters)',
    );
    expect(shownPaste('hello')).toBe('hello');
    expect(shownPaste('x'.repeat(50))).toBe(`${'x'.repeat(40)}… (50 characters)`);
    expect(shownPaste('a\u009bb\nc')).toBe('a\\u009bbc');
  });

  it('takes a paste of 20 000 characters in pieces, never echoed, and gives the terminal back', async () => {
    const { terminal, input, seen } = terminalWith({ interactive: true });
    const keyboard = openKeyboard(terminal);
    expect(seen.raw).toBe(true);
    const pasted = keyboard.pasted('Address: ');
    const address = `http://127.0.0.1/?code=${'s3cret'.repeat(3333)}`;
    for (let at = 0; at < address.length; at += 1000) input.write(address.slice(at, at + 1000));
    input.write('\r');
    expect(await pasted).toBe(address);
    expect(seen.text).not.toContain('s3cret');
    keyboard.close();
    expect(seen.raw).toBe(false);
  });

  it('gives lines that come at once as one text, and those that do not as several', async () => {
    const { terminal, input } = terminalWith({ interactive: true });
    const keyboard = openKeyboard(terminal);
    const first = keyboard.pasted('');
    input.write('http://127.0.0.1/?code=ab\rcd&state=x\r');
    expect(await first).toBe('http://127.0.0.1/?code=ab\ncd&state=x');
    const second = keyboard.pasted('');
    input.write('\r');
    expect(await second).toBe('');
    keyboard.close();
  });

  it('Ctrl-C aborts also where nothing is asked', async () => {
    const { terminal, input } = terminalWith({ interactive: true });
    const keyboard = openKeyboard(terminal);
    input.write('typed while waiting\u0003');
    await sleep(5);
    expect(keyboard.stopped.aborted).toBe(true);
    keyboard.close();
  });

  it('what is typed while nothing is asked is no answer', async () => {
    const { terminal, input } = terminalWith({ interactive: true });
    const keyboard = openKeyboard(terminal);
    input.write('before\r');
    await sleep(5);
    const pasted = keyboard.pasted('');
    input.write('after\r');
    expect(await pasted).toBe('after');
    keyboard.close();
  });
});

describe('without a terminal', () => {
  it('reads lines, the last one also without its end, and then says that nothing more comes', async () => {
    const { terminal, input, seen } = terminalWith({ interactive: false });
    const keyboard = openKeyboard(terminal);
    const first = keyboard.pasted('Address:');
    input.write('one\n');
    expect(await first).toBe('one');
    input.end('two');
    expect(await keyboard.pasted('Address:')).toBe('two');
    expect(await keyboard.pasted('Address:')).toBeNull();
    expect(seen.text).not.toContain('one');
    keyboard.close();
  });
});
