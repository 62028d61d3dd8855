// When to say that the certificate ends: some days ahead in stages, and daily once it has ended. Each stage is a subject of
// its own, so that it is said once. The local CA's leaf renews itself a month ahead: there, an alert means that it did not.

import type { DurationMs, EpochMs } from '../clock.ts';
import type { CertificateDescription } from '../tls/certificate-source.ts';
import type { Alert } from './alert.ts';

const DAY: DurationMs = 86_400_000;
/** Days ahead, the last first. */
const STAGES = { own: [1, 3, 7, 14, 30], local: [1, 3, 7, 14] } as const;

/** Null: its end is far away. `now` must be a time that can be trusted. */
export function certificateAlert(description: CertificateDescription, now: EpochMs): Alert | null {
  const [first] = description.certificates;
  if (first === undefined) return null;
  const end = Date.parse(first.not_after);
  const day = first.not_after.slice(0, 10);
  const subject = (stage: string): string => `${first.path}, ${stage} ${day}`;
  if (now >= end) {
    const since = Math.floor((now - end) / DAY);
    const stage = since === 0 ? 'ended on' : `${since} ${since === 1 ? 'day' : 'days'} after its end on`;
    const text = `The certificate ${first.path} ended on ${day}: clients that check it do not send. ${remedy(description)}`;
    return { kind: 'certificate-ending', subject: subject(stage), text };
  }
  const stage = STAGES[description.kind].find(days => end - now <= days * DAY);
  if (stage === undefined) return null;
  const days = `${stage} ${stage === 1 ? 'day' : 'days'}`;
  const text = `The certificate ${first.path} ends on ${day}, in less than ${days}. ${remedy(description)}`;
  return { kind: 'certificate-ending', subject: subject(`${days} before its end on`), text };
}

function remedy({ kind, ca, not_after }: CertificateDescription): string {
  if (kind === 'own' || ca === null) {
    return 'Renew it where it comes from; Postern takes the changed file over by itself.';
  }
  if (ca.not_after <= not_after) {
    return `The local CA ends with it: stop Postern, move the folder of ${ca.path} away, start again, and let the devices trust the new CA.`;
  }
  return 'It should have been renewed a month ago: the log says under "certificate.rejected" what prevents it; "postern certificate renew" tries it now.';
}
