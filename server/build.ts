// What this build is: its version and its date. The date is the earliest time that a right clock can show (DESIGN.md §4),
// and the notBefore of the certificate authority. It is a constant: file times differ from checkout to checkout.

import packageJson from '../package.json' with { type: 'json' };
import type { EpochMs } from './clock.ts';

/** The version in package.json, for example `0.1.0`. */
export const VERSION: string = packageJson.version;

/** Midnight UTC of the day of this release. Set with every release. Any clock that shows less is wrong. */
export const BUILD_DATE: EpochMs = Date.UTC(2026, 10, 20);
