// All presets, in the order in which they are listed: of several for one host, the first is what the host is known as. Pure.

import type { Preset } from './preset.ts';
import { apiPresets } from './preset-apis.ts';
import { googlePresets } from './preset-google.ts';
import { hosterPresets } from './preset-hosters.ts';
import { mailboxPresets } from './preset-mailboxes.ts';
import { microsoftPresets } from './preset-microsoft.ts';
import { servicePresets } from './preset-services.ts';

export const presets: readonly Preset[] = [
  ...googlePresets,
  ...microsoftPresets,
  ...mailboxPresets,
  ...hosterPresets,
  ...servicePresets,
  ...apiPresets,
];
