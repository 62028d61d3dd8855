// What is written for declared alert channels. Their settings are sealed here, within the commit.

import { type ChannelSettings, writeSettings } from '../notification/channel.ts';
import { deleteChannel, insertChannel, updateChannel } from '../notification/channel-store.ts';
import { channelContext } from '../storage/sealed-rows.ts';
import type { ChannelAct } from './channel-plan.ts';
import { type Making, type Step, sortedIds, stepsAbout } from './group.ts';

export function channelSteps(acts: readonly ChannelAct[], making: Making): readonly Step[] {
  const ids = sortedIds(making.newId, acts.length);
  return [
    ...acts.filter(act => act.kind === 'remove').flatMap(act => stepsFor(act, '', making)),
    ...acts
      .filter(act => act.kind !== 'remove')
      .flatMap((act, index) => stepsFor(act, ids[index] ?? making.newId(), making)),
  ];
}

/** `id`: of a new one. */
function stepsFor(act: ChannelAct, id: string, making: Making): readonly Step[] {
  const name = act.kind === 'add' ? act.name : act.channel.name;
  return stepsAbout(`the alert channel ${name}`, statementsFor(act, id, making));
}

function statementsFor(act: ChannelAct, id: string, { sealer, audit, now }: Making) {
  const sealedFor = (owner: string, settings: ChannelSettings) =>
    sealer.seal(writeSettings(settings), channelContext(owner));
  switch (act.kind) {
    case 'add': {
      const { name, detail, settings } = act;
      const { kind } = settings;
      const sealed = sealedFor(id, settings);
      return [
        insertChannel({ id, name, kind, detail, sealed, createdAt: now }),
        sealer.guard(sealed),
        audit({ action: 'alert.channel-added', object: name, detail: kind }),
      ];
    }
    case 'change': {
      const { channel, detail, settings } = act;
      const { kind } = settings;
      const sealed = sealedFor(channel.id, settings);
      return [
        updateChannel({ id: channel.id, kind, detail, sealed }),
        sealer.guard(sealed),
        audit({ action: 'alert.channel-changed', object: channel.name, detail: kind }),
      ];
    }
    case 'remove':
      return [
        deleteChannel(act.channel.id),
        audit({ action: 'alert.channel-removed', object: act.channel.name, detail: act.channel.kind }),
      ];
    default:
      return act satisfies never;
  }
}
