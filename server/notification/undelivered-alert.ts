// What the operator is told of mail that could not be delivered and whose sender cannot be told. Pure.

import type { Alert } from './alert.ts';
import type { DueReport, ReportSource } from './report-statements.ts';

/** Said once in an hour for each account, and then counted: its text is about the last one. */
export function undeliveredAlert({ due, source }: Readonly<{ due: DueReport; source: ReportSource }>): Alert {
  const [first, ...others] = source.recipients;
  const more = others.length === 0 ? '' : ` and ${others.length} more`;
  const of = due.account === null ? '' : ` of account ${due.account}`;
  const why = first?.why ?? 'It was given up.';
  const remedy =
    due.account === null
      ? ''
      : ` "postern account set ${due.account} --owner ADDRESS" lets a person get such reports by mail.`;
  return {
    kind: 'mail-failed',
    subject: due.account ?? '',
    text: `A message${of} to ${first?.forwardPath ?? ''}${more} could not be delivered: ${why} Its sender has no address that a report could go to. "postern queue show ${due.messageId}" tells the story.${remedy}`,
    ...(due.account === null ? {} : { account: due.account }),
  };
}
