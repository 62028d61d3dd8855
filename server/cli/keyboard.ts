// What a person types or pastes while something else goes on too: a consent that is waited for, a browser that may come back.
// On a terminal it reads in raw mode: there, lines are cut at 4096 octets otherwise, and pasted addresses are longer. Ctrl-C then
// is a character like any other, and stops. Without a terminal it reads lines of standard input. Of what is pasted only the
// part before the ? is shown: the rest may hold a code.

import { harmless } from './output.ts';
import type { Terminal } from './terminal.ts';

export type Keyboard = Readonly<{
  /**
   * What is entered next: a line, or several that came at once, as where an address was copied with its line breaks. Null:
   * nothing more will come.
   */
  pasted: (prompt: string) => Promise<string | null>;
  /** Aborts when the person gives up (Ctrl-C, Ctrl-D). */
  stopped: AbortSignal;
  /** Gives the terminal back as it was. */
  close: () => void;
}>;

/** Lines of one paste follow each other faster than this, in milliseconds. */
const QUIET = 60;
/** Longer than any address that a provider sends a browser to. */
const MOST = 65_536;

type Waiting = Readonly<{ prompt: string; resolve: (text: string | null) => void }>;

export function openKeyboard(terminal: Terminal): Keyboard {
  const { input, isRaw } = rawInput(terminal);
  const decoder = new TextDecoder();
  const stopped = new AbortController();
  let text = '';
  let ended = false;
  let waiting: Waiting | null = null;
  let quiet: NodeJS.Timeout | undefined;

  const show = (): void => {
    if (waiting !== null && isRaw) terminal.complain(`\r\u001b[K${waiting.prompt}${shownPaste(text)}`);
  };
  const deliver = (): void => {
    if (waiting === null || (!text.endsWith('\n') && !ended)) return;
    const { resolve } = waiting;
    const entered = text;
    waiting = null;
    text = '';
    if (isRaw) terminal.complain('\n');
    resolve(entered === '' && ended ? null : entered.trim());
  };
  const onData = (chunk: unknown): void => {
    const typed = Buffer.isBuffer(chunk) ? decoder.decode(chunk, { stream: true }) : String(chunk);
    const edited = isRaw ? edit(text, typed) : { text: text + typed, stops: false };
    // What is typed while nothing is asked is no answer. A script says all its lines at once.
    text = isRaw && waiting === null ? '' : edited.text.slice(0, MOST);
    show();
    if (edited.stops) stopped.abort();
    clearTimeout(quiet);
    quiet = setTimeout(deliver, QUIET);
  };
  const onEnd = (): void => {
    ended = true;
    deliver();
  };
  // Questions asked before have paused it.
  input.on('data', onData).once('end', onEnd).resume();

  return {
    pasted: prompt => {
      if (!isRaw) terminal.complain(`${prompt}\n`);
      return new Promise(resolve => {
        waiting = { prompt, resolve };
        show();
        if (ended || input.readableEnded) onEnd();
      });
    },
    stopped: stopped.signal,
    close: () => {
      clearTimeout(quiet);
      input.off('data', onData).off('end', onEnd).pause();
      if (isRaw) terminal.raw(false);
      waiting?.resolve(null);
      waiting = null;
    },
  };
}

function rawInput(terminal: Terminal) {
  const isRaw = terminal.interactive;
  if (isRaw) terminal.raw(true);
  return { input: terminal.input, isRaw };
}

/** What the keys make of the line. Escape sequences (arrows, the marks around a paste) count for nothing. */
export function edit(before: string, typed: string): Readonly<{ text: string; stops: boolean }> {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what a terminal sends.
  const keys = typed.replace(/\u001b(\[[0-9;?]*[ -/]*[@-~]|O.|)/g, '').replace(/\r\n?/g, '\n');
  let characters = [...before];
  for (const key of keys) {
    if (key === '\u0003' || key === '\u001c') return { text: '', stops: true };
    if (key === '\u0004' && characters.length === 0) return { text: '', stops: true };
    if (key === '\u007f' || key === '\b') characters.pop();
    else if (key === '\u0015') characters = [];
    else if (key === '\n' || key >= ' ') characters.push(key);
  }
  return { text: characters.join(''), stops: false };
}

/** In one line, and without what stands behind the ? of an address. */
export function shownPaste(text: string): string {
  const line = harmless(text.replaceAll('\n', ''));
  const query = line.indexOf('?');
  const head = query < 0 ? line : line.slice(0, query + 1);
  const isCut = head.length < line.length || head.length > 40;
  return isCut ? `${head.slice(0, 40)}… (${line.length} characters)` : line;
}
