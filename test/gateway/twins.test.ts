import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimEpoch } from '../../activities/claim-epoch.ts';
import { runStep } from '../../activities/define-step.ts';
import { stateOf, waitUntilServing } from '../../lab/bench/access-layer.ts';
import { startMove } from './move.ts';
import { startLayer, writesOf, type TestLayer } from './start-layer.ts';
import { gatewayParameters, operation, stepInput, stepTools } from './step-tools.ts';
import { ask, movedUser } from './users.ts';

let layer: TestLayer;
beforeAll(async () => {
  layer = await startLayer();
}, 60_000);
afterAll(() => layer?.close());

const claimParameters = (more: object = {}) => ({
  ...gatewayParameters(layer.gateways, layer.leaseMs),
  databases: {},
  units: [],
  ...more,
});

test('of two orchestrators that claim at once, the gateways let one win; the other is told by whom it lost', async () => {
  const claims = await Promise.all(
    ['twin-a', 'twin-b'].map((id) =>
      runStep(claimEpoch, stepInput('claim', operation(id), claimParameters()), stepTools()),
    ),
  );
  const states = await Promise.all(layer.gateways.map(stateOf));
  const [highest] = states.map((state) => state.promised).sort((a, b) => b.epoch - a.epoch);
  const holders = states.filter((state) => state.promised.operation === highest?.operation);
  expect(holders.length).toBeGreaterThanOrEqual(2);
  const winner = highest?.operation === 'twin-a' ? 0 : 1;
  expect(claims[winner]).toMatchObject({ status: 'done', after: { epoch: highest?.epoch } });
  const loser = claims[1 - winner];
  // Either it was refused at once, or it had won a lower epoch first: then its fence is refused.
  const told = [loser?.summary, ...(loser?.details ?? [])].join('; ');
  const isLower =
    loser?.status === 'done' && (loser.after as { epoch: number }).epoch < (highest?.epoch ?? 0);
  const hasHeard = isLower || told.includes(highest?.operation ?? 'nobody');
  expect({ hasHeard, told }).toMatchObject({ hasHeard: true });
});

test('an orchestrator that was overtaken can neither fence nor open nor undo', async () => {
  const late = await startMove(layer, 'late', 'west');
  const early = await startMove(layer, 'early', 'west');
  const bound = /gw-1 is bound to epoch \d+ of operation early; ours is \d+ of late/;
  expect((await late.fence()).summary).toMatch(bound);
  expect((await late.open()).summary).toMatch(bound);
  expect(await late.fence({ mode: 'undo' })).toMatchObject({ status: 'failed' });
  for (const gateway of layer.gateways) expect((await stateOf(gateway)).accepted.epoch).toBe(1);
  expect(await early.fence()).toMatchObject({ status: 'done' });

  // Fenced buckets of an unfinished operation stop the next one, until somebody forces it.
  const input = stepInput('claim', operation('next'), claimParameters());
  const refused = await runStep(claimEpoch, input, stepTools());
  expect(refused.summary).toMatch(
    /^operation early holds epoch \d+ with buckets 0-59 fenced \(gw-1\): let it finish or abort it, or force this step to take over$/,
  );
  expect(await runStep(claimEpoch, { ...input, style: 'forced' }, stepTools())).toMatchObject({
    status: 'done',
  });
  expect(await early.open()).toMatchObject({ status: 'refused' });
  const next = await startMove(layer, 'after-next', 'west').catch((error: unknown) => String(error));
  expect(next).toMatch(/operation early holds epoch/);
});

test('a plan that rests on an older table is refused, and a floor is respected', async () => {
  const claimed = await runStep(
    claimEpoch,
    stepInput('claim', operation('floor'), claimParameters({ floorEpoch: 101 }), { style: 'forced' }),
    stepTools(),
  );
  expect(claimed).toMatchObject({ status: 'done', after: { epoch: 102 } });
  const stale = await startMove(layer, 'stale', 'west').catch((error: unknown) => String(error));
  expect(stale).toMatch(/operation early holds epoch/);
  await waitUntilServing(layer.gateways, 1);
  expect(await ask(layer.gateways[0] as (typeof layer.gateways)[0], 'POST', movedUser)).toMatchObject({
    status: 503,
    refused: 'fenced',
  });
  expect(writesOf(layer).filter((write) => write.epoch > 1)).toEqual([]);
});
