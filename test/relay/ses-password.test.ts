// The password of Amazon SES over SMTP, as Amazon's own derivation makes it of Amazon's example key.

import { describe, expect, it } from 'vitest';
import {
  isSecretAccessKey,
  isSesPassword,
  sesPassword,
  sesRegionOf,
} from '../../server/relay/ses-password.ts';

const SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';

describe('the SMTP password of Amazon SES', () => {
  it.each([
    ['us-east-1', 'BLBM/9hSUELfq8Gw+rU1YcBjkOxGbhT2XG763xVLGWL9'],
    ['us-west-2', 'BF2PynzbSCAjX08zhZZnP/kW+T9P5zs/1Er0pi5vTEmd'],
    ['eu-west-1', 'BMW5RDrXmmVs0lV7GpI4oLkHXpZ4stDsk6q91z1g38Pk'],
    ['eu-central-1', 'BF0/eIJm0ruTHsSjOkRuOGzGF+zeSyE3aiRzrzUQ8LwG'],
  ])('in %s', (region, password) => {
    expect(sesPassword(SECRET, region)).toBe(password);
  });
});

it('a password and a key are told from each other', () => {
  const password = sesPassword(SECRET, 'eu-west-1');
  expect([isSesPassword(password), isSecretAccessKey(password)]).toEqual([true, false]);
  expect([isSesPassword(SECRET), isSecretAccessKey(SECRET)]).toEqual([false, true]);
});

describe('the region of an endpoint', () => {
  it.each([
    ['email-smtp.eu-central-1.amazonaws.com', 'eu-central-1'],
    ['email-smtp-fips.us-gov-west-1.amazonaws.com', 'us-gov-west-1'],
    ['Email.AP-Northeast-3.amazonaws.com.', 'ap-northeast-3'],
    ['email.eu-west-1.api.aws', 'eu-west-1'],
    ['email-smtp.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['smtp.example.com', null],
    ['email-smtp.example.com', null],
    ['email.eu-west-1.amazonaws.com.example.net', null],
  ])('%s: %s', (host, region) => {
    expect(sesRegionOf(host)).toBe(region);
  });
});
