import { expect, test } from 'vitest';
import { bucketOf } from '../../domain/routing.ts';
import type { AcknowledgedWrite } from '../../lab/writer/load.ts';
import { judge, type CommittedWrite, type StoredWrite } from '../../lab/writer/oracle.ts';

const buckets = 64;
const user = 'user-1';
const bucket = bucketOf(user, buckets);

const acknowledged = (seq: number): AcknowledgedWrite => ({
  user,
  seq,
  datasource: 'orders',
  gateway: 'gw-1',
  unit: 'east',
  epoch: 1,
  sentAt: 0,
  ackedAt: 1,
  attempts: 1,
});
const row = (id: number, seq: number, unit: string, epoch: number): StoredWrite => ({
  id,
  user,
  seq,
  unit,
  epoch,
});
const commit = (at: number, seq: number, unit: string, epoch: number): CommittedWrite => ({
  at,
  user,
  seq,
  unit,
  epoch,
  bucket,
  datasource: 'orders',
});
const judgeOf = (
  told: readonly AcknowledgedWrite[],
  rows: readonly StoredWrite[],
  commits: readonly CommittedWrite[],
) => {
  const verdict = judge(told, new Map([['orders', rows]]), commits, {
    buckets,
    epoch: 1,
    homeOf: () => 'east',
  });
  return [verdict.lostWrites, verdict.duplicateWrites, verdict.misroutedWrites];
};

const moved = [commit(1, 1, 'east', 1), commit(2, 2, 'west', 3)];
const movedRows = [row(1, 1, 'east', 1), row(2, 2, 'west', 3)];

test.each([
  ['a write that moved with its bucket is none of the three', [acknowledged(1)], movedRows, moved, [0, 0, 0]],
  ['acknowledged and not stored is lost', [acknowledged(3)], movedRows, moved, [1, 0, 0]],
  [
    'stored by both units is a duplicate',
    [acknowledged(1)],
    [...movedRows, row(3, 1, 'west', 3)],
    moved,
    [0, 1, 0],
  ],
  [
    'committed by the old unit after the new one, and stored behind it, is misrouted',
    [],
    [...movedRows, row(3, 3, 'east', 1)],
    [...moved, commit(3, 3, 'east', 1)],
    [0, 0, 1],
  ],
  [
    'committed by the old unit after the new one, and not in the survivor, is misrouted',
    [],
    movedRows,
    [...moved, commit(3, 3, 'east', 1)],
    [0, 0, 1],
  ],
  [
    'a commit that the old unit heard of late, stored before the new unit wrote, is not',
    [],
    [row(1, 1, 'east', 1), row(2, 3, 'east', 1), row(3, 2, 'west', 3)],
    [...moved, commit(3, 3, 'east', 1)],
    [0, 0, 0],
  ],
  [
    'a late commit in a bucket of which the new unit stored nothing there is not excused',
    [],
    [row(1, 1, 'east', 1), row(2, 3, 'east', 1)],
    [...moved, commit(3, 3, 'east', 1)],
    [0, 0, 1],
  ],
  [
    'stored behind the new unit by an application that died before it could log it is misrouted',
    [],
    [...movedRows, row(3, 3, 'east', 1)],
    moved,
    [0, 0, 1],
  ],
  [
    'stored, and never logged, by a unit that the bucket did not belong to at first is misrouted',
    [],
    [row(1, 1, 'west', 1)],
    [],
    [0, 0, 1],
  ],
  [
    'stored, and never logged, by the second unit under one epoch is misrouted',
    [],
    [row(1, 1, 'west', 3), row(2, 2, 'east', 3)],
    [],
    [0, 0, 1],
  ],
  [
    'one epoch has one unit',
    [],
    [row(1, 1, 'east', 1), row(2, 2, 'west', 1)],
    [commit(1, 1, 'east', 1), commit(2, 2, 'west', 1)],
    [0, 0, 1],
  ],
] as const)('%s', (_, told, rows, commits, expected) => {
  expect(judgeOf(told, rows, commits)).toEqual(expected);
});

test('one epoch has one unit in all databases together, whoever logged it', () => {
  const stored = new Map([
    ['orders', [row(1, 1, 'west', 3)]],
    ['payments', [row(1, 2, 'east', 3)]],
  ]);
  const { misroutedWrites, examples } = judge([], stored, [], { buckets, epoch: 1, homeOf: () => 'east' });
  expect({ misroutedWrites, examples }).toEqual({
    misroutedWrites: 1,
    examples: [
      `misrouted: row ${JSON.stringify(row(1, 2, 'east', 3))} of payments, bucket ${bucket}: under its epoch the bucket is west's`,
    ],
  });
});
