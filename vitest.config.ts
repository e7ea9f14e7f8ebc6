import { defineConfig } from 'vitest/config';

// Three cost levels. SITESHIFT_TEST_LEVEL (unit | engines | scenarios) stops after that level; default: all.
const shared = { pool: 'forks' as const, globals: false, testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          ...shared,
          name: 'unit',
          include: ['test/{schema,report,domain,client}/**/*.test.ts', 'test/**/*.unit.test.ts'],
          maxWorkers: 2,
        },
      },
      {
        test: {
          ...shared,
          name: 'engines',
          include: [
            'test/{lab,databases,gateway,datasource,workflow,replay,kubernetes,kubernetes-lab}/**/*.test.ts',
          ],
          exclude: ['test/**/*.unit.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 300_000,
          // Two files at a time: most of them wait, for a lease to run out or for Velero to look again.
          maxWorkers: 2,
          // One repetition, as Temporal would make: on a busy machine an engine may not answer within a limit once.
          retry: 1,
        },
      },
      {
        test: {
          ...shared,
          name: 'scenarios',
          include: ['test/scenarios/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 600_000,
          // As above: a killed worker is noticed after ten seconds, a verification gives up after ten.
          maxWorkers: 2,
        },
      },
    ],
  },
});
