import { connect } from 'node:net';
import { once } from 'node:events';
import { rmSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { askHaproxy, reloadHaproxy } from '../../lab/engines/haproxy.ts';
import { stateOf, waitUntilServing, type LabGateway } from '../../lab/bench/access-layer.ts';
import { startLayer, writesOf, type TestLayer, type UnitWrite } from './start-layer.ts';
import { startMove } from './move.ts';
import { ask, askUntil, movedUser, otherUser } from './users.ts';

let layer: TestLayer | undefined;
afterEach(async () => {
  await layer?.close();
  layer = undefined;
});

const started = async (more: Parameters<typeof startLayer>[0] = {}) => {
  layer = await startLayer(more);
  const [g1, g2, g3] = layer.gateways as [LabGateway, LabGateway, LabGateway];
  return { layer, g1, g2, g3 };
};

/** Writes at the old unit of a bucket after the new one had accepted a write for it. */
function strayWrites(of: TestLayer): readonly UnitWrite[] {
  const highest = new Map<number, UnitWrite>();
  return writesOf(of).filter((write) => {
    const before = highest.get(write.bucket);
    if (before === undefined || write.epoch >= before.epoch) highest.set(write.bucket, write);
    return before !== undefined && before.unit !== write.unit && write.epoch <= before.epoch;
  });
}

test('a dead agent closes its gateway for writes, the fence waits its lease out, and it heals itself', async () => {
  const { layer, g1, g2, g3 } = await started();
  g3.agent.kill();
  await g3.agent.gone();
  const move = await startMove(layer, 'run-1', 'west');
  const fenced = await move.fence();
  expect(fenced).toMatchObject({ status: 'done' });
  expect(fenced.summary).toMatch(
    /^buckets 0-59 fenced at epoch 2 on 2 gateways \(2 workers\), gw-3: its lease has run out/,
  );
  // A worker killed before it could tell: the next attempt says it again, from the gateways.
  const excused = [expect.stringMatching(/^gateway gw-3 did not acknowledge: its lease has run out/)];
  expect([fenced.leftToDo, (await move.fence()).leftToDo]).toEqual([excused, excused]);
  expect(await ask(g3, 'POST', movedUser)).toMatchObject({ status: 503, refused: 'lease' });
  expect(await ask(g3, 'POST', otherUser)).toMatchObject({ status: 503, refused: 'lease' });
  expect(await ask(g3, 'GET', movedUser)).toMatchObject({ status: 200, unit: 'east', epoch: 1 });
  const opened = await move.open();
  expect(opened).toMatchObject({
    status: 'done',
    summary: 'buckets 0-59 open at west, epoch 3, on 2 of 3 gateways',
  });
  expect(opened.leftToDo?.[0]).toMatch(
    /^gateway gw-3 does not answer .*still fenced, it catches up from its peers$/,
  );
  const openedBefore = await move.open();
  expect(openedBefore).toMatchObject({ status: 'already', leftToDo: opened.leftToDo });
  expect(await move.fence()).toMatchObject({
    status: 'already',
    leftToDo: [expect.stringMatching(/^gateway gw-3 did not acknowledge: buckets 0-59 were opened/)],
  });
  expect(await ask(g1, 'POST', movedUser)).toMatchObject({ status: 200, unit: 'west', epoch: 3 });
  await g3.agent.restart();
  await waitUntilServing([g1, g2, g3], 3);
  expect(await ask(g3, 'POST', movedUser)).toMatchObject({ status: 200, unit: 'west', epoch: 3 });
  expect(strayWrites(layer)).toEqual([]);
});

test('an agent paused beyond its lease wakes up behind and catches up before it renews', async () => {
  const { layer, g1, g2, g3 } = await started();
  g3.agent.pause();
  const move = await startMove(layer, 'run-1', 'west');
  expect(await move.fence()).toMatchObject({ status: 'done' });
  expect(await move.open()).toMatchObject({ status: 'done' });
  expect(await ask(g3, 'POST', movedUser)).toMatchObject({ status: 503, refused: 'lease' });
  g3.agent.resume();
  const seen = await askUntil(g3, 'POST', movedUser, ({ status }) => status === 200);
  expect(seen).toMatchObject({ unit: 'west', epoch: 3 });
  await waitUntilServing([g1, g2, g3], 3);
  expect(strayWrites(layer)).toEqual([]);
});

test('a killed proxy comes back with the rules in force, and refuses writes until its agent has seen it', async () => {
  const { layer, g1, g2, g3 } = await started();
  const move = await startMove(layer, 'run-1', 'west');
  g3.haproxy.kill();
  await g3.haproxy.gone();
  expect(await move.fence()).toMatchObject({ status: 'done' });
  expect(await move.open()).toMatchObject({ status: 'done' });
  g3.agent.pause();
  await g3.haproxy.restart();
  expect(await ask(g3, 'POST', movedUser)).toMatchObject({ status: 503, refused: 'lease', epoch: 3 });
  expect(await ask(g3, 'GET', movedUser)).toMatchObject({ status: 200, unit: 'west' });
  g3.agent.resume();
  await waitUntilServing([g1, g2, g3], 3);
  expect(await ask(g3, 'POST', movedUser)).toMatchObject({ status: 200, unit: 'west' });
});

test('a worker of before a reload is fenced and opened like every other', async () => {
  const { layer, g1 } = await started();
  // The head of this request is not complete yet: its connection stays with the worker it has reached.
  const { hostname, port } = new URL(g1.endpoint);
  const [early, late] = [connect(Number(port), hostname), connect(Number(port), hostname)];
  await Promise.all([once(early, 'connect'), once(late, 'connect')]);
  for (const socket of [early, late])
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\nX-User-Id: ${movedUser}\r\n`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const [old] = (await stateOf(g1)).workers;
  expect(reloadHaproxy(g1.haproxy)).toBe(true);
  await expect.poll(async () => (await stateOf(g1)).workers.length, { timeout: 10_000 }).toBe(2);
  await waitUntilServing([g1], 1);
  const pids = (await stateOf(g1)).workers.map((worker) => worker.pid);
  expect(pids).toContain(old?.pid);

  const move = await startMove(layer, 'run-1', 'west');
  const fenced = await move.fence();
  expect(fenced.summary).toBe('buckets 0-59 fenced at epoch 2 on 3 gateways (4 workers)');
  const finish = async (socket: typeof early) => {
    const answer = once(socket, 'data') as Promise<[Buffer]>;
    socket.write('Content-Length: 0\r\nConnection: close\r\n\r\n');
    return (await answer)[0].toString();
  };
  const refused = await finish(early);
  expect(refused).toMatch(/^HTTP\/1.1 503 /);
  expect(refused).toMatch(/x-refused: fenced\r\n/i);
  expect(refused).toMatch(/x-epoch: 2\r\n/i);
  expect(await move.open()).toMatchObject({ status: 'done' });
  const served = await finish(late);
  expect(served).toMatch(/^HTTP\/1.1 200 /);
  expect(served).toMatch(/x-unit: west\r\n/i);
  early.destroy();
  late.destroy();
});

test('reloads in the middle of a move lose neither the fence nor the opening', async () => {
  const { layer, g1, g2, g3 } = await started();
  const move = await startMove(layer, 'run-1', 'west');
  reloadHaproxy(g1.haproxy);
  expect(await move.fence()).toMatchObject({ status: 'done' });
  reloadHaproxy(g2.haproxy);
  expect(await ask(g1, 'POST', movedUser)).toMatchObject({ status: 503, epoch: 2 });
  expect(await move.open()).toMatchObject({ status: 'done' });
  reloadHaproxy(g3.haproxy);
  for (const gateway of [g1, g2, g3]) {
    const seen = await askUntil(gateway, 'POST', movedUser, ({ status }) => status === 200);
    expect(seen).toMatchObject({ unit: 'west', epoch: 3 });
  }
  expect(strayWrites(layer)).toEqual([]);
});

/** While the master starts itself anew, nobody listens on its socket: for some ms, which a busy machine may miss. */
async function reloadUntilDeaf(gateway: LabGateway): Promise<void> {
  const deadline = performance.now() + 15_000;
  for (let looks = 0; ; looks += 1) {
    if (looks % 100 === 0) reloadHaproxy(gateway.haproxy);
    const isDeaf = await askHaproxy(gateway.masterSocket, 'show version').then(
      () => false,
      () => true,
    );
    if (isDeaf) return;
    if (performance.now() > deadline) throw new Error(`${gateway.name}: its master answered all the time`);
  }
}

test('proxies that are reloading just when a step looks back are waited for', async () => {
  const { layer, g1, g2, g3 } = await started();
  const reloaded: string[] = [];
  const move = await startMove(layer, 'run-1', 'west', undefined, async (point) => {
    if (!point.endsWith(':after-apply') || point.startsWith('claim')) return;
    await Promise.all([g1, g2, g3].map(reloadUntilDeaf));
    reloaded.push(point);
  });
  expect(await move.fence()).toMatchObject({
    status: 'done',
    summary: expect.stringMatching(/^buckets 0-59 fenced at epoch 2 on 3 gateways/) as string,
  });
  expect(await move.open()).toMatchObject({ status: 'done' });
  expect(reloaded).toEqual(['fenceUnits:after-apply', 'openUnits:after-apply']);
  for (const gateway of [g1, g2, g3])
    await askUntil(gateway, 'POST', movedUser, ({ status }) => status === 200);
  expect(strayWrites(layer)).toEqual([]);
});

test('agents that are restarting just when a step looks are waited for', async () => {
  const { layer, g1, g2, g3 } = await started();
  g3.agent.kill(); // for good
  await g3.agent.gone();
  const backSoon = async (agent: LabGateway['agent']) => {
    agent.kill();
    await agent.gone();
    return new Promise<void>((resolve, reject) => {
      setTimeout(() => void agent.restart().then(() => resolve(), reject), 1_500);
    });
  };
  let back = backSoon(g2.agent);
  const move = await startMove(layer, 'run-1', 'west');
  await back;
  await expect.poll(async () => (await stateOf(g2)).joined, { timeout: 10_000 }).toBe(true);
  expect(await move.fence()).toMatchObject({ status: 'done' });
  back = backSoon(g1.agent);
  expect(await move.open()).toMatchObject({ status: 'done' });
  await back;
  for (const gateway of [g1, g2]) await askUntil(gateway, 'POST', movedUser, ({ status }) => status === 200);
});

test('a proxy that dies after it has acknowledged the fence counts as fenced once its lease has run out', async () => {
  const { layer, g3 } = await started();
  const move = await startMove(layer, 'run-1', 'west', undefined, async (point) => {
    if (point !== 'fenceUnits:after-apply') return;
    g3.haproxy.kill();
    await g3.haproxy.gone();
  });
  expect(await move.fence()).toMatchObject({
    status: 'done',
    summary: expect.stringMatching(/, gw-3: its lease has run out/) as string,
  });
});

test('a removed map file and a table changed by hand are put right', async () => {
  const { g1 } = await started();
  const before = readFileSync(g1.unitsMap, 'utf8');
  rmSync(g1.unitsMap);
  await expect.poll(() => readOrNothing(g1.unitsMap), { timeout: 10_000 }).toBe(before);
  const [worker] = (await stateOf(g1)).workers;
  await askHaproxy(g1.masterSocket, `@!${worker?.pid} set map ${g1.unitsMap} 5 west|open|1`);
  await expect
    .poll(async () => askHaproxy(g1.masterSocket, `@!${worker?.pid} get map ${g1.unitsMap} 5`), {
      timeout: 10_000,
    })
    .toContain('value="east|open|1"');
});

test('a gateway without its state takes part again only after it has heard from every peer', async () => {
  const { layer, g1, g2, g3 } = await started();
  const move = await startMove(layer, 'run-1', 'west');
  await move.fence();
  await move.open();
  await g3.agent.stop();
  await g2.agent.stop();
  rmSync(join(g3.folder, 'state'), { recursive: true });
  await g3.agent.restart();
  await expect
    .poll(async () => (await stateOf(g3)).notRenewing, { timeout: 10_000 })
    .toMatch(/waits until it has heard from every peer/);
  expect((await stateOf(g3)).accepted.epoch).toBe(0);
  expect(await ask(g3, 'POST', movedUser)).toMatchObject({ status: 503 });
  await g2.agent.restart();
  await waitUntilServing([g1, g2, g3], 3);
  expect(await stateOf(g3)).toMatchObject({ joined: true, promised: { epoch: 2, operation: 'run-1' } });
});

test('with most gateways lost the operator takes them out, and the rest goes on alone', async () => {
  const { layer, g1, g2, g3 } = await started();
  for (const gateway of [g1, g2]) {
    gateway.agent.kill();
    gateway.haproxy.kill();
  }
  await expect(startMove(layer, 'run-1', 'west')).rejects.toThrow(
    /1 of 3 gateways answer, 2 are needed: gw-1 does not answer .*; gw-2 does not answer .* removedGateways/,
  );
  await askUntil(g3, 'POST', otherUser, ({ refused }) => refused === 'lease');
  const overrides = { removedGateways: 'gw-1, gw-2' };
  const move = await startMove(layer, 'run-2', 'west', overrides);
  expect(await move.fence()).toMatchObject({ status: 'done' });
  expect(await move.open()).toMatchObject({ status: 'done' });
  await waitUntilServing([g3], 3);
  expect((await stateOf(g3)).accepted.members).toEqual(['gw-3']);
  expect(await ask(g3, 'POST', movedUser)).toMatchObject({ status: 200, unit: 'west', epoch: 3 });
  // Back from the dead, with the old rules on disk: they learn that they are no members and stay closed.
  for (const gateway of [g1, g2]) {
    await gateway.haproxy.restart();
    await gateway.agent.restart();
  }
  await expect
    .poll(async () => (await stateOf(g1)).notRenewing, { timeout: 10_000 })
    .toBe('it was taken out of the members at epoch 3');
  expect(await ask(g1, 'POST', movedUser)).toMatchObject({ status: 503, refused: 'lease' });
  const back = await startMove(layer, 'run-3', 'east');
  expect(await back.fence()).toMatchObject({ status: 'done' });
  expect(await back.open()).toMatchObject({ status: 'done' });
  await waitUntilServing([g1, g2, g3], 5);
  for (const gateway of [g1, g2, g3]) {
    expect(await ask(gateway, 'POST', movedUser)).toMatchObject({ status: 200, unit: 'east', epoch: 5 });
  }
});

test('a table of 10,000 buckets passes through the proxy in counted pieces', async () => {
  const { layer } = await started({
    gateways: ['gw-1'],
    buckets: 10_000,
    units: { east: '0-5999', west: '6000-9999' },
  });
  const move = await startMove(layer, 'run-1', 'west');
  expect(await move.fence()).toMatchObject({ status: 'done' });
  expect(await move.open()).toMatchObject({ status: 'done' });
  const [gateway] = layer.gateways;
  const state = await stateOf(gateway as LabGateway);
  expect(state.workers.map((worker) => worker.digest)).toEqual([state.accepted.digest]);
});

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
