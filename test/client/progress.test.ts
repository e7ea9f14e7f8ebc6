import { describe, expect, test } from 'vitest';
import { endingOf, waitsForPersonOnly } from '../../client/follow-run.ts';
import { questionsOf } from '../../client/next-commands.ts';
import { planTree } from '../../client/plan-tree.ts';
import { progressLines } from '../../client/progress-lines.ts';
import { runOutcomes } from '../../domain/run.ts';
import { outcome, record, step } from './records.ts';

const running = step('fence', { state: 'running', attempts: 1, startedAt: 1_000_200 });
const done = step('fence', {
  state: 'finished',
  attempts: 1,
  startedAt: 1_000_200,
  endedAt: 1_000_450,
  outcome: outcome('done', '3 gateways fence buckets 0-49'),
});
const parked = step('promote/orders', {
  state: 'parked',
  attempts: 1,
  startedAt: 1_000_500,
  endedAt: 1_002_100,
  waitingFor: 'an operator (…): refused: the loss is unknown',
  outcome: outcome('refused', 'the loss is unknown', {
    details: ['answer acceptLoss to go on', 'or acceptUnfenced'],
  }),
});

describe('progress', () => {
  test('tells what is new since the last look, and nothing twice', () => {
    const first = record([running]);
    const second = record([done, parked], { phase: 'parked' });
    expect(progressLines(undefined, first, 1_000_300)).toEqual([
      '+300 ms    running',
      '+200 ms    running   fence: Do fence',
    ]);
    expect(progressLines(first, second, 1_002_200)).toEqual([
      '+2.2 s     parked',
      '+450 ms    done      fence: 3 gateways fence buckets 0-49 (250 ms)',
      '+2.1 s     parked    promote/orders: the loss is unknown (1.6 s)',
      '           ? promote/orders: waits for an operator (…): refused: the loss is unknown',
      '              siteshift retry run-1 promote/orders',
      '              siteshift accept run-1 promote/orders acceptLoss --reason "…"',
      '              siteshift accept run-1 promote/orders acceptUnfenced --reason "…"',
      '              siteshift force run-1 promote/orders --reason "…"',
      '              siteshift skip run-1 promote/orders --reason "…"',
      '              siteshift abort run-1 --reason "…"',
    ]);
    expect(progressLines(second, second, 1_009_000)).toEqual([]);
  });

  test('the end is told after the steps that ended before it', () => {
    const last = record([done], { phase: 'closed', outcome: 'completed' });
    expect(progressLines(record([running]), last, 1_000_500)).toEqual([
      '+450 ms    done      fence: 3 gateways fence buckets 0-49 (250 ms)',
      '+500 ms    closed',
    ]);
  });

  test('a step that is tried again and parks again is told again', () => {
    const again = { ...parked, attempts: 2, endedAt: 1_004_000 };
    const lines = progressLines(
      record([parked], { phase: 'parked' }),
      record([again], { phase: 'parked' }),
      1_004_100,
    );
    expect(lines).toEqual(['+4.0 s     parked    promote/orders: the loss is unknown (3.5 s)']);
  });
});

describe('questions', () => {
  test('an approval of the run names the digest', () => {
    expect(questionsOf(record([], { phase: 'awaiting-approval' }))).toEqual([
      {
        waitsFor: 'an approval of this plan',
        commands: ['siteshift approve run-1 --digest abcdef012345', 'siteshift decline run-1 --reason "…"'],
      },
    ]);
  });

  test.each([
    [
      'approve',
      [
        'siteshift approve run-1 --digest abcdef012345 --step ask',
        'siteshift decline run-1 --step ask --reason "…"',
      ],
    ],
    ['hold', ['siteshift commit run-1 --step ask', 'siteshift roll-back run-1 --step ask --reason "…"']],
  ])('a waiting %s step names its answers', (kind, commands) => {
    const asking = record([step('ask', { kind, state: 'running', waitingFor: 'somebody' })], {
      phase: 'holding',
    });
    expect(questionsOf(asking)).toEqual([{ step: 'ask', waitsFor: 'somebody', commands }]);
  });

  test('a closed run asks nothing', () => {
    expect(questionsOf(record([parked], { phase: 'closed', outcome: 'aborted' }))).toEqual([]);
  });

  test('only a person can let it go on: not while another step still works', () => {
    expect(waitsForPersonOnly(record([parked], { phase: 'parked' }))).toBe(true);
    expect(waitsForPersonOnly(record([parked, running], { phase: 'parked' }))).toBe(false);
    expect(waitsForPersonOnly(record([running]))).toBe(false);
  });
});

test('every outcome has its exit code', () => {
  const endings = runOutcomes.map((each) => [each, endingOf(record([], { phase: 'closed', outcome: each }))]);
  expect(Object.fromEntries(endings)).toEqual({
    completed: 'ok',
    'completed with skips': 'problems',
    aborted: 'problems',
    refused: 'refused',
    'precheck passed': 'ok',
    'precheck found problems': 'problems',
  });
  expect(endingOf(record([parked], { phase: 'parked' }))).toBe('needsOperator');
  expect(endingOf(record([running]))).toBe('ok');
});

test('a plan that is a graph is drawn as a tree, each step once, with what else it waits for', () => {
  const planned = (
    id: string,
    needs: readonly string[],
    says = outcome('planned', '', { details: [`do ${id}`] }),
  ) => step(id, { needs, state: 'finished', outcome: says });
  const tree = planTree(
    record([
      planned('claim', []),
      planned('a', ['claim']),
      planned('b', ['claim'], outcome('already', 'b is so')),
      planned('c', ['a', 'b']),
    ]),
  );
  expect(tree).toEqual([
    '→ claim: Do claim',
    '     would: do claim',
    '├─ → a: Do a',
    '│       would: do a',
    '│  └─ → c: Do c',
    '│          would: do c',
    '│          after b, too',
    '└─ = b: Do b',
    '        already so: b is so',
  ]);
});

test('the tree ends with what is left out, and names few of many needs', () => {
  const hosts = ['h1', 'h2', 'h3', 'h4', 'h5', 'h6'];
  const leftOut = [
    { id: 'record', kind: 'captureManifests', because: 'only runs that start graceful do it' },
  ];
  const steps = [...hosts.map((id) => step(id, { needs: [] })), step('open', { needs: hosts })];
  const tree = planTree(record(steps, { leftOut }));
  expect(tree.join('\n')).toMatch(/after h2, h3, h4 and 2 more, too/);
  expect(tree.at(-1)).toBe('· left out: record (captureManifests): only runs that start graceful do it');
});
