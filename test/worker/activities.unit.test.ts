import { expect, test } from 'vitest';
import { createActivities } from '../../activities/index.ts';
import { stepKindNames } from '../../domain/step-kinds.ts';

test('every step kind is an activity of the same name, but those that the workflow itself carries out', () => {
  const activities = createActivities({
    files: { inventoryFile: 'siteshift.yaml', runbooksFolder: 'runbooks' },
    surroundings: { secret: async () => '', redact: (text) => text, reached: async () => {} },
  });
  const expected = [
    ...stepKindNames.filter((kind) => kind !== 'approve' && kind !== 'hold'),
    'observeTopology',
    'compilePlan',
    'describeHolder',
    'readManifestStore',
    'default',
  ];
  expect(expected.filter((name) => !(name in activities))).toEqual([]);
  expect('approve' in activities || 'hold' in activities).toBe(false);
});
