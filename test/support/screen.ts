// A program on a real terminal: tmux, with a server, a socket and a size of its own. Keys are typed, pasted text is pasted as
// a terminal pastes it, and what stands on the screen is read as a person reads it.

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { waitFor } from './process.ts';

export type ScreenOptions = Readonly<{
  folder: string;
  columns?: number;
  rows?: number;
  env?: Readonly<Record<string, string>>;
}>;

export type TestScreen = Readonly<{
  /** What is on the screen now, without blanks at the ends of its lines. */
  shown: () => string;
  /** Also what has left it at the top. A line that the terminal broke is whole again. */
  history: () => string;
  /** Waits until the screen shows it. */
  sees: (what: string | RegExp, timeout?: number) => Promise<string>;
  type: (text: string) => void;
  /** tmux's names: `Enter`, `C-c`, `Escape`, `Down`. */
  press: (...keys: readonly string[]) => void;
  paste: (text: string) => void;
  resize: (columns: number, rows: number) => void;
  /** Waits for the program's end. Resolves with its exit status. */
  ended: (timeout?: number) => Promise<number>;
  close: () => void;
}>;

/**
 * Notes the exit status and keeps the screen for a while. tmux itself sometimes never hears that a program has ended. The trap
 * keeps a Ctrl-C for the program from ending the shell too.
 */
const WRAPPER = 'trap : INT; "$@"; echo $? > "$0"; exec sleep 600';

const open = new Set<() => void>();
process.on('exit', () => {
  for (const close of open) close();
});

let opened = 0;

export function openScreen(command: readonly string[], options: ScreenOptions): TestScreen {
  const { folder, columns = 80, rows = 24, env = {} } = options;
  const place = join(folder, `screen${opened++}`);
  const socket = `${place}.tmux`;
  writeFileSync(`${place}.conf`, 'set -g status off\nset -g history-limit 5000\n');
  writeFileSync(`${place}.status`, '');
  const tmux = (args: readonly string[], input?: string): string => {
    const ran = spawnSync('tmux', ['-S', socket, '-f', `${place}.conf`, '-u', ...args], {
      encoding: 'utf8',
      timeout: 10_000,
      maxBuffer: 16 * 1024 * 1024,
      env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', TMUX: '', ...env },
      ...(input === undefined ? {} : { input }),
    });
    if (ran.status !== 0) throw new Error(`tmux ${args.join(' ')}: ${ran.stderr}`);
    return ran.stdout;
  };
  const size = ['-x', `${columns}`, '-y', `${rows}`];
  tmux(['new-session', '-d', ...size, '-c', folder, 'sh', '-c', WRAPPER, `${place}.status`, ...command]);
  const close = (): void => {
    open.delete(close);
    spawnSync('tmux', ['-S', socket, 'kill-server'], { timeout: 10_000, stdio: 'ignore' });
  };
  open.add(close);

  const shown = () => tmux(['capture-pane', '-p']).trimEnd();
  const history = () => tmux(['capture-pane', '-p', '-J', '-S', '-']).replace(/ +$/gm, '').trimEnd();
  return {
    shown,
    history,
    sees: async (what, timeout = 20_000) => {
      const has = (text: string) => (typeof what === 'string' ? text.includes(what) : what.test(text));
      const deadline = performance.now() + timeout;
      for (;;) {
        const text = shown();
        if (has(text)) return text;
        if (performance.now() > deadline) {
          throw new Error(`waited ${timeout} ms in vain for ${what} on the screen; it showed:\n${text}`);
        }
        // Each look is a process of its own.
        await sleep(60);
      }
    },
    type: text => void tmux(['send-keys', '-l', '--', text]),
    press: (...keys) => void tmux(['send-keys', ...keys]),
    paste: text => {
      tmux(['load-buffer', '-'], text);
      tmux(['paste-buffer']);
    },
    resize: (toColumns, toRows) => void tmux(['resize-window', '-x', `${toColumns}`, '-y', `${toRows}`]),
    ended: async timeout => {
      const found = await waitFor(
        'the end of the program',
        () => /^(\d+)\n/.exec(readFileSync(`${place}.status`, 'utf8'))?.[1],
        timeout,
      ).catch(error => {
        throw new Error(`${error.message}; it showed:\n${shown()}`);
      });
      return Number(found);
    },
    close,
  };
}
