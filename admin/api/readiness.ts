// Whether mail can be accepted durably, found out when asked but at most once a second: probes must not cost the disk
// anything, and a database that does not answer must not make the probe hang.

/** `text` says why not, or that all is well. */
export type Readiness = Readonly<{ ok: boolean; text: string }>;

/** Milliseconds for which an answer stays good. */
const GOOD_FOR = 1_000;
/** Milliseconds after which no answer is a bad one. */
const PATIENCE = 3_000;

/** Wraps `check`; never rejects. */
export function cachedReadiness(check: () => Promise<Readiness>): () => Promise<Readiness> {
  let known: Promise<Readiness> | null = null;
  return () => {
    if (known !== null) return known;
    const asked = patiently(check);
    known = asked;
    void asked.then(() => {
      setTimeout(() => {
        known = null;
      }, GOOD_FOR).unref();
    });
    return asked;
  };
}

function patiently(check: () => Promise<Readiness>): Promise<Readiness> {
  return new Promise(resolve => {
    const timer = setTimeout(() => {
      resolve({ ok: false, text: `The storage has not answered for ${PATIENCE / 1000} seconds.` });
    }, PATIENCE);
    timer.unref();
    check()
      .catch((error: unknown): Readiness => {
        const reason = error instanceof Error ? error.message : String(error);
        return { ok: false, text: `The storage does not work: ${reason}` };
      })
      .then(readiness => {
        clearTimeout(timer);
        resolve(readiness);
      });
  });
}
