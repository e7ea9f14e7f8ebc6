import { ModelGateway } from './agent.ts';
import type { Message } from './messages.ts';
import type { World } from './world.ts';

/** Something that may happen next; the higher its weight the more often it does. */
export interface Action {
  readonly weight: number;
  run(): void;
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

export function actionsIn(world: World, tempo: Tempo): readonly Action[] {
  const pass = (ms: number) => () => {
    world.time += ms;
  };
  return [
    { weight: 6, run: pass(tempo.stepMs) },
    { weight: 6, run: pass(4 * tempo.stepMs) },
    { weight: 3, run: pass(15 * tempo.stepMs) },
    ...messageActions(world),
    ...world.gateways.flatMap((gateway) => gatewayActions(world, gateway)),
    ...world.orchestrators.flatMap((orchestrator, index) => [
      { weight: tempo.orchestrators[index] ?? 1, run: () => world.smoothly(orchestrator) },
      { weight: 2, run: () => world.sendRequests(orchestrator) },
      { weight: 3, run: () => world.proceed(orchestrator) },
      { weight: 1, run: () => orchestrator.restartStep() },
      { weight: 1, run: () => orchestrator.abort() },
    ]),
    { weight: 1, run: () => cutSomebody(world) },
    { weight: 1, run: () => world.heal() },
  ];
}

function messageActions(world: World): readonly Action[] {
  const { inFlight, pick } = world;
  const deliver = (message: Message) => () => {
    world.inFlight = world.inFlight.filter((one) => one !== message);
    world.deliver(message);
  };
  const actions: Action[] = inFlight
    .filter(({ to }) => !(to instanceof ModelGateway && to.isPaused))
    .map((message) => ({ weight: 3, run: deliver(message) }));
  if (inFlight.length > 12) {
    const lose = () => void inFlight.splice(pick(inFlight.length), 1);
    const repeat = () => void inFlight.push(inFlight[pick(inFlight.length)] as Message);
    actions.push({ weight: 6, run: lose }, { weight: 2, run: repeat });
  }
  return actions;
}

function gatewayActions(world: World, gateway: ModelGateway): readonly Action[] {
  const change = (what: string, act: () => void) => () => {
    act();
    world.log(`${gateway.name} ${what}`);
  };
  if (!gateway.isUp) return [{ weight: 3, run: change('restarts', () => gateway.restart(world.time)) }];
  if (gateway.isPaused) return [{ weight: 3, run: change('resumes', () => (gateway.isPaused = false)) }];
  return [
    { weight: 1, run: change('crashes', () => gateway.crash()) },
    { weight: 1, run: change('is paused', () => (gateway.isPaused = true)) },
    { weight: 1, run: () => gateway.install() },
    { weight: gateway.workers.length < 3 ? 1 : 0, run: change('reloads', () => gateway.reload()) },
    { weight: gateway.workers.length > 1 ? 1 : 0, run: () => gateway.endOldest() },
    { weight: 6, run: () => world.renewSmoothly(gateway) },
    gateway.round === undefined
      ? { weight: 2, run: () => world.sendQuestions(gateway) }
      : { weight: 2, run: () => world.renew(gateway) },
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
