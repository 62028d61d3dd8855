// What the operator writes: the configuration file, the environment, single values. Nothing throws, everything is refused
// with a line that says where, and what is printed is read back as the same.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { complaintsAbout } from '../../server/config/complaints.ts';
import { readEnvironment } from '../../server/config/environment.ts';
import { valueAt } from '../../server/config/input-tree.ts';
import { configJsonSchema, describeConfig, parseConfig } from '../../server/config/schema.ts';
import {
  formatDiskReserve,
  formatDuration,
  formatListenAddress,
  formatSize,
  isHostName,
  isNetworkText,
  parseDiskReserve,
  parseDuration,
  parseListenAddress,
  parseSize,
} from '../../server/config/values.ts';
import { readYaml, writeYaml } from '../../server/config/yaml-text.ts';
import { holds, quickly } from './fuzz.ts';
import { longText, text, value } from './octets.ts';

const unit = fc.constantFrom(
  '',
  ' ',
  'k',
  'KiB',
  'MB',
  'GiB',
  's',
  'm',
  'h',
  'd',
  'w',
  'ms',
  '%',
  ' %',
  '5m',
  'max(',
  ',',
  ')',
);
const written = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .array(fc.oneof(unit, fc.nat().map(String), fc.double().map(String)), { maxLength: 5 })
      .map(parts => parts.join('')),
  },
  { weight: 2, arbitrary: text },
  { weight: 1, arbitrary: longText(10_000) },
);

describe('a size, a duration, a reserve, an address', () => {
  it('is none, or is printed so that it is read as itself', () => {
    holds(
      fc.property(fc.oneof(written, fc.double(), fc.integer()), given => {
        const size = quickly(() => parseSize(given));
        // YAML knows -0, which is 0.
        if (size !== null) expect(parseSize(formatSize(size))).toBe(size + 0);
        const duration = quickly(() => parseDuration(given));
        if (duration !== null) expect(parseDuration(formatDuration(duration))).toBe(duration);
        const reserve = quickly(() => parseDiskReserve(given));
        if (reserve !== null) {
          expect(reserve.octets).toBeGreaterThanOrEqual(0);
          expect(parseDiskReserve(formatDiskReserve(reserve))?.octets).toBe(reserve.octets + 0);
        }
      }),
      5_000,
    );
  });

  it('and where to listen too', () => {
    const listen = fc.oneof(
      text,
      fc
        .tuple(
          fc.oneof(
            fc.ipV4(),
            fc.ipV6().map(ip => `[${ip}]`),
            fc.domain(),
          ),
          fc.nat(99_999),
        )
        .map(parts => parts.join(':')),
    );
    holds(
      fc.property(listen, given => {
        const address = quickly(() => parseListenAddress(given));
        if (address !== null) expect(parseListenAddress(formatListenAddress(address))).toEqual(address);
        quickly(() => isHostName(given));
        quickly(() => isNetworkText(given));
      }),
      2_000,
    );
  });
});

describe('a configuration', () => {
  const descriptions = describeConfig();
  const paths = descriptions.filter(one => one.type === 'key').map(one => one.path);

  it('of any shape is valid, or every misfit is said in one line', () => {
    const key = fc.oneof(
      fc.constantFrom('hostname', 'listeners', 'limits', 'tls', 'queue', 'log', '__proto__', 'constructor'),
      text,
    );
    const section = fc.oneof(
      value,
      fc.dictionary(
        fc.oneof(text, fc.constantFrom('port', 'tls', 'names', 'networks', 'message_size')),
        value,
      ),
    );
    const tree = fc.oneof(value, fc.dictionary(key, section));
    holds(
      fc.property(tree, given => {
        const parsed = quickly(() => parseConfig(given));
        if (parsed.kind === 'valid') return;
        const lines = quickly(() =>
          complaintsAbout(parsed.misfits, descriptions, {
            at: path => valueAt(given, path),
            isHidden: () => false,
          }),
        );
        expect(lines.length).toBeGreaterThan(0);
        for (const { text: said } of lines) expect(said.split('\n')).toHaveLength(1);
      }),
      500,
    );
    expect(Object.keys(configJsonSchema()).length).toBeGreaterThan(0);
    expect(paths.length).toBeGreaterThan(20);
  });

  it('in YAML is read, or its faults have a place in the file', () => {
    const yaml = fc.oneof(
      text,
      fc
        .array(
          fc.oneof(
            text,
            fc.constantFrom(
              'hostname: a',
              '\nlimits:\n  recipients: 1',
              ' &a',
              ' *a',
              '- ',
              '? ',
              ': ',
              '{',
              '[',
              '!!binary ',
              '|\n',
              '---\n',
              '%TAG',
            ),
          ),
        )
        .map(parts => parts.join('')),
      value.map(given => writeYaml(JSON.parse(JSON.stringify(given) ?? 'null'))),
    );
    holds(
      fc.property(yaml, given => {
        const read = quickly(() => readYaml(given));
        if (read.kind === 'broken') {
          expect(read.problems.length).toBeGreaterThan(0);
          for (const problem of read.problems) expect(problem.line).toBeGreaterThan(0);
          return;
        }
        quickly(() => parseConfig(read.value));
        read.lineOf(['limits', 'recipients']);
      }),
      1_000,
    );
  });

  it('in the environment is read, or refused by name', () => {
    const names = paths.map(path => `POSTERN_${path.toUpperCase().replaceAll('.', '_')}`);
    const name = fc.oneof(
      fc.constantFrom(...names),
      fc.constantFrom(...names).map(known => `${known}_FILE`),
      text.map(rest => `POSTERN_${rest}`),
    );
    const keys = descriptions.filter(one => one.type === 'key');
    holds(
      fc.property(fc.dictionary(name, text, { noNullPrototype: true }), environment => {
        const { settings, problems } = quickly(() =>
          readEnvironment(environment, { keys, readYaml, readText: () => ({ reason: 'no such file' }) }),
        );
        expect(settings.length + problems.length).toBeLessThanOrEqual(Object.keys(environment).length);
      }),
      1_000,
    );
  });
});
