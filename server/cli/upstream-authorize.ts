// `postern upstream authorize`: gets the right to send by an upstream that uses OAuth2, in a conversation on stderr.

import { needsConsent, type OAuthFlow, type OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import type { Upstream } from '../relay/upstream.ts';
import { type Call, type Command, commandsOf, done, failed, misused, type Result } from './command.ts';
import type { CommandStore } from './command-store.ts';
import { askConsent } from './consent-conversation.ts';
import { isoTime, quoted, shownTime } from './output.ts';

export const upstreamAuthorizeCommand: Command = commandsOf('upstream')(
  'authorize',
  'NAME',
  'agree, as its user, that Postern sends by it (OAuth2)',
  authorize,
  [
    {
      flags: '--flow FLOW',
      means: 'code (in a browser) or device (on any device); else as the upstream is set',
    },
  ],
);

async function authorize(call: Call, store: CommandStore): Promise<Result> {
  const name = call.arguments[0] ?? '';
  const upstream = store.upstreams.find(name);
  if (upstream === null) {
    return failed(`There is no upstream named "${name}": "postern upstream list" shows them all.`);
  }
  const settings = upstream.oauth;
  if (settings === null) {
    return failed(
      `Upstream ${upstream.name} does not use OAuth2, so there is nothing to authorise: it logs in with what "postern upstream set" gave it.`,
    );
  }
  const flow = flowOf(call.value('flow'), settings);
  if (typeof flow !== 'string') return flow;
  const { authorizer } = store;
  const result = await askConsent({ upstream, settings, flow, authorizer, terminal: call.terminal });
  if (result.kind === 'stopped') return failed('Stopped: nothing was stored.');
  return result.kind === 'refused' ? failed(result.text) : authorized(upstream, flow, result.endsAt);
}

/** Which conversation it is to be, or why it cannot be that one. */
function flowOf(wanted: string | null, settings: OAuthSettings): OAuthFlow | Result {
  if (wanted === null) return settings.flow;
  if (wanted !== 'code' && wanted !== 'device') {
    return misused(`--flow takes code or device, not "${wanted}".`);
  }
  if (!needsConsent(settings)) {
    return failed('This upstream has a right of its own, to which nobody need agree: leave --flow away.');
  }
  if (wanted === 'device' && settings.provider === 'google') {
    return failed('Google gives no device codes for mail: leave --flow away, or use --flow code.');
  }
  return wanted === 'code' ? 'authorization-code' : 'device-code';
}

function authorized({ name }: Upstream, flow: OAuthFlow, endsAt: number | null): Result {
  const end = endsAt === null ? '' : ` until ${shownTime(endsAt)}`;
  const text = `Postern may send by ${name}${end}. Try it: postern upstream test ${quoted(name)}`;
  return done(text, { name, authorized: true, flow, ends_at: isoTime(endsAt) });
}
