// A report about one message to a person (a DSN: RFC 3461, 3464, 6522, 6533): words for people first, then the fields for
// mail programs, then the header of the message, or all of it where that was asked for. Pure: facts in, octets out.

import { deliveryStatus, isInternational } from './delivery-status.ts';
import { isAscii } from './mail-text.ts';
import type { MadeReport, OriginalText, ReportFacts } from './report-facts.ts';
import { encodedPart, isAsciiOnly, isEightBit, type Part, reportHeader, textPart } from './report-message.ts';
import { reportSubject, reportText } from './report-words.ts';

/** The report, complete, CRLF line ends. Its reverse-path is the null one. */
export function buildReport(facts: ReportFacts): MadeReport {
  // Then every relay on its way takes 8-bit octets (RFC 6531 §3.1), and nothing needs to be encoded.
  const smtputf8 = !isAscii(facts.to);
  const { original } = facts;
  const parts: readonly Part[] = [
    textPart(reportText(facts)),
    statusPart(facts, smtputf8),
    ...(typeof original === 'string' ? [] : [returnedPart(original, { smtputf8, ...facts })]),
  ];
  const content = parts.map(encodedPart);
  const boundary = boundaryFor(facts.id, content);
  const statusType = isInternational(facts) ? 'global-delivery-status' : 'delivery-status';
  const header = reportHeader({
    ...facts,
    subject: reportSubject(facts),
    answers: typeof original === 'string' ? null : original.messageId,
    // RFC 6522 §3: the subtype of the second part.
    contentType: `multipart/report; report-type=${statusType};\r\n boundary="${boundary}"`,
  });
  const octets = Buffer.concat([
    Buffer.from(`${header}\r\n`, 'utf8'),
    ...content.flatMap(part => [Buffer.from(`--${boundary}\r\n`), part, Buffer.from('\r\n')]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
  return { octets, smtputf8, bodyType: content.every(isAsciiOnly) ? '7bit' : '8bitmime' };
}

function statusPart(facts: ReportFacts, smtputf8: boolean): Part {
  const octets = Buffer.from(deliveryStatus(facts), 'utf8');
  if (!isInternational(facts)) return { type: 'message/delivery-status', octets };
  return { type: 'message/global-delivery-status', octets, ...(smtputf8 ? { keep: '8bit' } : {}) };
}

function returnedPart(
  { header, whole }: OriginalText,
  { smtputf8, recipients }: Pick<ReportFacts, 'recipients'> & Readonly<{ smtputf8: boolean }>,
): Part {
  const wideHeader = !isAsciiOnly(header);
  // A message within a message may not be encoded (RFC 2046 §5.2.1), so one that needs it is not returned whole.
  if (whole !== null && isEightBit(whole) && (smtputf8 || !wideHeader)) {
    return { type: wideHeader ? 'message/global' : 'message/rfc822', octets: whole, keep: '8bit' };
  }
  if (wideHeader && (smtputf8 || isInternational({ recipients })) && isUtf8(header)) {
    return { type: 'message/global-headers', octets: header, ...(smtputf8 ? { keep: '8bit' } : {}) };
  }
  return { type: 'text/rfc822-headers', octets: header };
}

function boundaryFor(id: string, parts: readonly Buffer[]): string {
  let boundary = `=_${id}`;
  while (parts.some(part => part.includes(`--${boundary}`))) boundary += '_';
  return boundary;
}

function isUtf8(octets: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(octets);
    return true;
  } catch {
    return false;
  }
}
