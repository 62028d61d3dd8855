// smtp-server's parser with our decoder for message data. The library's own yields to the event loop at every doubled dot
// (4 MB/s for a message of such lines) and looks at every octet in JavaScript. Commands stay the library's.

import { SMTPStream } from 'smtp-server/lib/smtp-stream';
import { createDataDecoder, type DataDecoder } from './data-decoder.ts';

type Done = (error?: Error | null) => void;

export class DataParser extends SMTPStream {
  #decoder: DataDecoder = createDataDecoder();

  override startDataMode(
    ...limit: Parameters<SMTPStream['startDataMode']>
  ): ReturnType<SMTPStream['startDataMode']> {
    this.#decoder = createDataDecoder();
    return super.startDataMode(...limit);
  }

  /**
   * The library's own forgets a message that ends while it goes on after the one before: with two in one chunk, and a DATA
   * that is answered at once, it would never go on again.
   */
  override continue(): void {
    const goOn = this._continueCallback;
    if (typeof goOn !== 'function') return super.continue();
    this._continueCallback = false;
    goOn();
  }

  override _feedDataStream(chunk: Buffer, done: Done): void {
    const { pieces, rest } = this.#decoder.push(chunk);
    const stream = this._dataStream;
    if (!stream) return done();
    let flowing = true;
    for (const piece of pieces) {
      this._countDataBytes(piece.length);
      if (stream.writable) flowing = stream.write(piece);
    }
    if (rest !== null) return this._endDataMode(false, rest, done);
    if (flowing || stream.destroyed || !stream.writable) return done();
    waitForRoom(stream, done);
  }
}

/** A stream that whoever reads it destroys never drains, it only closes. */
function waitForRoom(stream: NodeJS.WritableStream, done: Done): void {
  const go = () => {
    stream.removeListener('drain', go);
    stream.removeListener('close', go);
    done();
  };
  stream.once('drain', go);
  stream.once('close', go);
}
