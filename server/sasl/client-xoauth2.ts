// XOAUTH2 as a client: Google's mechanism, which Microsoft and most others took over; no RFC describes it.

import { KVSEP, presentToken, type TokenMechanism } from './client-token.ts';

export const xoauth2Client: TokenMechanism = {
  name: 'XOAUTH2',
  start: ({ user, token }) =>
    presentToken(`user=${user}${KVSEP}auth=Bearer ${token}${KVSEP}${KVSEP}`, new Uint8Array()),
};
