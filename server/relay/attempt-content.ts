// The content of a message as one upstream can take it: as it is wherever the upstream offers what it needs, else in 7 bits
// or with a header in ASCII (message/downgrade.ts). Octets in memory are converted at once. A file is read twice before its
// third time, on the wire: for the plan, and for the size that MAIL announces; memory stays bounded, and a file that was
// read a moment ago is in the machine's memory anyway.

import { createConversion, downgrade } from '../message/downgrade.ts';
import type { DowngradePlan, Unconvertible } from '../message/seven-bit-plan.ts';
import { createAnalysis } from '../message/seven-bit-plan.ts';
import type { Content, DeliveryRequest } from '../queue/delivery.ts';
import { type NotSupported, notSupported } from './attempt-envelope.ts';
import { type Capabilities, tooLarge } from './capabilities.ts';
import { createStoredContent } from './drivers/stored-content.ts';

export type FittedContent = Readonly<{
  kind: 'fitted';
  content: Content;
  /** Of a file: how it is written. Null: as it is. */
  plan: DowngradePlan | null;
  /** Octets to send. */
  size: number;
  /** BODY=8BITMIME is asked for. */
  eightBit: boolean;
}>;

/** The stored message could not be read, or is not what was stored. */
export type Unreadable = Readonly<{ kind: 'unreadable'; detail: string }>;

type Request = Pick<DeliveryRequest, 'bodyType' | 'smtputf8' | 'content' | 'size'>;

export async function fitContent(
  request: Request,
  capabilities: Capabilities,
): Promise<FittedContent | NotSupported | Unreadable> {
  const bodies = request.bodyType === '8bitmime' && !capabilities.eightBitMime;
  const headers = request.smtputf8 && !capabilities.smtputf8;
  const fitted = bodies || headers ? await convert(request, { bodies }) : asItIs(request);
  if (fitted.kind === 'unconvertible') return refused(fitted);
  if (fitted.kind === 'unreadable') return fitted;
  const problem = tooLarge(fitted.size, capabilities);
  return problem === null ? fitted : { kind: 'not-supported', outcome: notSupported(problem, '5.3.4') };
}

function asItIs({ content, size, bodyType }: Request): FittedContent {
  return { kind: 'fitted', content, plan: null, size, eightBit: bodyType === '8bitmime' };
}

type Wish = Readonly<{ bodies: boolean }>;

async function convert(request: Request, wish: Wish): Promise<FittedContent | Unconvertible | Unreadable> {
  const { content } = request;
  const unchanged = { ...asItIs(request), eightBit: request.bodyType === '8bitmime' && !wish.bodies };
  if (content.kind === 'octets') {
    const found = downgrade(content.octets, wish);
    if (found === null) return unchanged;
    if (found.kind === 'unconvertible') return found;
    const { octets } = found;
    return { ...unchanged, content: { kind: 'octets', octets }, size: octets.length };
  }
  const analysis = createAnalysis(wish);
  const problem = await readThrough(content, octets => analysis.push(octets));
  if (problem !== null) return problem;
  const found = analysis.end();
  if (found === null) return unchanged;
  if (found.kind === 'unconvertible') return found;
  return measured({ ...unchanged, content, plan: found.plan }, content, found.plan);
}

type File = Extract<Content, { kind: 'file' }>;

async function measured(
  fitted: FittedContent,
  file: File,
  plan: DowngradePlan,
): Promise<FittedContent | Unreadable> {
  const conversion = createConversion(plan);
  let size = 0;
  const count = (pieces: readonly Uint8Array[]) => {
    for (const piece of pieces) size += piece.length;
  };
  const problem = await readThrough(file, octets => count(conversion.push(octets)));
  if (problem !== null) return problem;
  count(conversion.end());
  return { ...fitted, size };
}

/** Null: `take` was given the octets, and they are those that were stored. */
async function readThrough(file: File, take: (octets: Uint8Array) => void): Promise<Unreadable | null> {
  const stored = createStoredContent(file);
  take(stored.begin);
  try {
    for await (const piece of file.open()) {
      const octets = stored.take(piece);
      if (octets === null) break;
      take(octets);
    }
  } catch (error) {
    return { kind: 'unreadable', detail: error instanceof Error ? error.message : String(error) };
  }
  const detail = stored.problem();
  return detail === null ? null : { kind: 'unreadable', detail };
}

function refused({ status, why }: Unconvertible): NotSupported {
  const [lacks, advice] =
    status === '5.6.7'
      ? ['international mail (SMTPUTF8)', 'Give the device a sender address in plain ASCII']
      : ['8-bit mail (8BITMIME)', 'Let the device encode its mail (quoted-printable or base64)'];
  const text = `The upstream does not take ${lacks}, and the message cannot be converted: ${why}. ${advice}, or use another upstream.`;
  return { kind: 'not-supported', outcome: notSupported(text, status) };
}
