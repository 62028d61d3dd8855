// Who imports whom in server/ and admin/, read from the sources' import statements.
// Enough for our own style (one statement form, .ts endings); it is no TypeScript parser.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { ROOT } from './postern.ts';

export type Import = Readonly<{
  /** Path from the project's root, with forward slashes. */
  from: string;
  /** The same for our own files; a package's name as written otherwise. */
  to: string;
  own: boolean;
  typeOnly: boolean;
  /** `await import(…)`: loaded when needed. */
  dynamic: boolean;
  /** `import 'x'`: for its effect alone. */
  effect: boolean;
}>;

export function sourceFiles(): readonly string[] {
  return ['server', 'admin'].flatMap(folder =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => `${folder}/${name}`),
  );
}

/** Every import of the file, but for those of Node itself. */
export function importsOf(file: string): readonly Import[] {
  return allImports(file).filter(one => !one.to.startsWith('node:'));
}

/** The imports of Node's own modules. */
export function nodeImports(file: string): readonly Import[] {
  return allImports(file).filter(one => one.to.startsWith('node:'));
}

function allImports(file: string): readonly Import[] {
  const source = withoutComments(readFileSync(join(ROOT, file), 'utf8'));
  const statements = source.matchAll(
    /^\s*(import|export)\s+(type\s+)?(?:([\w*{][^'";]*?)\s*from\s*)?'([^']+)';/gm,
  );
  const dynamic = source.matchAll(/\b(?:import|require)\(\s*'([^']+)'\s*\)/g);
  const found = [
    ...[...statements].map(([, , type, names, to]) => ({
      to: to ?? '',
      typeOnly: type !== undefined || isAllTypes(names),
      dynamic: false,
      effect: names === undefined,
    })),
    ...[...dynamic].map(([, to]) => ({ to: to ?? '', typeOnly: false, dynamic: true, effect: false })),
  ];
  return found.map(one => {
    const own = one.to.startsWith('.');
    return { ...one, from: file, own, to: own ? normalize(join(dirname(file), one.to)) : one.to };
  });
}

/** `{ type A, type B }` imports nothing at run time. */
function isAllTypes(names: string | undefined): boolean {
  const inside = /^\{([^}]*)\}$/.exec(names?.trim() ?? '')?.[1];
  if (inside === undefined) return false;
  const parts = inside
    .split(',')
    .map(part => part.trim())
    .filter(part => part !== '');
  return parts.length > 0 && parts.every(part => part.startsWith('type '));
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}
