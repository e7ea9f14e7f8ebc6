import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { StepActivity } from '../../activities/step-activity.ts';
import { fromHistory, rebuildFromHistory } from '../../domain/report/from-history.ts';
import type { RunRecord } from '../../domain/run.ts';
import { siteshift } from '../client/cli-process.ts';
import { swap, validInventory, validRunbook } from '../schema/valid-texts.ts';
import { operatedPlan, scriptedKinds } from './operated-plan.ts';
import { compiled, testOutcome } from './test-plan.ts';
import { openWorkflowLab, type FakeActivities, type WorkflowLab } from './workflow-lab.ts';

let lab: WorkflowLab;
beforeAll(async () => {
  lab = await openWorkflowLab();
}, 120_000);
afterAll(() => lab.close());
const limit = { timeout: 120_000 };
/** Temporal lists what has changed a moment later. */
const visibility = { timeout: 30_000, interval: 200 };

type Say = (...words: string[]) => ReturnType<typeof siteshift>;
const withCli = <Result>(fakes: FakeActivities, use: (say: Say) => Promise<Result>): Promise<Result> =>
  lab.withWorker(fakes, (queue) =>
    use((...words) =>
      siteshift(words, { SITESHIFT_TEMPORAL_ADDRESS: lab.address, SITESHIFT_TEMPORAL_TASK_QUEUE: queue }),
    ),
  );
const move = ['move', '--from', 'east', '--to', 'west'];
const real = ['run', ...move, '--reason', 'storm', '--by', 'ann', '--on-park', 'exit'];
const idIn = (err: string): string => /^(?:run|precheck) (\S+)$/m.exec(err)?.[1] ?? 'no id';
/** The words of a command as it was printed, its reason filled in. */
const asPrinted = (out: string, verb: string): string[] =>
  [...(new RegExp(`siteshift ${verb} .*`).exec(out)?.[0] ?? '').matchAll(/"[^"]*"|\S+/g)]
    .map(([word]) => (word === '"…"' ? 'because I say so' : word))
    .slice(1);
const lossProof = {
  what: 'candidate holds exactly the freeze position',
  value: '0-11-4711',
  source: 'billing-west',
};
const withoutTimes = (record: RunRecord) =>
  JSON.parse(
    JSON.stringify(record, (key, value: unknown) =>
      ['at', 'startedAt', 'endedAt'].includes(key) ? 0 : value,
    ),
  ) as RunRecord;

test('plan prints the tree of what would be done, and the digest of the plan', limit, async () => {
  const plan = operatedPlan('precheck');
  const script = scriptedKinds({
    'precheck claim': [testOutcome('planned', '', { details: ['claim epoch 13'] })],
    'precheck promote/orders': [testOutcome('already', 'orders-west is primary')],
    'precheck fence': [testOutcome('refused', 'no', { details: ['gw-2 does not answer'] })],
  });
  const { code, out } = await withCli({ compiled: compiled(plan), steps: script.steps }, (say) =>
    say('plan', ...move),
  );
  expect(code).toBe(1);
  expect(out.split('\n').slice(0, 8)).toEqual([
    '→ claim: Claim the next epoch of shop',
    '     would: claim epoch 13',
    '└─ ✗ fence: Fence buckets 0-49 of east-a',
    '        refused: gw-2 does not answer',
    '   ├─ = promote/orders: Promote orders in west (primary is orders-east in east) [point of no return]',
    '   │       already so: orders-west is primary',
    '   │  └─ → push/orders-rw: Point orders-rw to the primary of orders in west',
    '   │          planned: would do push/orders-rw',
  ]);
  expect(out).toContain(`precheck found problems; plan digest ${plan.digest}`);
  expect(script.calls.every(({ mode }) => mode === 'precheck')).toBe(true);
});

test('a parked run names its answers, and the printed commands work as they stand', limit, async () => {
  const plan = operatedPlan('real');
  const refusal = testOutcome('refused', 'may lose 3 transactions', {
    details: ['needs acceptLoss: up to 3 are lost'],
  });
  const script = scriptedKinds({
    'promote/billing': [testOutcome('done', 'billing-west is primary', { evidence: [lossProof] })],
    'promote/orders': [
      refusal,
      testOutcome('done', 'orders-west is primary', { durationsMs: { freezeToOpen: 31 } }),
    ],
    'verify/west-a': [testOutcome('failed', 'gw-1 serves east-a')],
  });
  await withCli({ compiled: compiled(plan), steps: script.steps }, async (say) => {
    const started = await say(...real);
    const id = idIn(started.err);
    expect(started.code).toBe(4);
    expect(started.out).toContain('parked    promote/orders: may lose 3 transactions');

    expect(await say(...asPrinted(started.out, 'accept'), '--by', 'carl')).toMatchObject({
      code: 0,
      err: '',
    });
    const parked = await untilParked(say, id, 'verify/west-a');
    expect(await say(...asPrinted(parked.out, 'skip'), '--by', 'carl')).toMatchObject({ code: 0 });
    const closed = await say('status', id, '--watch');
    expect(closed).toMatchObject({ code: 1 });
    expect(closed.out).toContain('completed with skips');
    expect(await say('retry', id, 'promote/orders')).toMatchObject({ code: 3 });
    await expectReports(say, id);
  });
});

test('status tells what a running step waits for, and how the attempt before it ended', limit, async () => {
  const script = scriptedKinds();
  const { promise: done, resolve: end } = Promise.withResolvers<void>();
  const fenceUnits: StepActivity = async (input) => {
    const { info, heartbeat } = Context.current();
    if (info.attempt === 1) throw ApplicationFailure.retryable('gw-1 hung up', 'TargetTrouble');
    heartbeat('the lock is held by session 7');
    await done;
    return script.steps['fenceUnits']?.(input) ?? testOutcome('failed');
  };
  const fakes = { compiled: compiled(operatedPlan('real')), steps: { ...script.steps, fenceUnits } };
  await withCli(fakes, async (say) => {
    const id = idIn((await say(...real, '--detach')).err);
    await vi.waitFor(async () => {
      const { out } = await say('status', id);
      expect(out).toContain('… fence: the lock is held by session 7');
      expect(out).toContain('… fence: attempt 2; the one before ended with: gw-1 hung up');
    }, visibility);
    end();
    expect((await say('status', id, '--watch')).code).toBe(0);
  });
});

async function untilParked(say: Say, id: string, step: string) {
  for (;;) {
    const seen = await say('status', id);
    if (seen.code === 4 && seen.out.includes(`? ${step}:`)) return seen;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** The report from the history: the same bytes twice, offline from exported files, and equal to the run's own record. */
async function expectReports(say: Say, id: string) {
  const folder = mkdtempSync(join(lab.folder, 'report-'));
  for (const round of ['one', 'two'])
    expect(await say('report', id, '--format', 'all', '--output', join(folder, round))).toMatchObject({
      code: 0,
    });
  for (const extension of ['md', 'html', 'json'])
    expect(readFileSync(join(folder, `two.${extension}`), 'utf8')).toBe(
      readFileSync(join(folder, `one.${extension}`), 'utf8'),
    );
  const markdown = readFileSync(join(folder, 'one.md'), 'utf8');
  expect(markdown).toContain('accept promote/orders');
  expect(markdown).toMatch(/verify\/west-a: skipped by .*because I say so/);
  const history = await historiesOf(id);
  if (process.env['SITESHIFT_RECORD_HISTORIES'] === 'true') recordHistories(history);
  const { record, clock } = fromHistory(history);
  expect(clock.machineMs + clock.peopleMs + clock.betweenMs).toBe(clock.totalMs);
  expect(clock.peopleMs).toBeGreaterThan(0);
  expect(withoutTimes(rebuildFromHistory(history))).toEqual(withoutTimes(record));
}

/** Renews what test/report/ works on, without the names of the machine that it was made on. */
function recordHistories(history: object): void {
  const text = JSON.stringify(history, null, 1)
    .replaceAll(/"identity": "[^"]*"/g, '"identity": "tester@machine"')
    .replaceAll(`@${hostname()}`, '@machine');
  writeFileSync('test/report/parked-run.history.json', `${text}\n`);
}

async function historiesOf(id: string) {
  const json = async (workflow: string) =>
    JSON.parse(historyToJSON(await lab.client.workflow.getHandle(workflow).fetchHistory())) as {
      events: object[];
    };
  return { parent: await json(id), child: await json('failover/shop') };
}

test(
  'an approval is asked for, not taken from the requester, and taken from somebody else',
  limit,
  async () => {
    const plan = operatedPlan('real');
    const fakes = { compiled: compiled(plan, { approval: 'always' }), steps: scriptedKinds().steps };
    await withCli(fakes, async (say) => {
      const started = await say(...real);
      expect(started).toMatchObject({ code: 4 });
      const own = await say(...asPrinted(started.out, 'approve'), '--by', 'ann');
      expect(own).toMatchObject({ code: 3, err: expect.stringContaining('ann') as unknown });
      expect(await say(...asPrinted(started.out, 'approve'), '--by', 'bob')).toMatchObject({ code: 0 });
      expect(await say('status', idIn(started.err), '--watch')).toMatchObject({ code: 0 });
      const markdown = await say('report', idIn(started.err));
      expect(markdown.out).toMatch(/\| bob \| approve \|/);
    });
  },
);

test('a run that goes on, or was terminated, has a report, too', limit, async () => {
  const asking = swap(
    validRunbook,
    'steps:\n',
    "steps:\n  - { id: ask, uses: approve, with: { message: 'Leave ${from}?' } }\n",
  );
  const plan = operatedPlan(
    'real',
    swap(asking, '    uses: fenceUnits\n', '    uses: fenceUnits\n    needs: [ask]\n'),
  );
  const steps = scriptedKinds({ fence: [testOutcome('failed', 'gw-1 is silent')] }).steps;
  await withCli({ compiled: compiled(plan), steps }, async (say) => {
    const started = await say(...real);
    const id = idIn(started.err);
    expect(started.out).toContain('--step ask');
    await say(...asPrinted(started.out, 'approve'), '--by', 'bob');
    await untilParked(say, id, 'fence');
    const going = await say('report', id);
    expect(going.out).toContain('not ended: parked');
    expect(going.out).toContain('approved by bob');
    await lab.client.workflow.getHandle('failover/shop').terminate('the test is over');
    const over = await say('report', id, '--json');
    const { record } = JSON.parse(over.out) as { record: RunRecord };
    expect(record.because?.at(-1)).toBe(
      'the workflow was terminated: nothing was undone or cleaned up: the test is over',
    );
    expect(record.steps.map((step) => step.state)).toContain('parked');
  });
});

test('a plan whose starter was terminated is still listed, and answered by its own id', limit, async () => {
  const plan = operatedPlan('real');
  const { steps } = scriptedKinds({
    fence: [testOutcome('failed', 'gw-1 is silent'), testOutcome('done', 'fenced')],
  });
  await withCli({ compiled: compiled(plan), steps }, async (say) => {
    const listed = async () =>
      (JSON.parse((await say('status', '--json')).out) as { runs: { id: string; planOf?: string }[] }).runs;
    const id = idIn((await say(...real)).err);
    await vi.waitFor(async () => expect((await listed()).map((run) => run.id)).toEqual([id]), visibility);
    await lab.client.workflow.getHandle(id).terminate('by mistake');
    await vi.waitFor(
      async () => expect(await listed()).toMatchObject([{ id: 'failover/shop', planOf: id }]),
      visibility,
    );
    expect((await say('status')).out).toContain(`failover/shop  (the plan of ${id}, which has ended itself)`);
    expect(await say('status', 'failover/shop')).toMatchObject({ code: 4 });
    expect(await say('retry', 'failover/shop', 'fence')).toMatchObject({ code: 0 });
    expect(await say('status', 'failover/shop', '--watch')).toMatchObject({ code: 0 });
  });
});

test('a run that was reset has one report, and no step is in it twice', limit, async () => {
  const plan = operatedPlan('real');
  const script = scriptedKinds({
    'promote/billing': [
      testOutcome('failed', 'freeze timed out'),
      testOutcome('done', 'billing-west is primary'),
    ],
  });
  await withCli({ compiled: compiled(plan), steps: script.steps }, async (say) => {
    const started = await say(...real);
    const id = idIn(started.err);
    expect(started.code).toBe(4);
    await resetBeforePromotions();
    expect(await say('status', id, '--watch')).toMatchObject({ code: 0 });
    const { out } = await say('report', id, '--json');
    const { record, gaps, timeline } = JSON.parse(out) as ReturnType<typeof fromHistory>;
    expect(record.steps.map((step) => `${step.id} ${step.outcome?.status}`)).toEqual(
      plan.steps.map((step) => `${step.id} done`),
    );
    expect(timeline.bars.filter((bar) => bar.lane === 'promote/billing' && bar.kind === 'work')).toHaveLength(
      1,
    );
    expect(gaps).toEqual([
      expect.stringMatching(/^failover\/shop was reset at event \d+; what was scheduled before/),
    ]);
  });
});

/** As an operator would by the UI: back to before the promotions were scheduled. */
async function resetBeforePromotions(): Promise<void> {
  const handle = lab.client.workflow.getHandle('failover/shop');
  const { runId } = await handle.describe();
  const { events } = await handle.fetchHistory();
  const scheduled = events?.find(
    (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'promoteDatabase',
  );
  await lab.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: 'failover/shop', runId },
    reason: 'the test goes back',
    requestId: `reset-${runId}`,
    workflowTaskFinishEventId:
      scheduled?.activityTaskScheduledEventAttributes?.workflowTaskCompletedEventId ?? null,
  });
}

test('doctor finds Temporal, the search attributes and the worker', limit, async () => {
  const inventory = join(lab.folder, 'siteshift.yaml');
  writeFileSync(inventory, validInventory);
  const plan = operatedPlan('precheck');
  const result = await lab.withWorker({ compiled: compiled(plan), steps: scriptedKinds().steps }, (queue) =>
    siteshift(['doctor', '--json'], {
      SITESHIFT_TEMPORAL_ADDRESS: lab.address,
      SITESHIFT_TEMPORAL_TASK_QUEUE: queue,
      SITESHIFT_INVENTORY: inventory,
    }),
  );
  const { findings } = JSON.parse(result.out) as {
    findings: { what: string; ok: boolean; remedy?: string }[];
  };
  const verdicts = Object.fromEntries(findings.map(({ what, ok }) => [what, ok]));
  expect(verdicts).toMatchObject({ Temporal: true, 'search attributes': true, worker: true, moves: true });
  const prechecks = Object.keys(verdicts).filter((what) => what.startsWith('precheck'));
  expect(prechecks).toEqual(
    ['east to west', 'west to east'].flatMap((move) =>
      plan.steps.map(({ id }) => `precheck site-failover ${move}, ${id}`),
    ),
  );
  // The example's secrets are nowhere: that is what doctor must notice, with a remedy for each thing missing.
  expect(result.code).toBe(1);
  expect(findings.filter(({ ok, remedy }) => !ok && remedy === undefined)).toEqual([]);
});
