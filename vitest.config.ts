import { defineConfig } from 'vitest/config';

/** One project a suite: `npx vitest run --project unit`. Order and totals: test/run.ts. */
const suite = (name: string, include: string[], exclude: string[] = [], globalSetup: string[] = []) => ({
  test: {
    ...{ name, include, exclude, globalSetup },
    ...{ testTimeout: 120_000, hookTimeout: 120_000, pool: 'forks' as const },
  },
});

const imports = ['test/imports.test.ts'];
const fromOutside = ['test/dialog/**', 'test/end-to-end/**', 'test/crash/**', 'test/fuzz/**'];

export default defineConfig({
  test: {
    projects: [
      suite('imports', imports),
      suite('unit', ['test/**/*.test.ts'], [...imports, ...fromOutside]),
      suite('dialog', ['test/dialog/*.test.ts']),
      suite('fuzz', ['test/fuzz/*.test.ts'], [], ['test/fuzz/setup.ts']),
      suite('end-to-end', ['test/end-to-end/*.test.ts']),
      suite('crash', ['test/crash/*.test.ts']),
    ],
  },
});
