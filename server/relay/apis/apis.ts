// The sending APIs that Postern can speak to, by the names in their schemes. Pure.

import { type ApiName, apiOf, type UpstreamScheme } from '../upstream-scheme.ts';
import { gmail } from './gmail.ts';
import { graph } from './graph.ts';
import { mailgun } from './mailgun.ts';
import type { SendingApi } from './sending-api.ts';
import { ses } from './ses.ts';
import { smtp2go } from './smtp2go.ts';
import { sparkpost } from './sparkpost.ts';

export const apis: Readonly<Record<ApiName, SendingApi>> = {
  graph,
  gmail,
  ses,
  mailgun,
  smtp2go,
  sparkpost,
};

/** Null: it speaks SMTP. */
export function sendingApiOf(scheme: UpstreamScheme): SendingApi | null {
  const name = apiOf(scheme);
  return name === null ? null : apis[name];
}
