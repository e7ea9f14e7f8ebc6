import { expect, it } from 'vitest';
import { storeAge } from '../../domain/kubernetes/store-age.ts';
import { emptyHead } from '../../domain/kubernetes/store-records.ts';

const head = { ...emptyHead, sequence: 3, epoch: 2, cluster: 'east', capturedAt: 1_000_000 };
const at = (nowMs: number, of = head) =>
  storeAge(of, { storeName: 'manifests', maximumAgeMs: 3_600_000, nowMs }).map(({ level, seen }) => [
    level,
    seen,
  ]);

it('tells how long ago the store was written, and finds that nobody does any more', () => {
  expect(at(4_600_000)).toEqual([['ok', 'east was looked at 60.0 min ago, version 2.3']]);
  expect(at(4_900_000)).toEqual([
    ['problem', 'east was looked at 65.0 min ago, version 2.3; expected within 60.0 min'],
  ]);
  expect(at(4_900_000, { ...head, sequence: 0 })).toEqual([]);
});
