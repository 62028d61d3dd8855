// Amazon SES takes no secret access key over SMTP but a password derived from it, for one region
// (docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html). The secret access key itself is then not kept. Pure.

import { createHmac } from 'node:crypto';

/** Of version 4, which every password since 2019 is of. */
const VERSION = 0x04;

/** The SMTP password of an IAM user's access key in `region`. Not for temporary keys, which SES takes over HTTPS only. */
export function sesPassword(secretAccessKey: string, region: string): string {
  const steps = ['11111111', region, 'ses', 'aws4_request', 'SendRawEmail'];
  const key = steps.reduce<Buffer>(hmac, Buffer.from(`AWS4${secretAccessKey}`));
  return Buffer.concat([Buffer.of(VERSION), key]).toString('base64');
}

/**
 * A password that Amazon SES takes over SMTP: the octet of a version and an HMAC in base64. A secret access key has 40
 * characters, so that neither can be taken for the other.
 */
export function isSesPassword(text: string): boolean {
  return /^[AB][A-Za-z0-9+/]{43}$/.test(text);
}

export function isSecretAccessKey(text: string): boolean {
  return /^[A-Za-z0-9+/]{40}$/.test(text);
}

/** The region in the name of an endpoint of SES, for SMTP or the API; null: it is no such name. */
export function sesRegionOf(host: string): string | null {
  const match =
    /^email(?:-smtp)?(?:-fips)?\.([a-z]{2}(?:-[a-z]+)+-\d)\.(?:amazonaws\.com(?:\.cn)?|api\.aws)\.?$/i.exec(
      host,
    );
  return match?.[1]?.toLowerCase() ?? null;
}

export function isAwsRegion(text: string): boolean {
  return /^[a-z]{2}(-[a-z]+)+-\d$/.test(text);
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
