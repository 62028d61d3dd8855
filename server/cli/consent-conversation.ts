// The conversation in which a person authorises an upstream: the same for `postern upstream authorize` and `postern setup`.
// It stands on stderr. Nothing is stored before the person has agreed at the provider; whoever stops earlier leaves nothing.

import type { AuthorizationRefusal, Authorized, Authorizer, CodeConsent } from '../relay/oauth/authorizer.ts';
import type { OAuthFlow, OAuthSettings } from '../relay/oauth/oauth-settings.ts';
import type { Upstream } from '../relay/upstream.ts';
import { codeText, deviceText, providerName, waitingText, wrongPaste } from './consent-words.ts';
import { type Keyboard, openKeyboard } from './keyboard.ts';
import { type LoopbackListener, listenOnLoopback } from './loopback-listener.ts';
import { harmless } from './output.ts';
import { qrCode } from './qr-code.ts';
import type { Terminal } from './terminal.ts';
import { wrapped } from './wrapping.ts';

export type ConsentResult =
  | Authorized
  | AuthorizationRefusal
  /** The person has given up, and nothing is stored. */
  | Readonly<{ kind: 'stopped' }>;

export type Asked = Readonly<{
  upstream: Upstream;
  settings: OAuthSettings;
  /** May differ from that of the settings. */
  flow: OAuthFlow;
  authorizer: Authorizer;
  terminal: Terminal;
}>;

const STOPPED: ConsentResult = { kind: 'stopped' };
/** Whoever pastes the wrong thing that often needs other help. */
const MOST_PASTES = 5;
/** Providers end a login long before. */
const PATIENCE = 30 * 60_000;
/** Where nobody can listen, the browser ends at a port of no meaning. */
const NO_PORT = 49_222;

/** Resolves once it is clear what came of it; after half an hour at the latest. */
export function askConsent(asked: Asked): Promise<ConsentResult> {
  switch (asked.flow) {
    case 'authorization-code':
      return askForCode(asked);
    case 'device-code':
      return askOnDevice(asked);
    case 'client-credentials':
    case 'service-account':
      return asked.authorizer.tryClient(asked.upstream);
    default:
      return asked.flow satisfies never;
  }
}

async function askForCode({ upstream, settings, authorizer, terminal }: Asked): Promise<ConsentResult> {
  const listener = await listenOnLoopback(settings.redirectUri);
  try {
    const consent = await authorizer.beginCode(upstream, listener?.port ?? NO_PORT);
    if (consent.kind === 'refused') return consent;
    const { screen } = terminal;
    const shape = { listens: listener !== null, columns: widthOf(screen) };
    terminal.complain(codeText(consent, shape));
    const keyboard = openKeyboard(terminal);
    try {
      const answer = await firstAnswer(consent, { listener, keyboard, terminal });
      if (typeof answer !== 'string') return answer;
      terminal.complain(`Asking ${providerName(settings)} for access …\n`);
      // From here on it is no longer ours to stop: what came of it is said.
      return await consent.finish(answer);
    } finally {
      keyboard.close();
    }
  } finally {
    listener?.close();
  }
}

type Ears = Readonly<{ listener: LoopbackListener | null; keyboard: Keyboard; terminal: Terminal }>;

/** The address at which the browser ended, from whoever brings it first. */
async function firstAnswer(consent: CodeConsent, ears: Ears): Promise<string | ConsentResult> {
  const { listener, keyboard, terminal } = ears;
  const browser = listener?.answer(consent).then(address => {
    terminal.complain(
      terminal.interactive ? '\r\u001b[KThe browser has come back.\n' : 'The browser has come back.\n',
    );
    return address;
  });
  return inTime(keyboard.stopped, [pastedAnswer(consent, ears), ...(browser === undefined ? [] : [browser])]);
}

async function pastedAnswer(consent: CodeConsent, ears: Ears): Promise<string | AuthorizationRefusal> {
  for (let pastes = 0; pastes < MOST_PASTES; pastes++) {
    const text = await ears.keyboard.pasted('Address: ');
    if (text === null) {
      return refused(
        'Standard input ended, and the address at which the browser ended had not come: nothing is stored.',
      );
    }
    const answer = answerIn(text, consent);
    if (answer !== null) return answer;
    ears.terminal.complain(`${wrapped(wrongPaste(text, consent), widthOf(ears.terminal.screen))}\n`);
  }
  return refused(
    `None of the ${MOST_PASTES} pasted texts was the address at which the browser ended, so nothing is stored: run the command again.`,
  );
}

/** An address may have been copied in several lines, or stand in one of them. */
export function answerIn(text: string, { isAnswer }: Pick<CodeConsent, 'isAnswer'>): string | null {
  const lines = text.split('\n').map(line => line.trim());
  return [lines.join(''), ...lines].find(isAnswer) ?? null;
}

async function askOnDevice({ upstream, authorizer, terminal }: Asked): Promise<ConsentResult> {
  const consent = await authorizer.beginDevice(upstream);
  if (consent.kind === 'refused') return consent;
  const { screen } = terminal;
  const qr = screen === null ? null : qrCode(consent.addressWithCode ?? consent.address, screen);
  const { address, userCode } = consent;
  const shown = { ...consent, address: harmless(address), userCode: harmless(userCode) };
  terminal.complain(`${deviceText(shown, { qr, columns: widthOf(screen) })}\n`);
  const keyboard = openKeyboard(terminal);
  const progress = showWaiting(terminal, consent.lifetime);
  try {
    const result = await consent.wait(keyboard.stopped);
    return keyboard.stopped.aborted && result.kind === 'refused' ? STOPPED : result;
  } finally {
    progress.end();
    keyboard.close();
  }
}

/** A line that counts down; without a terminal it is said once. */
function showWaiting(terminal: Terminal, lifetime: number): Readonly<{ end: () => void }> {
  if (!terminal.interactive) {
    terminal.complain(`${waitingText(lifetime)}\n`);
    return { end: () => undefined };
  }
  let left = lifetime;
  const show = () => terminal.complain(`\r\u001b[K${waitingText(left)}`);
  show();
  const timer = setInterval(() => {
    left -= 10_000;
    show();
  }, 10_000);
  return {
    end: () => {
      clearInterval(timer);
      terminal.complain('\r\u001b[K');
    },
  };
}

/** What comes first, unless the person stops, or nobody comes. */
async function inTime(
  stopped: AbortSignal,
  answers: readonly Promise<string | AuthorizationRefusal>[],
): Promise<string | ConsentResult> {
  let timer: NodeJS.Timeout | undefined;
  const end = new Promise<ConsentResult>(resolve => {
    timer = setTimeout(
      () =>
        resolve(refused('Nobody came back in half an hour, so nothing is stored: run the command again.')),
      PATIENCE,
    );
    stopped.addEventListener('abort', () => resolve(STOPPED), { once: true });
    if (stopped.aborted) resolve(STOPPED);
  });
  try {
    return await Promise.race([...answers, end]);
  } finally {
    clearTimeout(timer);
  }
}

function widthOf(screen: Terminal['screen']): number {
  return Math.min(screen?.columns() ?? 100, 100);
}

function refused(text: string): AuthorizationRefusal {
  return { kind: 'refused', text };
}
