import { expect, test } from 'vitest';
import type { StepOutcome } from '../../domain/step.ts';
import { figures, timesOf } from '../../lab/bench/push-figures.ts';

const publishedAt = 1_000;
const outcome = (distribution: readonly (readonly [number, number])[]): StepOutcome => ({
  status: 'done',
  summary: 'orders: west-1 at epoch 2',
  details: [],
  before: null,
  after: null,
  evidence: [{ what: 'acknowledgements', value: { publishedAt, distribution }, source: 'collectors' }],
  durationsMs: { publish: 12 },
});
const events = (...times: readonly number[]) =>
  times.map((ms, index) => ({
    consumer: `app-${index}`,
    epoch: 2,
    appliedAt: publishedAt + ms,
    via: 'center' as const,
  }));

test('a round in which all consumers went has the time of each', () => {
  const round = {
    outcome: outcome([
      [60, 1],
      [90, 2],
    ]),
    events: events(50, 70, 80),
  };
  expect(timesOf(round, 3)).toEqual({
    publish: 12,
    applied: [50, 70, 80],
    acknowledged: [60, 90, 90],
    missing: 0,
  });
});

test.each([
  ['never heard of the document', [[60, 2]], [50, 70]],
  ['came after 3 s', [[60, 3]], [50, 70, 3_001]],
  ['never acknowledged', [[60, 2]], [50, 70, 80]],
] as const)('a consumer that %s is missing, and stays in the percentiles', (_, distribution, applied) => {
  const times = timesOf({ outcome: outcome(distribution), events: events(...applied) }, 3);
  expect(times.missing).toBe(1);
  expect([times.applied.length, times.acknowledged.length]).toEqual([3, 3]);
  expect(Math.max(figures(times.applied).max, figures(times.acknowledged).max)).toBe(3_000);
});

test('a round whose step did not come to its end is no round', () => {
  const failed = { ...outcome([]), status: 'failed' as const, summary: 'orders: 3 consumers are silent' };
  expect(() => timesOf({ outcome: failed, events: [] }, 3)).toThrow(
    'expected the push to be done, saw failed: orders: 3 consumers are silent',
  );
});
