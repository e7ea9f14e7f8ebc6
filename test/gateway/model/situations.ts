import type { ModelGateway } from './agent.ts';
import type { ModelOrchestrator } from './orchestrator.ts';
import type { World } from './world.ts';

/** Situations that chance alone takes long to reach; what happens from there on is left to it. */
export function startSituation(world: World): void {
  const situation = world.pick(situations.length);
  world.log(() => `situation ${situation}`);
  const [g1, g2, g3] = world.gateways as [ModelGateway, ModelGateway, ModelGateway];
  const [a, b] = world.orchestrators as [ModelOrchestrator, ModelOrchestrator];
  situations[situation]?.({ world, g1, g2, g3, a, b });
}

interface Cast {
  readonly world: World;
  readonly g1: ModelGateway;
  readonly g2: ModelGateway;
  readonly g3: ModelGateway;
  readonly a: ModelOrchestrator;
  readonly b: ModelOrchestrator;
}

const situations: readonly ((cast: Cast) => void)[] = [
  () => undefined,
  cutOffInAFence,
  (cast) => {
    // Later: its lease is about to run out, and a passes the barrier and opens as early as it may.
    const { world, g1, g2, g3, a } = cast;
    cutOffInAFence(cast);
    pass(world, 1_900, [g1, g2]);
    if (world.pick(2) === 0) world.renew(g3);
    if (world.pick(2) === 0) openAsSoonAsPossible(world, a);
  },
  promisedToAnother,
  forgetful,
  undoneWhileOneIsAway,
  undoneAfterOneHasOpened,
];

/** g3 is cut off in the middle of a fence, with the answers to its last questions in hand. */
function cutOffInAFence({ world, g1, g2, g3, a, b }: Cast): void {
  until(world, a, 'fence');
  world.renewSmoothly(g3);
  world.hearPeers(g3);
  for (const other of [g1, g2, a, b]) world.cut(g3, other);
  world.smoothly(a);
}

function openAsSoonAsPossible(world: World, orchestrator: ModelOrchestrator): void {
  for (let looks = 0; orchestrator.opened === 0 && looks < 60; looks += 1) {
    if (orchestrator.phase === 'fence') world.time += 20;
    world.smoothly(orchestrator);
  }
}

/** g3 has promised to b, who reaches nobody else, and cannot follow a. */
function promisedToAnother({ world, g3, a, b }: Cast): void {
  until(world, a, 'look to fence');
  until(world, b, 'claim');
  const request = b.requestTo(g3.name);
  if (request?.kind === 'promise') g3.promise(request.epoch, request.operation, world.time);
  world.cut(g3, a);
  for (const gateway of world.gateways) world.cut(b, gateway);
  world.smoothly(a);
  world.smoothly(a);
}

/** a and b share g2 only, and g2 is started anew between its promise to b and the fence of a. */
function forgetful({ world, g1, g2, g3, a, b }: Cast): void {
  until(world, a, 'fence');
  world.cut(b, g1);
  until(world, b, 'fence');
  world.cut(a, g3);
  g2.crash();
  g2.restart(world.time);
  world.smoothly(a);
  pass(world, 2_400, [g1]);
  until(world, a, 'open');
  world.smoothly(b);
  world.renewSmoothly(g2);
  world.renewSmoothly(g3);
}

/** a has passed its fence, is aborted, and g3 has not heard of the fence that undoes it. */
function undoneWhileOneIsAway({ world, g3, a, b }: Cast): void {
  until(world, a, 'look to open');
  world.cut(g3, a);
  if (world.pick(2) === 0) world.cut(g3, b);
  a.abort();
  until(world, a, 'undo fence');
  world.smoothly(a);
}

/** g1 has taken the opening, a has not heard of it and is aborted: what is undone now must wait for g1. */
function undoneAfterOneHasOpened({ world, g1, a }: Cast): void {
  until(world, a, 'open');
  const request = a.requestTo(g1.name);
  if (request?.kind === 'offer' && g1.offer(request.rules, world.time)) g1.install();
  world.renewSmoothly(g1);
  world.cut(g1, a);
  a.restartStep();
  a.abort();
  if (world.pick(2) === 0) until(world, a, 'undo fence');
}

function until(world: World, orchestrator: ModelOrchestrator, phase: ModelOrchestrator['phase']): void {
  for (let tries = 0; orchestrator.phase !== phase && tries < 20; tries += 1) world.smoothly(orchestrator);
}

function pass(world: World, ms: number, serving: readonly ModelGateway[]): void {
  for (let passed = 0; passed < ms; passed += 100) {
    world.time += 100;
    for (const gateway of serving) world.renewSmoothly(gateway);
  }
}
