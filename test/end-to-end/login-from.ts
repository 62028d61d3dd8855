// A program that logs in from a given address, each password over a connection of its own and all at once, and prints what
// it was told. Started inside a network namespace, so it must be a process of its own.
//   node login-from.ts '{"port":…,"implicitTls":…,"ca":"PEM","from":"10.77.0.1","name":"printer","passwords":["a","b"]}'
// prints [{"greeting":"220 …","reply":"535 …"}, …]; without passwords one greeting, and an empty reply.

import { openWire, type Wire } from '../support/wire.ts';

export type LoginRequest = Readonly<{
  port: number;
  implicitTls: boolean;
  ca: string;
  from: string;
  name: string;
  passwords: readonly string[];
}>;

export type LoginReplies = readonly Readonly<{ greeting: string; reply: string }>[];

async function lastLine(wire: Wire): Promise<string> {
  return (await wire.reply()).at(-1) ?? '';
}

async function logIn(request: LoginRequest, password: string | null): Promise<LoginReplies[number]> {
  const wire = await openWire(request);
  try {
    const greeting = await lastLine(wire);
    if (password === null || !greeting.startsWith('220')) return { greeting, reply: '' };
    await wire.send('EHLO client.example\r\n');
    await lastLine(wire);
    if (!request.implicitTls) {
      await wire.send('STARTTLS\r\n');
      await lastLine(wire);
      await wire.upgrade();
    }
    const token = Buffer.from(`\0${request.name}\0${password}`).toString('base64');
    await wire.send(`AUTH PLAIN ${token}\r\n`);
    return { greeting, reply: await lastLine(wire) };
  } finally {
    wire.close();
  }
}

if (process.argv[1] === import.meta.filename) {
  const request: LoginRequest = JSON.parse(process.argv[2] ?? '{}');
  const passwords = request.passwords.length === 0 ? [null] : request.passwords;
  const replies = await Promise.all(passwords.map(password => logIn(request, password)));
  process.stdout.write(JSON.stringify(replies));
}
