// smtp-server's parser with our way for message data: our decoder, and plain calls in place of a stream (incoming-data.ts).
// The library's own yields to the event loop at every doubled dot (4 MB/s for a message of such lines), looks at every
// octet in JavaScript and makes a stream for every message. Commands stay the library's.

import { SMTPStream } from 'smtp-server/lib/smtp-stream';
import { createDataDecoder, type DataDecoder, type Decoded } from './data-decoder.ts';
import type { DataReader, IncomingData } from './incoming-data.ts';

type Done = (error?: Error | null) => void;

/** One message: from 354 until what follows it is parsed. */
type Message = {
  readonly decoder: DataDecoder;
  reader: DataReader | null;
  paused: boolean;
  discarded: boolean;
  /** What goes on when there is a reader that does not pause. */
  held: (() => void) | null;
};

export class DataParser extends SMTPStream {
  /** Null once its last octet was handed over. */
  #message: Message | null = null;
  /** The reply to the message was given: what follows it may be parsed. */
  #answered = false;
  /** Parses what follows the message; set when the final dot comes before the reply is given. */
  #parseRest: (() => void) | null = null;

  /** From now on, what comes is a message, up to its final dot. Then nothing is parsed until `continue`. */
  beginData(): IncomingData {
    const message: Message = {
      decoder: createDataDecoder(),
      reader: null,
      paused: false,
      discarded: false,
      held: null,
    };
    this.#message = message;
    this.#answered = false;
    this._dataMode = true;
    this.dataBytes = 0;
    return {
      read: reader => {
        message.reader = reader;
        goOn(message);
      },
      pause: () => {
        message.paused = true;
      },
      resume: () => {
        message.paused = false;
        goOn(message);
      },
      discard: () => {
        message.discarded = true;
        message.paused = false;
        goOn(message);
      },
    };
  }

  /** The reply to the message was given: goes on with what follows it, now or when its final dot has come. */
  override continue(): void {
    this.#answered = true;
    const parseRest = this.#parseRest;
    this.#parseRest = null;
    parseRest?.();
  }

  /** The client is gone: nothing more will come. */
  clientGone(): void {
    const reader = this.#message?.reader;
    this.#message = null;
    reader?.vanished();
  }

  override _feedDataStream(chunk: Buffer, done: Done): void {
    const message = this.#message;
    if (message === null) return done();
    if (isHeldUp(message)) message.held = () => this._feedDataStream(chunk, done);
    else this.#handOver(message, message.decoder.push(chunk), done);
  }

  #handOver(message: Message, { pieces, rest }: Decoded, done: Done): void {
    let at = 0;
    for (const piece of pieces) {
      if (isHeldUp(message)) {
        const left = pieces.slice(at);
        message.held = () => this.#handOver(message, { pieces: left, rest }, done);
        return;
      }
      at++;
      this.dataBytes += piece.length;
      if (!message.discarded) message.reader?.octets(piece);
    }
    if (rest !== null) this.#end(message, rest, done);
    else if (isHeldUp(message)) message.held = done;
    else done();
  }

  /** Here the message has come whole, though its last octets may still be on their way to the disk. */
  #end(message: Message, rest: Buffer, done: Done): void {
    const parseRest = () => this._write(rest, 'buffer', done);
    this.#message = null;
    this._dataMode = false;
    this._remainder = '';
    // It was refused before its end, and the reply given then.
    if (this.#answered) return parseRest();
    this.#parseRest = parseRest;
    if (!message.discarded) message.reader?.ended();
  }
}

function isHeldUp({ reader, paused }: Message): boolean {
  return reader === null || paused;
}

function goOn(message: Message): void {
  const held = message.held;
  message.held = null;
  held?.();
}
