// What a login costs Postern, and whether its duration tells what was wrong with it. Two tables: processor time of the
// server per connection (no login at all, a login from the cache, one that is computed, CRAM-MD5, SCRAM); and the time
// from a wrong login to its answer, for each reason. Every attempt has its own source address, so no answer is held back.

import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { addAccount, type Installation, install, type Server } from '../test/support/postern.ts';
import { openWire, type Wire } from '../test/support/wire.ts';
import { processorMs } from './processes.ts';

const ACCOUNTS = 40;
const CACHED_LOGINS = 400;
const SAMPLES = 60;
const PASSWORD = 'bench secret 42 for logins';

type Login = Readonly<{ name: string; password: string }>;
type Subject = Readonly<{ at: Installation; server: Server; ca: string }>;
type Attempt = (wire: Wire, login: Login) => Promise<string>;

/** Runs everything on a server of its own; returns the text to print. */
export async function measureLogins(): Promise<string> {
  const at = await install({
    log: { level: 'info', format: 'json' },
    // So many failures with one name would close it.
    limits: { account_failures: 100_000, ban_after: 10_000, ban_address_after: 10_000 },
  });
  try {
    const names = Array.from({ length: ACCOUNTS }, (_, i) => `login${i}`);
    for (const name of names) await addAccount(at, name, PASSWORD);
    await prepareRefused(at);
    const server = await at.serve();
    const subject = { at, server, ca: readFileSync(at.ca, 'utf8') };
    const logins = names.map(name => ({ name, password: PASSWORD }));
    const costs = await measureCosts(subject, logins);
    const answers = await measureAnswers(subject);
    return `${costs}\n\n${answers}`;
  } finally {
    await at.remove();
  }
}

async function prepareRefused(at: Installation): Promise<void> {
  for (const name of ['disabled', 'expired', 'elsewhere', 'narrow']) await addAccount(at, name, PASSWORD);
  const settings = [
    ['account', 'disable', 'disabled'],
    ['account', 'set', 'expired', '--expires', '2020-01-01'],
    ['account', 'set', 'elsewhere', '--networks', '192.0.2.0/24'],
    ['account', 'set', 'narrow', '--mechanisms', 'LOGIN'],
  ];
  for (const words of settings) {
    const done = await at.cli(words);
    if (done.code !== 0) throw new Error(`${words.join(' ')}: ${done.stderr}`);
  }
}

/** Processor time of the server per connection, in ms, for each kind of login; each with TLS, EHLO and QUIT. */
async function measureCosts(subject: Subject, logins: readonly Login[]): Promise<string> {
  const [first] = logins;
  if (first === undefined) throw new Error('no accounts');
  const many = Array.from({ length: CACHED_LOGINS }, () => first);
  // Warm: code compiled, TLS contexts made.
  await costOf(subject, many.slice(0, 100), null);
  const rows: readonly (readonly [string, number])[] = [
    ['no login: TLS, EHLO, QUIT', await costOf(subject, many, null)],
    // Every account for the first time: nothing is in the cache yet.
    ['PLAIN, computed (argon2)', await costOf(subject, logins, plain)],
    ['PLAIN, from the cache', await costOf(subject, many, plain)],
    ['CRAM-MD5', await costOf(subject, many, cramMd5)],
    ['SCRAM-SHA-256', await costOf(subject, many, scram)],
  ];
  const base = rows[0]?.[1] ?? 0;
  const lines = rows.map(
    ([title, cost]) =>
      `${title.padEnd(30)}${cost.toFixed(2).padStart(9)}${(cost - base).toFixed(2).padStart(12)}`,
  );
  return [
    `${'CPU per connection, ms'.padEnd(30)}${'all'.padStart(9)}${'login alone'.padStart(12)}`,
    ...lines,
  ].join('\n');
}

async function costOf(subject: Subject, logins: readonly Login[], attempt: Attempt | null): Promise<number> {
  const before = processorMs(subject.server.pid);
  for (const login of logins) {
    const wire = await greeted(subject, '127.0.0.1');
    if (attempt) {
      const reply = await attempt(wire, login);
      if (!reply.startsWith('235')) throw new Error(`a right login got ${reply}`);
    }
    await ask(wire, 'QUIT');
    wire.close();
  }
  return (processorMs(subject.server.pid) - before) / logins.length;
}

/** Milliseconds from the last line of a wrong login to its answer, by mechanism and by what was wrong. */
async function measureAnswers(subject: Subject): Promise<string> {
  const cases: readonly (readonly [string, Login])[] = [
    ['unknown account', { name: 'nobody', password: PASSWORD }],
    ['wrong password', { name: 'login0', password: 'another password' }],
    ['disabled', { name: 'disabled', password: PASSWORD }],
    ['expired', { name: 'expired', password: PASSWORD }],
    ['wrong network', { name: 'elsewhere', password: PASSWORD }],
    ['mechanism not accepted', { name: 'narrow', password: PASSWORD }],
  ];
  const mechanisms = [
    ['PLAIN', plain],
    ['CRAM-MD5', cramMd5],
    ['SCRAM-SHA-256', scram],
  ] as const;
  const times = new Map<string, number[]>();
  // In turns, so that whatever else the machine does falls on all alike.
  for (let sample = 0; sample < SAMPLES; sample++) {
    for (const [m, [mechanism, attempt]] of mechanisms.entries()) {
      for (const [c, [title, login]] of cases.entries()) {
        const wire = await greeted(subject, `127.${10 + m}.${c}.${sample + 1}`);
        const begin = performance.now();
        const reply = await attempt(wire, login);
        const key = `${mechanism.padEnd(15)}${title}`;
        if (!reply.startsWith('535')) throw new Error(`${key} got ${reply}`);
        times.set(key, [...(times.get(key) ?? []), performance.now() - begin]);
        wire.close();
      }
    }
  }
  const lines = [...times].map(([title, values]) => {
    const sorted = values.sort((a, b) => a - b);
    const at = (part: number) => (sorted[Math.floor(part * (sorted.length - 1))] ?? 0).toFixed(2).padStart(9);
    return `${title.padEnd(40)}${at(0.1)}${at(0.5)}${at(0.9)}`;
  });
  const head = `${'Time to 535, ms'.padEnd(40)}${'p10'.padStart(9)}${'p50'.padStart(9)}${'p90'.padStart(9)}`;
  return [head, ...lines].join('\n');
}

async function greeted({ at, ca }: Subject, from: string): Promise<Wire> {
  const wire = await openWire({ port: at.ports.implicit, ca, implicitTls: true, from });
  await wire.reply();
  await ask(wire, 'EHLO bench.example');
  return wire;
}

async function ask(wire: Wire, line: string): Promise<string> {
  await wire.send(`${line}\r\n`);
  return (await wire.reply())[0] ?? '';
}

const base64 = (octets: string | Buffer) => Buffer.from(octets).toString('base64');
const answerOf = (reply: string) => Buffer.from(reply.slice(4), 'base64').toString('utf8');

const plain: Attempt = (wire, { name, password }) =>
  ask(wire, `AUTH PLAIN ${base64(`\0${name}\0${password}`)}`);

const cramMd5: Attempt = async (wire, { name, password }) => {
  const challenge = answerOf(await ask(wire, 'AUTH CRAM-MD5'));
  const digest = createHmac('md5', password).update(challenge).digest('hex');
  return ask(wire, base64(`${name} ${digest}`));
};

const scram: Attempt = async (wire, { name, password }) => {
  const first = `n=${name},r=benchbenchbench`;
  const server = answerOf(await ask(wire, `AUTH SCRAM-SHA-256 ${base64(`n,,${first}`)}`));
  const part = (letter: string) => new RegExp(`(?:^|,)${letter}=([^,]*)`).exec(server)?.[1] ?? '';
  const key = salted(password, part('s'), Number(part('i')));
  const clientKey = createHmac('sha256', key).update('Client Key').digest();
  const final = `c=biws,r=${part('r')}`;
  const signature = createHmac('sha256', createHash('sha256').update(clientKey).digest())
    .update(`${first},${server},${final}`)
    .digest();
  const proof = clientKey.map((octet, i) => octet ^ (signature[i] ?? 0));
  const reply = await ask(wire, base64(`${final},p=${base64(Buffer.from(proof))}`));
  return reply.startsWith('334') ? ask(wire, '') : reply;
};

/** The client's own work is no part of what is measured: done once for each salt. */
const saltedPasswords = new Map<string, Buffer>();

function salted(password: string, salt: string, iterations: number): Buffer {
  const known = saltedPasswords.get(`${salt} ${password}`);
  const made = known ?? pbkdf2Sync(password, Buffer.from(salt, 'base64'), iterations, 32, 'sha256');
  saltedPasswords.set(`${salt} ${password}`, made);
  return made;
}
