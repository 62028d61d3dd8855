// Reads what `strace -f -yy` wrote: system calls in the order in which they began and ended, over all threads.
// Only what the tests ask of it: file and socket names are taken from the annotations of -yy.

/** One system call; `begin` and `end` are line numbers of the trace, so that calls of all threads can be ordered. */
export type SystemCall = Readonly<{
  name: string;
  /** The first descriptor's annotation: a path, or `TCP:[local->remote]`; empty where there is none. */
  target: string;
  /** The line at which it began, arguments and all, as strace shows them. */
  text: string;
  begin: number;
  end: number;
  /** Returned 0 or more. */
  succeeded: boolean;
}>;

/** The options of strace that parseTrace needs, writing to `file`. `text` octets of each buffer are shown. */
export function straceCommand(file: string, calls: readonly string[], text = 5000): readonly string[] {
  return [
    'strace',
    '-f',
    '--seccomp-bpf',
    '-yy',
    '-s',
    `${text}`,
    '-o',
    file,
    '-e',
    `trace=${calls.join(',')}`,
  ];
}

export function parseTrace(trace: string): readonly SystemCall[] {
  const calls: SystemCall[] = [];
  /** Calls that have begun and not ended, by thread. */
  const open = new Map<string, number>();
  for (const [index, line] of trace.split('\n').entries()) {
    const resumed = /^(\d+) +<\.\.\. \w+ resumed>/.exec(line);
    if (resumed) {
      const at = open.get(resumed[1] ?? '');
      const call = at === undefined ? undefined : calls[at];
      open.delete(resumed[1] ?? '');
      if (at !== undefined && call) calls[at] = { ...call, end: index, succeeded: hasSucceeded(line) };
      continue;
    }
    const begun = /^(\d+) +(\w+)\((?:\d+<((?:->|[^>\\]|\\.)*)>)?/.exec(line);
    if (!begun) continue;
    const unfinished = line.endsWith('<unfinished ...>');
    if (unfinished) open.set(begun[1] ?? '', calls.length);
    calls.push({
      name: begun[2] ?? '',
      target: begun[3] ?? '',
      text: line,
      begin: index,
      end: unfinished ? Number.POSITIVE_INFINITY : index,
      succeeded: !unfinished && hasSucceeded(line),
    });
  }
  return calls;
}

function hasSucceeded(line: string): boolean {
  return /\) += \d+/.test(line.slice(-200));
}
