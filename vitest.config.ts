import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** They take minutes and must not be the last ones, with nothing left to run beside them. */
const longest = ['kubernetes/site', 'kubernetes-lab/kubernetes-lab', 'kubernetes/killed'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const place = ({ moduleId }: TestSpecification) => {
      const found = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return found === -1 ? longest.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => place(a) - place(b));
  }
}

// Three cost levels. SITESHIFT_TEST_LEVEL (unit | engines | scenarios) stops after that level; default: all.
const shared = { pool: 'forks' as const, globals: false, testTimeout: 120_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
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
          // One repetition, as Temporal would make, where an engine did not answer within a limit: a busy machine. What was
          // answered and is wrong (a row lost, two open primaries) is never tried again.
          retry: { count: 1, condition: /timed out|did not answer|no answer|within [\d_.]+ ?m?s/i },
        },
      },
      {
        test: {
          ...shared,
          name: 'scenarios',
          include: ['test/scenarios/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 600_000,
          // One at a time: each is two whole sites under load, which take both processors by themselves.
          fileParallelism: false,
        },
      },
    ],
  },
});
