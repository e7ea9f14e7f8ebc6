import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

// `npm test`: static checks first, then the tests from cheap to costly. Ends with "N passed, N failed".
const levels = ['unit', 'engines', 'scenarios'];
const wanted = process.env['SITESHIFT_TEST_LEVEL'] ?? 'scenarios';
const chosen = levels.slice(0, levels.indexOf(wanted) + 1);
if (chosen.length === 0) {
  console.error(`SITESHIFT_TEST_LEVEL: expected one of ${levels.join(', ')}, saw "${wanted}"`);
  process.exit(2);
}

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}
const totals: Totals = { passed: 0, failed: 0, skipped: 0 };

function check(name: string, command: string, ...args: string[]): boolean {
  const startedAt = Date.now();
  const result = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  const passed = result.status === 0;
  totals[passed ? 'passed' : 'failed'] += 1;
  console.log(`${passed ? '✓' : '✗'} ${name} (${Math.round((Date.now() - startedAt) / 1000)} s)`);
  return passed;
}

/** Runs one vitest project; a run that ends without its report (a crash, a broken config) is one failure. */
function tests(level: string): void {
  const folder = mkdtempSync(join(tmpdir(), 'siteshift-test-'));
  const file = join(folder, 'report.json');
  const result = spawnSync(
    'vitest',
    ['run', '--project', level, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  try {
    const report = JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>;
    totals.passed += report['numPassedTests'] ?? 0;
    totals.failed += report['numFailedTests'] ?? 0;
    totals.skipped += (report['numPendingTests'] ?? 0) + (report['numTodoTests'] ?? 0);
    // A file that fails to load has no failed test of its own, yet it is a failure.
    if (result.status !== 0 && (report['numFailedTests'] ?? 0) === 0) totals.failed += 1;
  } catch (error) {
    console.error(`no report from vitest for ${level}:`, error);
    totals.failed += 1;
  }
  rmSync(folder, { recursive: true, force: true });
}

check('types', 'tsc', '--noEmit');
check('lint and import boundaries', 'oxlint', '--type-aware', '--deny-warnings', '.');
check('format', 'prettier', '--check', '--log-level', 'warn', '.');
for (const level of chosen) {
  // Without its engine each file would try to build it again, within the time limit of its tests.
  if (level === 'engines' && !check('engines found or built', 'node', 'lab/engines/obtain-all.ts')) break;
  tests(level);
}

console.log(
  `${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`,
);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
