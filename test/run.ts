// `npm test`: every check in order, each step's outcome shown, one total at the end.
// The last line is `N passed, N failed` (and `, N skipped`); exits 1 when anything failed or no test ran.
// A tool's step (types, lint) counts as one test. `npm test -- unit dialog` runs only the steps named.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { provide } from './support/debian.ts';
import { suiteNeeds } from './support/needs.ts';
import { field, ROOT } from './support/postern.ts';
import { makeScratch, removeScratch } from './support/scratch.ts';

/** `workers`: test files that run side by side; without it vitest leaves a core free. */
type Step = Readonly<
  { name: string } & ({ tool: readonly string[] } | { project: string; workers?: number })
>;
type Count = Readonly<{ passed: number; failed: number; skipped: number }>;

/** Many of these tests wait for something: a core for each file would be idle. */
const WORKERS = 3;
/** What kills and floods servers keeps a core busy. */
const BUSY_WORKERS = 2;
/** These wait for other processes nearly all of the time. */
const WAITING_WORKERS = 4;

const steps: readonly Step[] = [
  { name: 'types', tool: ['tsc'] },
  { name: 'lint', tool: ['biome', 'ci', '--max-diagnostics=50'] },
  { name: 'imports', project: 'imports' },
  { name: 'generated', tool: ['./bin/postern', 'config', 'docs', '--check'] },
  { name: 'unit', project: 'unit', workers: WORKERS },
  { name: 'dialog', project: 'dialog' },
  { name: 'fuzz', project: 'fuzz' },
  { name: 'end-to-end', project: 'end-to-end', workers: WAITING_WORKERS },
  { name: 'crash', project: 'crash', workers: BUSY_WORKERS },
];

/** No step may hang: the whole run takes a few minutes. */
const MAX_STEP_MS = 10 * 60_000;

const scratch = makeScratch('run');
const noteList = join(scratch, 'notes');
const environment = {
  ...process.env,
  // Every test with a database starts a thread: compiled once, they take half of the time. A test may name another folder.
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(ROOT, 'node_modules/.cache/postern-tests'),
  PATH: `${join(ROOT, 'node_modules/.bin')}${delimiter}${process.env['PATH'] ?? ''}`,
  TEST_RUN_NOTES: noteList,
};

process.exitCode = main(process.argv.slice(2));
removeScratch(scratch);

/** Returns the exit code. */
function main(asked: readonly string[]): number {
  const unknown = asked.filter(name => !steps.some(step => step.name === name));
  if (unknown.length > 0) {
    say(`No such step: ${unknown.join(', ')}. There are: ${steps.map(step => step.name).join(', ')}.`);
    return 2;
  }
  const chosen = steps.filter(step => asked.length === 0 || asked.includes(step.name));
  const counts = [prepare(chosen), ...chosen.map(runStep)];
  if (existsSync(noteList)) say(readFileSync(noteList, 'utf8').trimEnd());
  const sum = counts.reduce(add, { passed: 0, failed: 0, skipped: 0 });
  const skipped = sum.skipped > 0 ? `, ${sum.skipped} skipped` : '';
  say(`${sum.passed} passed, ${sum.failed} failed${skipped}`);
  return sum.failed > 0 || sum.passed === 0 ? 1 : 0;
}

/** Installs what the chosen suites need, where that is our business (CI on Debian). Counts only when it fails. */
function prepare(chosen: readonly Step[]): Count {
  const wanted = [
    ...(chosen.some(step => step.name === 'end-to-end') ? suiteNeeds['end-to-end'] : []),
    ...(chosen.some(step => step.name === 'crash') ? suiteNeeds.crash : []),
  ];
  try {
    provide(wanted);
    return { passed: 0, failed: 0, skipped: 0 };
  } catch (error) {
    say(`FAILED preparation: ${error instanceof Error ? error.message : String(error)}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function runStep(step: Step): Count {
  say(`── ${step.name}`);
  const begin = performance.now();
  const count = 'tool' in step ? runTool(step.tool) : runProject(step);
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  const detail = `${count.passed} passed, ${count.failed} failed, ${count.skipped} skipped`;
  say(`${count.failed > 0 ? 'FAILED' : 'ok'} ${step.name} (${seconds} s): ${detail}\n`);
  return count;
}

function runTool(command: readonly string[]): Count {
  const passed = execute(command);
  return { passed: passed ? 1 : 0, failed: passed ? 0 : 1, skipped: 0 };
}

function runProject({ project, workers }: Extract<Step, { project: string }>): Count {
  const report = join(scratch, `${project}.json`);
  const ok = execute([
    ...['vitest', 'run', '--project', project, '--reporter=default', '--reporter=json'],
    `--outputFile.json=${report}`,
    ...(workers === undefined ? [] : [`--maxWorkers=${workers}`]),
  ]);
  if (!existsSync(report)) return { passed: 0, failed: 1, skipped: 0 };
  const result: unknown = JSON.parse(readFileSync(report, 'utf8'));
  const number = (name: string) => Number(field(result, name) ?? 0);
  const failed = number('numFailedTests');
  return {
    passed: number('numPassedTests'),
    // A file that cannot be loaded, or an error outside any test, is no failed test for vitest, but it is for us.
    failed: failed === 0 && !ok ? 1 : failed,
    skipped: number('numPendingTests') + number('numTodoTests'),
  };
}

function execute(command: readonly string[]): boolean {
  const [program, ...args] = command;
  if (program === undefined) return false;
  const done = spawnSync(program, args, {
    cwd: ROOT,
    env: environment,
    stdio: ['ignore', 'inherit', 'inherit'],
    timeout: MAX_STEP_MS,
    killSignal: 'SIGKILL',
  });
  if (done.error) say(`${program}: ${done.error.message}`);
  return done.status === 0;
}

function add(a: Count, b: Count): Count {
  return { passed: a.passed + b.passed, failed: a.failed + b.failed, skipped: a.skipped + b.skipped };
}

/** Written at once, also to a pipe, so that lines keep their order with those of the tools. */
function say(text: string): void {
  writeFileSync(1, `${text}\n`);
}
