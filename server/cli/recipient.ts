// `postern recipient …`: where mail to local recipients (root, root@localhost, *@localdomain) really goes.

import type { RecipientRule } from '../relay/recipient-rule.ts';
import { parsePath } from '../smtp/path.ts';
import { type Call, type Command, commandsOf, done, failed, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { quoted, table } from './output.ts';

const command = commandsOf('recipient');

export const recipientCommands: readonly Command[] = [
  command(
    'add',
    'PATTERN ADDRESS',
    "send mail for local recipients to ADDRESS; PATTERN is for example root, '*', '*@localdomain'",
    add,
  ),
  command('list', '', 'list the rules for local recipients', list),
  command('remove', 'PATTERN', 'remove a rule; mail goes where it says again', remove),
  command('test', 'ADDRESS', 'say where mail to an address goes', test),
];

async function add(call: Call, { recipients }: CommandStore): Promise<Result> {
  const [pattern = '', address = ''] = call.arguments;
  const result = await recipients.add(pattern, address);
  if (result.kind === 'refused') return failed(result.text);
  const { rule } = result;
  return done(
    `Mail to ${rule.pattern} goes to ${rule.forwardPath}, also what waits now. Try it: postern recipient test ${quoted(exampleOf(rule))}`,
    itemOf(rule),
  );
}

async function list(_call: Call, { recipients }: CommandStore): Promise<Result> {
  const rules = recipients.list();
  const rows = rules.map(({ pattern, forwardPath }) => [pattern, forwardPath]);
  const none =
    'There is no rule: mail to root and other local recipients goes to the upstream as it is. "postern recipient add" adds one.';
  return done(table(['RECIPIENT', 'GOES TO'], rows, none), rules.map(itemOf));
}

async function remove(call: Call, { recipients }: CommandStore): Promise<Result> {
  const result = await recipients.remove(call.arguments[0] ?? '');
  if (result.kind === 'refused') return failed(result.text);
  return done(`The rule for ${result.rule.pattern} is removed.`, itemOf(result.rule));
}

async function test(call: Call, { recipients, hostname }: CommandStore): Promise<Result> {
  const [written = ''] = call.arguments;
  const path = parsePath(written, hostname);
  if ('kind' in path) return misused(`"${written}" is no recipient. ${path.text}.`);
  const rule = recipients.ruleFor(path.text);
  const data = {
    recipient: path.text,
    goes_to: rule?.forwardPath ?? path.text,
    rule: rule?.pattern ?? null,
  };
  const text =
    rule === null
      ? `Mail to ${path.text} goes there: no rule is for it.`
      : `Mail to ${path.text} goes to ${rule.forwardPath}, by the rule for ${rule.pattern}.`;
  return done(text, data);
}

function exampleOf({ pattern }: RecipientRule): string {
  return pattern.replace(/^\*/, 'root').replace('@*.', '@box.').replace(/@\*$/, '@anywhere');
}

function itemOf({ pattern, forwardPath }: RecipientRule): object {
  return { pattern, forward_path: forwardPath };
}
