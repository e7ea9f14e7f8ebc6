import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimEpoch } from '../../activities/claim-epoch.ts';
import { runStep } from '../../activities/define-step.ts';
import { fenceUnits } from '../../activities/fence-units.ts';
import { observeRouting } from '../../activities/observe-routing.ts';
import { openUnits } from '../../activities/open-units.ts';
import { verifyEndpoint } from '../../activities/verify-endpoint.ts';
import type { RoutingTable } from '../../domain/routing.ts';
import { stateOf } from '../../lab/bench/access-layer.ts';
import { startLayer, type TestLayer } from './start-layer.ts';
import { startMove } from './move.ts';
import { gatewayParameters, operation, stepInput, stepTools } from './step-tools.ts';
import { movedUser, otherUser } from './users.ts';

let layer: TestLayer;
beforeAll(async () => {
  layer = await startLayer();
}, 60_000);
afterAll(() => layer?.close());

const tools = stepTools();
const home: RoutingTable = Array.from({ length: 100 }, (_, bucket) => ({
  unit: bucket < 60 ? 'east' : 'west',
  state: 'open',
}));
const allWest: RoutingTable = home.map(() => ({ unit: 'west', state: 'open' }));

test('a move goes from claim to verification, and every repeated step says already', async () => {
  const parameters = gatewayParameters(layer.gateways, layer.leaseMs);
  const observed = await observeRouting(parameters, tools);
  expect(observed).toEqual({ routing: { epoch: 1, operation: 'initial', table: home }, gaps: [] });

  const claim = { ...parameters, databases: {}, units: ['east'] };
  const move = { ...parameters, current: home, wanted: allWest };
  const none = operation('run-1');
  expect(
    await runStep(claimEpoch, stepInput('claim', none, claim, { mode: 'precheck' }), tools),
  ).toMatchObject({
    status: 'planned',
    summary: 'claims epoch 2 of shop at 3 gateways',
  });
  expect(
    await runStep(fenceUnits, stepInput('fence', none, move, { mode: 'precheck' }), tools),
  ).toMatchObject({
    status: 'planned',
    summary: 'refuses writes for buckets 0-59 on 3 gateways',
  });
  expect(await runStep(openUnits, stepInput('open', none, move, { mode: 'precheck' }), tools)).toMatchObject({
    status: 'planned',
  });

  const claimed = await runStep(claimEpoch, stepInput('claim', none, claim), tools);
  expect(claimed).toMatchObject({ status: 'done', after: { epoch: 2 } });
  expect(await runStep(claimEpoch, stepInput('claim', none, claim), tools)).toMatchObject({
    status: 'already',
    after: { epoch: 2 },
  });

  const ours = operation('run-1', 2);
  expect(await runStep(openUnits, stepInput('open', ours, move), tools)).toMatchObject({
    status: 'refused',
    summary: expect.stringContaining('buckets 0-59 are not fenced') as string,
  });
  const fenced = await runStep(fenceUnits, stepInput('fence', ours, move), tools);
  expect(fenced).toMatchObject({
    status: 'done',
    summary: 'buckets 0-59 fenced at epoch 2 on 3 gateways (3 workers)',
    snapshot: { table: { 'east open': '0-59', 'west open': '60-99' }, epoch: 1 },
  });
  expect(await runStep(fenceUnits, stepInput('fence', ours, move), tools)).toMatchObject({
    status: 'already',
  });

  const opened = await runStep(openUnits, stepInput('open', ours, move), tools);
  expect(opened).toMatchObject({
    status: 'done',
    summary: 'buckets 0-59 open at west, epoch 3, on 3 of 3 gateways',
  });
  expect(await runStep(openUnits, stepInput('open', ours, move), tools)).toMatchObject({ status: 'already' });
  expect(await runStep(fenceUnits, stepInput('fence', ours, move), tools)).toMatchObject({
    status: 'already',
  });

  const verify = {
    ...parameters,
    path: '/',
    method: 'POST' as const,
    expectStatus: 200,
    users: 5,
    buckets: Array.from({ length: 60 }, (_, bucket) => bucket),
    expectUnit: 'west',
    timeoutMs: 5_000,
  };
  const verified = await runStep(verifyEndpoint, stepInput('verify', ours, verify), tools);
  expect(verified).toMatchObject({ status: 'done', after: { served: 15 } });
  for (const gateway of layer.gateways) {
    expect((await stateOf(gateway)).accepted).toMatchObject({ epoch: 3, operation: 'run-1' });
  }
  console.log(
    JSON.stringify({
      claimed: claimed.durationsMs,
      fenced: fenced.durationsMs,
      opened: opened.durationsMs,
      verified: verified.durationsMs,
    }),
  );
});

test('a fence is undone by a fence and an opening of its own', async () => {
  const parameters = gatewayParameters(layer.gateways, layer.leaseMs);
  const none = operation('run-2');
  const claimed = await runStep(
    claimEpoch,
    stepInput('claim', none, { ...parameters, databases: {}, units: [] }),
    tools,
  );
  expect(claimed).toMatchObject({ status: 'done', after: { epoch: 4 } });
  const ours = operation('run-2', 4);
  const move = { ...parameters, current: allWest, wanted: home };
  expect(await runStep(fenceUnits, stepInput('fence', ours, move), tools)).toMatchObject({ status: 'done' });
  expect(await runStep(fenceUnits, stepInput('fence', ours, move, { mode: 'undo' }), tools)).toMatchObject({
    status: 'done',
    summary: 'buckets 0-59 open at their old unit again, epoch 7',
  });
  expect(await runStep(fenceUnits, stepInput('fence', ours, move, { mode: 'undo' }), tools)).toMatchObject({
    status: 'done',
  });
  expect((await observeRouting(parameters, tools)).routing).toEqual({
    epoch: 7,
    operation: 'run-2',
    table: allWest,
  });
  expect(await runStep(fenceUnits, stepInput('fence', ours, move), tools)).toMatchObject({
    status: 'refused',
  });
});

test('a fence waits for the writes from before it, and for none of the buckets that stay', async () => {
  const [gateway] = layer.gateways;
  if (gateway === undefined) throw new Error('no gateway');
  const write = async (user: string, holdMs: number) => {
    const headers = { 'x-user-id': user, 'x-hold-ms': String(holdMs) };
    const response = await fetch(gateway.endpoint, { method: 'POST', headers });
    await response.text();
    return response.status;
  };
  const inFlight = async () => {
    const response = await fetch(`${gateway.agentUrl}/v1/inflight?unit=west`);
    return (await response.json()) as { writes: number; earlier: number };
  };
  const move = await startMove(layer, 'run-3', 'east');
  const ending = new AbortController();
  const staying = Array.from({ length: 4 }, async () => {
    while (!ending.signal.aborted) await write(otherUser, 150);
  });
  const held: number[] = [];
  const moving = write(movedUser, 800).then((status) => held.push(status));
  await expect
    .poll(async () => (await inFlight()).writes, { interval: 5, timeout: 5_000 })
    .toBeGreaterThanOrEqual(5);

  const fenced = await move.fence();
  expect(held).toEqual([200]); // it was let in before the fence, and the fence has waited for it
  expect(await inFlight()).toMatchObject({ earlier: 0 });
  const fact = fenced.evidence.find(({ what }) => what.startsWith('writes from before the fence'));
  expect(fact).toMatchObject({ what: expect.stringContaining('at west') as string, value: { writes: 0 } });
  expect((await inFlight()).writes).toBeGreaterThan(0); // those that stay have never stopped
  expect(await write(movedUser, 0)).toBe(503);
  ending.abort();
  await Promise.all([moving, ...staying]);
  expect(await move.open()).toMatchObject({ status: 'done' });
});
