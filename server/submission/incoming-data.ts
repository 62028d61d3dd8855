// The octets of one message on their way from the parser to whoever reads them, as plain calls: a Node stream between the
// two costs as much as all that is done with a small message.

export type DataReader = Readonly<{
  /** Octets of the message, in order. */
  octets: (piece: Buffer) => void;
  /** The final dot has come: that was all. */
  ended: () => void;
  /** The client is gone in the middle. */
  vanished: () => void;
}>;

export type IncomingData = Readonly<{
  /** To be called once; octets wait until then. */
  read: (reader: DataReader) => void;
  /** Hands over nothing until `resume`; the client waits once the system's buffers are full. */
  pause: () => void;
  resume: () => void;
  /** What still comes is thrown away. */
  discard: () => void;
}>;
