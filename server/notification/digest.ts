// Many reports to one person as one message: plain text, a paragraph for each message that failed or is late. Sent instead
// of further reports once a person has had as many as one gets in an hour. Pure.

import type { EpochMs } from '../clock.ts';
import { isAscii, wrapped } from './mail-text.ts';
import type { MadeReport, ReportFacts } from './report-facts.ts';
import { encodedPart, reportHeader, textPart } from './report-message.ts';
import { digestLines } from './report-words.ts';

export type DigestFacts = Readonly<{
  id: string;
  host: string;
  to: string;
  date: EpochMs | null;
  /** `queue.reports_per_hour`. */
  perHour: number;
  /** What each report would have said, oldest first. */
  reports: readonly ReportFacts[];
}>;

/** Its reverse-path is the null one. */
export function buildDigest(facts: DigestFacts): MadeReport {
  const { reports, host, perHour } = facts;
  const counted = countText(reports);
  const text = [
    ...wrapped(
      `This is the mail server ${host}. ${counted}. There were more reports than ${perHour} in an hour (queue.reports_per_hour), so these come together.`,
    ),
    ...reports.flatMap(one => ['', ...digestLines(one)]),
    '',
    ...wrapped(
      'For the operator of this server: "postern queue show ID" tells the story of a message; its ID stands in brackets.',
    ),
  ].join('\n');
  const { type, octets } = textPart(text);
  const part = encodedPart({ type, octets });
  // The part's own header continues that of the message.
  const contentTypeEnd = part.indexOf('\r\n');
  const header = reportHeader({ ...facts, subject: counted, answers: null, contentType: type });
  return {
    octets: Buffer.concat([Buffer.from(header, 'utf8'), part.subarray(contentTypeEnd + 2)]),
    smtputf8: !isAscii(facts.to),
    bodyType: '7bit',
  };
}

function countText(reports: readonly ReportFacts[]): string {
  const count = (kind: ReportFacts['kind']) => reports.filter(one => one.kind === kind).length;
  const messages = (number: number) => (number === 1 ? '1 message' : `${number} messages`);
  const [failed, late, relayed] = [count('failure'), count('delay'), count('relayed')];
  const texts = [
    ...(failed > 0 ? [`${messages(failed)} not delivered`] : []),
    ...(late > 0 ? [`${messages(late)} late`] : []),
    ...(relayed > 0 ? [`${messages(relayed)} passed on`] : []),
  ];
  return texts.join(', ');
}
