// What a person wants to see of a stored message: sender, subject, attachments. The only importer of mailparser, loaded
// only by `queue show`; attachments are counted and thrown away, so that a 50 MB message needs no more memory.

import type { Readable } from 'node:stream';
import { MailParser } from 'mailparser';

export type MessageSummary = Readonly<{
  /** The From header as text; null where there is none. */
  sender: string | null;
  subject: string | null;
  attachments: readonly Readonly<{ name: string | null; type: string; size: number }>[];
}>;

/** Reads the whole message. Rejects when it cannot be read; a broken one gives what can be understood of it. */
export function summarize(content: Readable): Promise<MessageSummary> {
  return new Promise((resolve, reject) => {
    // A person gets a summary, not a rendering: no HTML to text, no links.
    const parser = new MailParser({
      skipHtmlToText: true,
      skipTextToHtml: true,
      skipImageLinks: true,
      skipTextLinks: true,
    });
    let sender: string | null = null;
    let subject: string | null = null;
    const attachments: { name: string | null; type: string; size: number }[] = [];
    parser.on('headers', headers => {
      const from = headers.get('from');
      sender = typeof from === 'object' && 'text' in from ? String(from.text) : null;
      const found = headers.get('subject');
      subject = typeof found === 'string' ? found : null;
    });
    parser.on('data', part => {
      if (part.type !== 'attachment') return;
      part.content.on('end', () => {
        attachments.push({ name: part.filename ?? null, type: part.contentType, size: part.size });
        part.release();
      });
      part.content.resume();
    });
    parser.once('error', reject);
    parser.once('end', () => resolve({ sender, subject, attachments }));
    content.once('error', reject);
    content.pipe(parser);
  });
}
