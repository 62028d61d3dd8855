// `npm run test:soak -- [--messages N] [--idle N] [--minutes N]`: days of work in one go. Messages come in while every fifth
// attempt fails somewhere on the way out and many sessions idle; then the queue drains, and everything is counted:
// what was acknowledged must be at the sink, the counts must add up, and memory, descriptors and the database must not grow.
// Prints one line for each sample; exits 1 when something does not hold. Talks to loopback only, bounded by --minutes.

import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    messages: { type: 'string', default: '200000' },
    idle: { type: 'string', default: '1000' },
    minutes: { type: 'string', default: '60' },
  },
});

const complaints = await soak({
  messages: Number(values.messages),
  idle: Number(values.idle),
  maxMs: Number(values.minutes) * 60_000,
  say: line => process.stdout.write(`${line}\n`),
});
for (const complaint of complaints) process.stdout.write(`FAILED ${complaint}\n`);
process.stdout.write(complaints.length === 0 ? 'everything holds\n' : '');
process.exitCode = complaints.length === 0 ? 0 : 1;
