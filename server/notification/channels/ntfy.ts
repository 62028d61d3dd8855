// ntfy (https://ntfy.sh or a server of one's own): a push message to a telephone. The topic is part of the URL.

import type { DurationMs } from '../../clock.ts';
import { alertKinds, type Severity } from '../alert.ts';
import { type Detail, noticeText } from '../notice.ts';
import type { SendNotice } from '../sender.ts';
import { post } from './post.ts';

type Deps = Readonly<{
  url: string;
  token: string | null;
  detail: Detail;
  host: string;
  timeout?: DurationMs;
}>;

/** Priorities are 1 to 5, 3 is usual; tags are names of emoji. */
const LOOKS: Readonly<Record<Severity, Readonly<{ priority: string; tags: string }>>> = {
  info: { priority: '3', tags: 'information_source' },
  warning: { priority: '4', tags: 'warning' },
  critical: { priority: '5', tags: 'rotating_light' },
};

export function createNtfy({ url, token, detail, host, timeout }: Deps): SendNotice {
  return (notice, signal) => {
    const { priority, tags } = LOOKS[alertKinds[notice.kind].severity];
    return post({
      url,
      headers: {
        'Content-Type': 'text/plain; charset=utf-8',
        Title: detail === 'full' ? `Postern on ${host}` : 'Postern',
        Priority: priority,
        Tags: tags,
        ...(token === null ? {} : { Authorization: `Bearer ${token}` }),
      },
      body: noticeText(notice, detail),
      signal,
      ...(timeout === undefined ? {} : { timeout }),
    });
  };
}
