// A webhook: the notice as JSON, signed so that the receiver can tell that it comes from here and is not an old one:
// `X-Postern-Signature: sha256=` and the hexadecimal HMAC-SHA-256 of `TIMESTAMP.BODY` under the channel's secret.

import { createHmac } from 'node:crypto';
import type { DurationMs, EpochMs } from '../../clock.ts';
import { alertKinds } from '../alert.ts';
import { type Detail, type Notice, noticeText } from '../notice.ts';
import type { SendNotice } from '../sender.ts';
import { post } from './post.ts';

type Deps = Readonly<{
  url: string;
  secret: string;
  detail: Detail;
  host: string;
  /** For the timestamp: never one that is wrong for certain, for a receiver refuses what is old. */
  believedTime: () => EpochMs;
  timeout?: DurationMs;
}>;

export function createWebhook(deps: Deps): SendNotice {
  const { url, secret, detail, host, believedTime, timeout } = deps;
  return (notice, signal) => {
    const body = JSON.stringify(documentOf(notice, detail, host));
    const timestamp = String(Math.floor(believedTime() / 1000));
    return post({
      url,
      headers: {
        'Content-Type': 'application/json',
        'X-Postern-Timestamp': timestamp,
        'X-Postern-Signature': `sha256=${signature(secret, `${timestamp}.${body}`)}`,
      },
      body,
      signal,
      ...(timeout === undefined ? {} : { timeout }),
    });
  };
}

function documentOf(notice: Notice, detail: Detail, host: string): object {
  const { kind, subject, account, address, at, count } = notice;
  return {
    kind,
    severity: alertKinds[kind].severity,
    host,
    time: new Date(at).toISOString(),
    text: noticeText(notice, detail),
    count,
    ...(detail === 'full'
      ? { subject, ...(account === null ? {} : { account }), ...(address === null ? {} : { address }) }
      : {}),
  };
}

function signature(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text, 'utf8').digest('hex');
}
