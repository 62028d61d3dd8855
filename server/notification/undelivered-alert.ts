// What the operator is told of mail that could not be delivered where nobody else can be told: its sender has no address, or
// the report to it could not be delivered either. Pure.

import type { Alert } from './alert.ts';
import type { DueReport } from './due-reports.ts';
import type { ReportSource, Unreported } from './report-statements.ts';

type Told = Readonly<{ due: DueReport; source: ReportSource }>;

/** Said once in an hour for each account, and then counted: its text is about the last one. */
export function undeliveredAlert({ due, source }: Told): Alert {
  const [first] = source.recipients;
  const of = due.account === null ? '' : ` of account ${due.account}`;
  const why = first?.why ?? 'It was given up.';
  const remedy =
    due.account === null
      ? ''
      : ` "postern account set ${due.account} --owner ADDRESS" lets a person get such reports by mail.`;
  return {
    kind: 'mail-failed',
    subject: due.account ?? '',
    text: `A message${of} to ${namesOf(source.recipients.map(one => one.forwardPath))} could not be delivered: ${why} Its sender has no address that a report could go to. "postern queue show ${due.messageId}" tells the story.${remedy}`,
    ...(due.account === null ? {} : { account: due.account }),
  };
}

/**
 * `unreported`: what the report was about; null: a digest, or it is no longer known. Said apart from mail whose sender has no
 * address, because something else is to be done.
 */
export function unreportedAlert({ due, source }: Told, unreported: Unreported | null): Alert {
  const [first] = source.recipients;
  const to = first?.forwardPath ?? '';
  const why = sentence(first?.why ?? 'It was given up.');
  if (unreported === null) {
    const what = due.failedReport === 'digest' ? 'A summary of reports about mail' : 'A report about mail';
    return {
      kind: 'mail-failed',
      subject: 'reports',
      text: `${what} to ${to} could not be delivered: ${why} "postern queue show ${due.messageId}" tells the story, "postern queue list --state failed" shows mail that failed.`,
    };
  }
  const { account, messageId, forwardPaths } = unreported;
  const of = account === null ? '' : ` of account ${account}`;
  const because = unreported.why === null ? '.' : `: ${sentence(unreported.why)}`;
  const remedy =
    account === null
      ? ''
      : ` "postern account set ${account} --owner ADDRESS" has such reports sent to an address that works.`;
  return {
    kind: 'mail-failed',
    subject: account === null ? 'reports' : `${account}: reports`,
    text: `A message${of} to ${namesOf(forwardPaths)} could not be delivered${because} Nor could the report of that to ${to}: ${why} "postern queue show ${messageId}" tells the story.${remedy}`,
    ...(account === null ? {} : { account }),
  };
}

function namesOf([first = '', ...others]: readonly string[]): string {
  return others.length === 0 ? first : `${first} and ${others.length} more`;
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
