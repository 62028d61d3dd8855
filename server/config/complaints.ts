// Turns what does not fit into lines for people: path, reason, what is allowed, where it stands. Pure.

import type { Path } from './input-tree.ts';
import { nearest } from './nearest.ts';
import type { KeyDescription, Misfit, SectionDescription } from './shape.ts';

/** What stands at a path, as far as a complaint needs to know. */
export type Given = Readonly<{
  at: (path: Path) => unknown;
  /** It comes from where secrets are kept, so that it is not repeated: it may be one that was handed to the wrong key. */
  isHidden: (path: Path) => boolean;
}>;

/** One line per misfit, each path once. */
export function complaintsAbout(
  misfits: readonly Misfit[],
  descriptions: readonly (KeyDescription | SectionDescription)[],
  given: Given,
): readonly Readonly<{ path: Path; text: string }>[] {
  const found = new Map<string, Readonly<{ path: Path; text: string }>>();
  for (const misfit of misfits) {
    if (misfit.keys === null) {
      const text = misuse(misfit.path, given, descriptions);
      found.set(formatPath(misfit.path), { path: misfit.path, text });
    } else {
      for (const name of misfit.keys) {
        const path = [...misfit.path, name];
        found.set(formatPath(path), { path, text: unknownKey(path, descriptions) });
      }
    }
  }
  return [...found.values()];
}

/** `listeners[0].port` of `['listeners', 0, 'port']`. */
export function formatPath(path: Path): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    const name = onOneLine(step);
    return text === '' ? name : `${text}.${name}`;
  }, '');
}

/** A key may be any text; a complaint is one line, and a terminal shows it. */
function onOneLine(key: string): string {
  return key.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, character => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

function misuse(
  path: Path,
  given: Given,
  descriptions: readonly (KeyDescription | SectionDescription)[],
): string {
  const value = given.at(path);
  const shown = formatPath(path);
  const description = describing(path, descriptions);
  const allowed = description?.type === 'key' ? description.allowed : 'keys and values, indented below it';
  if (value === undefined) return `${shown}: is missing; give ${allowed}`;
  const secret = given.isHidden(path) || (description?.type === 'key' && description.secret);
  const meansList =
    description?.type === 'key' &&
    description.isList &&
    typeof value === 'string' &&
    typeof path.at(-1) === 'string';
  if (meansList && !secret && display(value).length < 60)
    return `${shown}: ${display(value)} is no list; a list is meant, written in brackets: [${onOneLine(value)}]; give ${allowed}`;
  return `${shown}: ${secret ? 'the value' : display(value)} cannot be used; give ${allowed}`;
}

/** The description of the key at a path, or of the nearest key or section above it. */
function describing(
  path: Path,
  descriptions: readonly (KeyDescription | SectionDescription)[],
): KeyDescription | SectionDescription | undefined {
  for (let length = path.length; length > 0; length--) {
    const pattern = formatPath(path.slice(0, length)).replace(/\[\d+\]/g, '[]');
    const found = descriptions.find(description => description.path === pattern);
    if (found !== undefined) return found;
  }
  return undefined;
}

function unknownKey(path: Path, descriptions: readonly (KeyDescription | SectionDescription)[]): string {
  const shown = formatPath(path);
  const known = descriptions.map(description => description.path);
  // Mistyped, or right but in the wrong place.
  const bare = String(path.at(-1));
  const siblings = known.filter(other => other.split('.').length === path.length);
  const suggestion =
    nearest(shown, siblings) ??
    known.find(other => other.split('.').at(-1) === bare) ??
    nearest(shown, known);
  if (suggestion !== null && suggestion !== undefined) {
    return `${shown}: unknown key; did you mean ${suggestion}?`;
  }
  const parent = formatPath(path.slice(0, -1)).replace(/\[\d+\]/g, '[]');
  const here = known
    .filter(other => other !== '' && parentOf(other) === parent)
    .map(other => other.split('.').at(-1) ?? other);
  return `${shown}: unknown key; known here: ${here.join(', ')}`;
}

function parentOf(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot < 0 ? '' : path.slice(0, dot);
}

function display(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
