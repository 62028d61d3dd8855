// Lines for the end of `npm test`: what a suite wants the reader to see, such as a count or a reason for a skip.
// test/run.ts collects them in a file and shows them before the total; alone, they go to stderr.

import { appendFileSync } from 'node:fs';

export function noteLine(line: string): void {
  const list = process.env['TEST_RUN_NOTES'];
  if (list === undefined) process.stderr.write(`${line}\n`);
  else appendFileSync(list, `${line}\n`);
}
