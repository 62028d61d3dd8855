// A message's circumstances for the tests of completion: all fixed, so that what comes out is known to the octet.

import type { CompletionFacts } from '../../server/message/complete.ts';
import { parseClientAddress } from '../../server/smtp/address.ts';

const time = Date.parse('2026-11-21T09:05:00Z');

export const TRACE_ID = '7Q2M9X4K1B8D3F6H';

export const facts: CompletionFacts = {
  id: '01HF7YAT5QZ3K8M2X',
  hostname: 'postern.lan',
  traceId: TRACE_ID,
  handover: {
    helloName: 'scanner',
    address: parseClientAddress('192.0.2.1'),
    showAddress: true,
    tls: { protocol: 'TLSv1.2', cipher: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' },
    authenticated: true,
    extended: true,
    smtputf8: false,
  },
  receivedAt: time,
  date: time,
  from: 'scanner@example.net',
  permittedSenders: null,
  maxReceived: 50,
};
