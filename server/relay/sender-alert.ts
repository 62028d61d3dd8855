// What the operator is told where an upstream does not let us send as a sender: which one, whose, and what would help that is
// not in force already. Pure.

import type { Alert } from '../notification/alert.ts';
import type { Outcome, Stage } from '../queue/outcome.ts';
import type { SenderIdentity, Upstream } from './upstream.ts';

type SenderRefused = Extract<Outcome, { kind: 'deferred' }>;

export function isSenderRefused(outcome: Outcome): outcome is SenderRefused {
  return outcome.kind === 'deferred' && outcome.reason === 'sender-identity';
}

export function senderAlert(
  { name, identity }: Upstream,
  sender: string,
  account: string | null,
  { text, reply, stage }: SenderRefused,
): Alert {
  const shown = sender === '' ? '<>' : sender;
  const whose = account === null ? '' : `, used by account ${account}`;
  const said = reply === null ? '' : ` It says: ${reply}`;
  const options = replacing(identity, sender, stage);
  const orReplaceIt =
    options.length === 0
      ? ''
      : ` Or let Postern replace it: postern upstream set ${name} ${options.join(' ')}.`;
  return {
    kind: 'sender-refused',
    subject: `${name} ${shown}`,
    text: `Sender ${shown}${whose}: ${text}${orReplaceIt} The message waits meanwhile.${said}`,
    ...(account === null ? {} : { account }),
  };
}

/** What of `upstream set` would replace the sender and is not in force. */
function replacing(identity: SenderIdentity, sender: string, stage: Stage): readonly string[] {
  const { nullSender, rewrite } = identity;
  const isNull = sender === '';
  // After the content it may be the sender in the header that was refused.
  const isHeader = !isNull || !['mail', 'rcpt'].includes(stage);
  return [
    ...(identity.sender === null ? ['--sender ADDR'] : []),
    ...(isNull && nullSender === 'keep' ? ['--null-sender replace'] : []),
    ...(isHeader && rewrite === 'keep' ? ['--rewrite if-not-permitted'] : []),
  ];
}
