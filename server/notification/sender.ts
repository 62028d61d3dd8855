// The small interface that every kind of channel has: send one notice, and say what became of it.

import type { Notice } from './notice.ts';

/** `text`: why not, for the operator; without URL, token or secret, and without a word of the other side's answer. */
export type Sending = Readonly<{ kind: 'ok'; text: string }> | Readonly<{ kind: 'failed'; text: string }>;

/** Ends soon after the signal; never rejects. */
export type SendNotice = (notice: Notice, signal: AbortSignal) => Promise<Sending>;
