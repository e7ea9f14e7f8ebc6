import { ModelGateway } from './agent.ts';
import type { ModelOrchestrator } from './orchestrator.ts';
import type { World } from './world.ts';

/** Something that may happen next; the higher its weight the more often it does, and 0 is never. */
export interface Action {
  readonly weight: () => number;
  /** @param ticket which of the tickets from 0 to weight - 1 was drawn */
  run(ticket: number): void;
}

/** How fast time passes and who is busy: different in each run. */
export interface Tempo {
  readonly stepMs: number;
  readonly orchestrators: readonly number[];
}

export const tempoOf = ({ pick }: World): Tempo => ({
  stepMs: [10, 40][pick(2)] ?? 10,
  orchestrators: [pick(2), pick(2)].map((busy) => [2, 30][busy] ?? 2),
});

const always = (weight: number) => () => weight;

/** Made once a run, because a run is hundreds of draws. */
export function actionsIn(world: World, tempo: Tempo): readonly Action[] {
  const pass = (ms: number) => () => {
    world.time += ms;
  };
  return [
    { weight: always(6), run: pass(tempo.stepMs) },
    { weight: always(6), run: pass(4 * tempo.stepMs) },
    { weight: always(3), run: pass(15 * tempo.stepMs) },
    ...messageActions(world),
    ...world.gateways.flatMap((gateway) => gatewayActions(world, gateway)),
    ...world.orchestrators.flatMap((orchestrator, index) =>
      orchestratorActions(world, orchestrator, tempo.orchestrators[index] ?? 1),
    ),
    { weight: always(1), run: () => cutSomebody(world) },
    { weight: always(1), run: () => world.heal() },
  ];
}

function messageActions(world: World): readonly Action[] {
  const { pick } = world;
  const isWaiting = ({ to }: World['inFlight'][number]) => !(to instanceof ModelGateway && to.isPaused);
  const waiting = () => world.inFlight.filter(isWaiting);
  const crowded = (weight: number) => () => (world.inFlight.length > 12 ? weight : 0);
  return [
    {
      weight: () => world.inFlight.reduce((sum, message) => (isWaiting(message) ? sum + 3 : sum), 0),
      run: (ticket) => {
        const message = waiting()[Math.floor(ticket / 3)];
        if (message === undefined) return;
        world.inFlight = world.inFlight.filter((one) => one !== message);
        world.deliver(message);
      },
    },
    { weight: crowded(6), run: () => void world.inFlight.splice(pick(world.inFlight.length), 1) },
    {
      weight: crowded(2),
      run: () => {
        const repeated = world.inFlight[pick(world.inFlight.length)];
        if (repeated !== undefined) world.inFlight.push(repeated);
      },
    },
  ];
}

const orchestratorActions = (
  world: World,
  orchestrator: ModelOrchestrator,
  busy: number,
): readonly Action[] => [
  { weight: always(busy), run: () => world.smoothly(orchestrator) },
  { weight: always(2), run: () => world.sendRequests(orchestrator) },
  { weight: always(3), run: () => world.proceed(orchestrator) },
  { weight: always(1), run: () => orchestrator.restartStep() },
  { weight: always(1), run: () => orchestrator.abort() },
];

function gatewayActions(world: World, gateway: ModelGateway): readonly Action[] {
  const change = (what: string, act: () => void) => () => {
    act();
    world.log(() => `${gateway.name} ${what}`);
  };
  const running = (weight: number, isSo: () => boolean = () => true) => {
    return () => (gateway.isRunning && isSo() ? weight : 0);
  };
  return [
    {
      weight: () => (gateway.isUp ? 0 : 3),
      run: change('restarts', () => gateway.restart(world.time)),
    },
    {
      weight: () => (gateway.isUp && gateway.isPaused ? 3 : 0),
      run: change('resumes', () => (gateway.isPaused = false)),
    },
    { weight: running(1), run: change('crashes', () => gateway.crash()) },
    { weight: running(1), run: change('is paused', () => (gateway.isPaused = true)) },
    { weight: running(1), run: () => gateway.install() },
    {
      weight: running(1, () => gateway.workers.length < 3),
      run: change('reloads', () => gateway.reload()),
    },
    { weight: running(1, () => gateway.workers.length > 1), run: () => gateway.endOldest() },
    { weight: running(6), run: () => world.renewSmoothly(gateway) },
    {
      weight: running(2),
      run: () => {
        if (gateway.round === undefined) world.sendQuestions(gateway);
        else world.renew(gateway);
      },
    },
  ];
}

function cutSomebody(world: World): void {
  const { gateways, orchestrators, pick } = world;
  const everyone = [...gateways, ...orchestrators];
  const gateway = gateways[pick(gateways.length)];
  const other = everyone[pick(everyone.length)];
  if (gateway === undefined || other === undefined) return;
  if (pick(3) === 0) everyone.forEach((one) => world.cut(gateway, one));
  else world.cut(gateway, other);
}
