// The direction of imports: a file imports only from layers to its left, or from its own folder. No circles, no import
// for an effect, and each third-party library in one place. A new file that fits no row must be given one here.

import { describe, expect, it } from 'vitest';
import { type Import, importsOf, nodeImports, sourceFiles } from './support/import-graph.ts';

/** From left to right: what may be imported by everybody to its right. */
const LAYERS = ['vocabulary', 'decision', 'ground', 'state', 'edge', 'main'] as const;
type Layer = (typeof LAYERS)[number];

/** The first pattern that fits a path decides; single files stand before their folders. */
const table: readonly (readonly [RegExp, Layer])[] = [
  [/^server\/(clock|ids|events|build|refused-start)\.ts$/, 'vocabulary'],
  [/^server\/smtp\//, 'vocabulary'],
  [/^server\/queue\/(outcome|delivery|way)\.ts$/, 'vocabulary'],
  [/^server\/accounts\/(principal|account-policy)\.ts$/, 'vocabulary'],
  [/^server\/notification\/alert\.ts$/, 'vocabulary'],
  [/^server\/audit\/audit-entry\.ts$/, 'vocabulary'],

  [/^server\/(message|sasl|diagnosis)\//, 'decision'],
  [
    /^server\/notification\/(dsn|digest|delivery-status|report-(facts|words|message|decision)|original-text|mail-text)\.ts$/,
    'decision',
  ],
  [/^server\/submission\/(policy|deadlines|data-decoder)\.ts$/, 'decision'],
  [/^server\/accounts\/sending-limits\.ts$/, 'decision'],
  [/^server\/accounts\/ban-decision\.ts$/, 'decision'],
  [/^server\/queue\/(schedule|settlement|turns|rerouting|clock-trust)\.ts$/, 'decision'],
  [/^server\/relay\/apis\//, 'decision'],
  [
    /^server\/relay\/oauth\/(oauth-settings|oauth-input|oauth-choice|oauth-endpoints|oauth-addresses|service-account-file|oauth-refusals|refusal-row|refusals-\w+|token-trouble|token-life|pasted-answer|authorization-url)\.ts$/,
    'decision',
  ],
  [
    /^server\/relay\/(upstream-scheme|preset(?:-[\w-]+)?|known-refusals|smtp-refusal-row|smtp-refusals-\w+|ses-password|route|identity|recipient-(?:rule|mapping)|presets|pacing|sent-counts|stated-wait|classify|breaker|reply-meaning|remote-reply|capabilities|attempt-envelope|tls-words|sender-alert)\.ts$/,
    'decision',
  ],

  [/^server\/(storage|config|tls|network)\//, 'ground'],
  [/^server\/(log|log-output)\.ts$/, 'ground'],
  [/^server\/accounts\/password\.ts$/, 'ground'],

  [/^server\/relay\/(drivers\/|relay|lane|pool|attempt|verdicts|upstream-test)/, 'edge'],
  [/^server\/queue\/(runner|attempt|ages)\.ts$/, 'edge'],
  [/^server\/notification\/(?!channels\/)/, 'state'],
  [/^server\/(accounts|queue|relay|audit|declared)\//, 'state'],
  [/^server\/backup\//, 'state'],
  [/^server\/identity\.ts$/, 'state'],

  [/^server\/(submission|cli)\//, 'edge'],
  [/^server\/notification\/channels\//, 'edge'],
  [/^admin\/api\//, 'edge'],

  [/^server\/[\w-]+\.ts$/, 'main'],
];

/** The folders at the edge never import each other: main joins them. */
const edgeFolder = (file: string) =>
  /^(server\/(?:submission|cli|relay|queue|notification)|admin\/api)\//.exec(file)?.[1] ?? file;

/** Each library and the files that may import it; smtp-server is subclassed in three. */
const libraries: Readonly<Record<string, readonly string[]>> = {
  '@clack/prompts': ['server/cli/prompts.ts'],
  '@peculiar/x509': ['server/tls/issue.ts'],
  '@smithy/signature-v4': ['server/relay/drivers/aws-signature.ts'],
  argon2: ['server/accounts/password.ts'],
  'better-sqlite3': ['server/storage/sqlite.ts'],
  commander: ['server/cli/program.ts'],
  'ipaddr.js': ['server/smtp/address.ts'],
  jose: ['server/relay/oauth/service-account.ts'],
  mailparser: ['server/cli/message-summary.ts'],
  nodemailer: ['server/relay/drivers/smtp-connection.ts'],
  oauth4webapi: ['server/relay/oauth/oauth-client.ts'],
  pino: ['server/log.ts'],
  'reflect-metadata': ['server/tls/issue.ts'],
  'smtp-server': [
    'server/submission/connection.ts',
    'server/submission/data-parser.ts',
    'server/submission/server.ts',
  ],
  uqr: ['server/cli/qr-code.ts'],
  yaml: ['server/config/yaml-text.ts'],
  zod: ['server/config/shape.ts'],
};

/** Only for what a library demands. */
const allowedEffects = ['server/tls/issue.ts → reflect-metadata'];

const files = sourceFiles();
const imports = files.flatMap(importsOf);
const own = imports.filter(one => one.own);
const arrow = (one: Import) => `${one.from} → ${one.to}`;

function layerOf(file: string): Layer | undefined {
  return table.find(([pattern]) => pattern.test(file))?.[1];
}

function folderOf(file: string): string {
  return file.slice(0, file.lastIndexOf('/'));
}

/** `smtp-server/lib/x` and `@peculiar/x509` by the name of their package. */
function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

describe('imports', () => {
  it('are found at all', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(own.length).toBeGreaterThan(100);
  });

  it('every file has its layer', () => {
    expect(files.filter(file => layerOf(file) === undefined)).toEqual([]);
  });

  it('go only leftwards, or stay in their folder', () => {
    const wrong = own.filter(one => {
      const [from, to] = [layerOf(one.from), layerOf(one.to)];
      if (from === undefined || to === undefined || folderOf(one.from) === folderOf(one.to)) return false;
      return LAYERS.indexOf(to) > LAYERS.indexOf(from);
    });
    expect(wrong.map(one => `${layerOf(one.from)} → ${layerOf(one.to)}: ${arrow(one)}`)).toEqual([]);
  });

  it('never join two edges', () => {
    const wrong = own.filter(
      one =>
        layerOf(one.from) === 'edge' &&
        layerOf(one.to) === 'edge' &&
        edgeFolder(one.from) !== edgeFolder(one.to),
    );
    expect(wrong.map(arrow)).toEqual([]);
  });

  it('have no circles', () => {
    expect(circles(own.filter(one => !one.typeOnly))).toEqual([]);
  });

  it('of each third-party library are in one place', () => {
    const wrong = imports.filter(one => !one.own && !libraries[packageOf(one.to)]?.includes(one.from));
    expect(wrong.map(arrow)).toEqual([]);
  });

  it('of what few servers need are made when it is needed', () => {
    const heavy = [
      'server/relay/oauth/oauth-client.ts',
      'server/relay/oauth/service-account.ts',
      'server/tls/issue.ts',
    ];
    const eager = own.filter(one => heavy.includes(one.to) && !one.typeOnly && !one.dynamic);
    expect(eager.map(arrow)).toEqual([]);
    expect(own.filter(one => heavy.includes(one.to) && one.dynamic).length).toBeGreaterThan(4);
  });

  it('have no effect', () => {
    const wrong = imports.filter(one => one.effect).map(arrow);
    expect(wrong.filter(one => !allowedEffects.includes(one))).toEqual([]);
  });

  it('of Node itself in decisions and vocabulary touch no socket, file or process', () => {
    expect(files.filter(file => isPure(layerOf(file))).flatMap(impureNodeImports)).toEqual([]);
  });
});

function isPure(layer: Layer | undefined): boolean {
  return layer === 'vocabulary' || layer === 'decision';
}

/** Imports of files, sockets, processes and time by a file that decides; types are no effect. */
function impureNodeImports(file: string): readonly string[] {
  const impure = /^(fs|net|tls|dns|http|https|child_process|worker_threads|os|timers)(\/|$)/;
  return nodeImports(file)
    .filter(one => !one.typeOnly && impure.test(one.to.slice('node:'.length)))
    .map(arrow);
}

/** Each circle once, as a path. A circle of types alone is gone at run time, so it is not counted. */
function circles(edges: readonly Import[]): readonly string[] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const done = new Set<string>();
  const found = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const seen = path.indexOf(file);
    if (seen >= 0) {
      found.add([...path.slice(seen), file].join(' → '));
      return;
    }
    if (done.has(file)) return;
    for (const to of next.get(file) ?? []) visit(to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) visit(file, []);
  return [...found];
}
