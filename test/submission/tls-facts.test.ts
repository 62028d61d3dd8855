import { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect, it } from 'vitest';
import { channelBinding } from '../../server/submission/tls-facts.ts';

it('tls-server-end-point needs TLS, and a leaf that has an end point', () => {
  const [clear, secure] = [new Socket(), new TLSSocket(new Socket())];
  const endPoints = [Uint8Array.of(1), Uint8Array.of(2)];
  expect(channelBinding(secure, 'tls-server-end-point', endPoints)).toEqual(endPoints);
  expect(channelBinding(secure, 'tls-server-end-point', [])).toBeNull();
  expect(channelBinding(clear, 'tls-server-end-point', endPoints)).toBeNull();
});
