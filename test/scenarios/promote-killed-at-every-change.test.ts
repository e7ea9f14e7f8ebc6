import { describe, expect, it } from 'vitest';
import {
  alonePoints,
  finishPoints,
  firstPoints,
  followerPoints,
  giveBackPoints,
  plannedPoints,
  pointName,
  rolePoints,
  undoPoints,
  unplannedPoints,
} from '../../domain/promotion/points.ts';
import { endPromotionAt, startTestCluster, type Engine } from '../databases/test-cluster.ts';
import { watchWritable } from '../databases/writers.ts';
import {
  forgetJournal,
  killedInUndo,
  killedUnderWriters,
  killedWhenAlone,
  killedWhenUnplanned,
  leftByEarlierOperation,
  onlyFollower,
  withoutRoles,
  type Ordeal,
  type Patient,
  type Story,
} from './killed-ordeals.ts';
import { passed } from './killed-product.ts';

/** What happens to a cluster, and how often it is killed meanwhile. */
interface Chapter extends Omit<Story, 'phase'> {
  readonly name: string;
  readonly suffer: (patient: Patient, story: Story) => Promise<Ordeal>;
}

/**
 * A cluster of its own goes through one chapter after the other, while somebody asks every node all the time whether it
 * takes writes. @returns what must not be: a promise broken, or too little seen to say so
 */
async function harmDone(engine: Engine, chapters: readonly Chapter[]): Promise<readonly string[]> {
  const cluster = await startTestCluster(engine, 'semisync');
  const watch = watchWritable(cluster);
  const patient: Patient = { cluster, primary: 'east-1', epoch: 100 };
  const harm: string[] = [];
  try {
    for (const { name, suffer, ...story } of chapters) {
      const ordeal = await suffer(patient, { ...story, phase: name });
      const { points, acknowledged, seconds } = ordeal;
      console.log(`${engine}, ${name}: ${points.length} kills, ${acknowledged} acknowledged, ${seconds} s`);
      harm.push(...harmIn(ordeal, story.points).map((what) => `${name}: ${what}`));
      if (harm.length > 0) break;
    }
  } finally {
    await watch.stop();
    await cluster.close();
  }
  const looks = watch.looks > 1_000 ? [] : [`only ${watch.looks} looks at who takes writes`];
  return [...harm, ...watch.twice, ...looks];
}

const harmIn = (
  { points, problems, lost, acknowledged }: Ordeal,
  expected: readonly string[],
): readonly string[] => [
  ...problems,
  ...lost.map((row) => `lost: ${row}`),
  ...(points.length === expected.length ? [] : [`killed at ${points.length} of ${expected.length} points`]),
  ...(acknowledged >= 20 * points.length ? [] : [`only ${acknowledged} acknowledged writes`]),
];

/** One point for each state between two changes: after one, and before the next one, are the same state. */
const between = (points: readonly string[]): readonly string[] =>
  points.filter((point, index) => index === 0 || point.startsWith('after-'));

/** Every other state, for what both engines share the decisions of: each of them takes its half. */
const half = (engine: Engine, points: readonly string[]): readonly string[] =>
  between(points).filter((_, index) => index % 2 === (engine === 'mysql' ? 0 : 1));

const otherWays = (engine: Engine): readonly Chapter[] => [
  { name: 'undo', points: between(undoPoints), suffer: killedInUndo },
  {
    name: 'given-back',
    points: half(engine, giveBackPoints),
    suffer: killedUnderWriters,
    before: leftByEarlierOperation,
  },
  {
    name: 'finished',
    points: half(engine, finishPoints),
    suffer: killedUnderWriters,
    before: (input) => endPromotionAt('after-write-journal', input),
  },
  { name: 'first', points: half(engine, firstPoints), suffer: killedUnderWriters, before: forgetJournal },
  { name: 'forced', points: half(engine, plannedPoints), suffer: killedUnderWriters, style: 'forced' },
  {
    name: 'first-emergency',
    points: half(engine, firstPoints),
    suffer: killedWhenUnplanned,
    before: forgetJournal,
  },
  {
    name: 'follower',
    points: half(engine, followerPoints),
    suffer: killedWhenUnplanned,
    ...onlyFollower,
  },
  { name: 'roles', points: half(engine, rolePoints), suffer: killedUnderWriters, before: withoutRoles },
];

// Both engines at once, and two clusters of each: most of the time goes into waiting for processes and disks.
describe.concurrent(
  'promoteDatabase, killed before and after every change of a server, goes on when it is run again',
  () => {
    for (const engine of ['mariadb', 'mysql'] as const satisfies readonly Engine[]) {
      it(`in a planned move, after the loss of the primary, and with nobody to acknowledge, on ${engine}`, async () => {
        const planned = { name: 'planned', points: plannedPoints, suffer: killedUnderWriters };
        const unplanned = { name: 'unplanned', points: unplannedPoints, suffer: killedWhenUnplanned };
        // The last one: the others begin with standbys that follow. Each engine takes one side of both statements.
        const side = engine === 'mysql' ? 'after-' : 'before-';
        const points = alonePoints.filter((point) => point.startsWith(side));
        const alone = { name: 'alone', points, suffer: killedWhenAlone };
        expect(await harmDone(engine, [planned, unplanned, alone])).toEqual([]);
      });

      it(`on the way back, at the first promotion, and forced past a primary that answers, on ${engine}`, async () => {
        expect(await harmDone(engine, otherWays(engine))).toEqual([]);
      });
    }
  },
);

it('and there is no further point at which it could be killed', () => {
  const tried = [
    plannedPoints,
    unplannedPoints,
    firstPoints,
    followerPoints,
    finishPoints,
    undoPoints,
    rolePoints,
    alonePoints,
    ['before-apply', 'after-apply'],
  ].flat();
  const names = new Set(tried.map(pointName));
  expect(passed.size).toBeGreaterThan(plannedPoints.length);
  expect([...passed].filter((point) => !names.has(point))).toEqual([]);
});
