import { expect, it } from 'vitest';
import { jsonObject, textAt } from '../../../server/relay/apis/json-answer.ts';

it.each([
  ['{"a":"x"}', 'x'],
  ['{"a":"","b":"y"}', ''],
  ['{"b":"y"}', 'y'],
  ['{"a":{},"b":7}', '7'],
  ['["a"]', ''],
  ['<html>', ''],
  // What is shown on a terminal must not be able to command it, and patterns look at all of it.
  ['{"a":"x\\u001b[2J\\r\\ny"}', 'x [2J y'],
  [`{"a":"${'x'.repeat(60_000)}"}`, 'x'.repeat(2000)],
])('a text in %.40s', (body, text) => {
  expect(textAt(jsonObject(body), 'a', 'b')).toBe(text);
});
