// A delivery as an upstream permits it: senders and local recipients are put into what goes out, right before it is sent and
// for this attempt alone, so that a corrected setting or rule frees what waits. What is stored stays as it came. Guarantees
// one outcome for each forward-path of the request, in its order, whatever became of it on the wire. Where nothing has to
// be changed it costs nothing: the content is not looked at.

import type { Log } from '../events.ts';
import type { RaiseAlert } from '../notification/alert.ts';
import type { DeliveryRequest } from '../queue/delivery.ts';
import type { Outcome } from '../queue/outcome.ts';
import { decideIdentity, type IdentityDecision } from './identity.ts';
import { type NewContent, withFieldsOnTop, withSenders } from './identity-content.ts';
import { type Mapping, mapRecipients } from './recipient-mapping.ts';
import type { Upstream } from './upstream.ts';
import { type Attempt, judgeSent } from './verdicts.ts';

/** Calls `send` with what goes out, unless the stored content cannot be read. Rejects only where `send` does. */
export type SendAsPermitted = (
  request: DeliveryRequest,
  upstream: Upstream,
  send: (request: DeliveryRequest) => Promise<Attempt>,
) => Promise<Attempt>;

export type SendAsPermittedDeps = Readonly<{
  /** The address that mail to a local recipient goes to; null where it stays. */
  mappedRecipient: (forwardPath: string) => string | null;
  log: Log;
  raise: RaiseAlert;
}>;

export function createSendAsPermitted({ mappedRecipient, log, raise }: SendAsPermittedDeps): SendAsPermitted {
  /** Of upstreams that lack a sender, the revision at which it was said. */
  const said = new Map<string, number>();

  return async (request, upstream, send) => {
    const mapping = mapRecipients(request, mappedRecipient);
    const decision = decideIdentity({ ...request, identity: upstream.identity, user: upstream.user });
    if (decision.lacksSender && said.get(upstream.id) !== upstream.revision) {
      said.set(upstream.id, upstream.revision);
      log('upstream.sender_missing', { upstream: upstream.name });
    }
    const header = await headerFor(request, decision);
    if (header.kind === 'unreadable') return judgeSent(request, header, upstream.name);
    report(request, upstream, header);
    const attempt = await send(changedRequest(request, decision, header, mapping));
    return mapping === null ? attempt : spread(attempt, mapping);
  };

  function report({ messageId, account }: DeliveryRequest, { name }: Upstream, header: NewContent): void {
    const common = { id: messageId, upstream: name };
    if (header.kind === 'signed') {
      log('message.signed_not_rewritten', { ...common, signature: header.by });
      raise(signedAlert(name, account, header.by));
    }
    if (header.kind === 'header-too-large') log('message.header_not_rewritten', common);
  }
}

async function headerFor({ content }: DeliveryRequest, { header }: IdentityDecision): Promise<NewContent> {
  return header === null ? { kind: 'unchanged' } : withSenders(content, header);
}

function changedRequest(
  request: DeliveryRequest,
  { reversePath }: IdentityDecision,
  header: NewContent,
  mapping: Mapping | null,
): DeliveryRequest {
  const { content, size } = header.kind === 'changed' ? header : request;
  const sent = { ...request, reversePath, content, size };
  if (mapping === null) return sent;
  const { forwardPaths, dsn, fields } = mapping;
  const top = withFieldsOnTop(content, fields);
  return { ...sent, forwardPaths, dsn, content: top.content, size: top.size };
}

function spread({ outcomes, ...rest }: Attempt, { places }: Mapping): Attempt {
  return { ...rest, outcomes: places.map(place => outcomes[place] ?? NO_ANSWER) };
}

const NO_ANSWER: Outcome = {
  kind: 'deferred',
  reason: 'refused-for-now',
  stage: 'body',
  reply: null,
  text: 'The attempt ended without an answer for this recipient.',
};

function signedAlert(upstream: string, account: string | null, by: string): Parameters<RaiseAlert>[0] {
  const whose = account === null ? 'a message' : `a message of account ${account}`;
  return {
    kind: 'signed-not-rewritten',
    subject: `${upstream} ${account ?? ''}`.trim(),
    text: `The upstream ${upstream} permits only certain senders, but ${whose} is signed (${by}), and another sender would break the signature: its header was left as it is. If the upstream refuses it, let the device send as a permitted address or without a signature, or add its sender to those that the upstream permits.`,
    ...(account === null ? {} : { account }),
  };
}
