import { actionsIn, tempoOf, type Action } from './actions.ts';
import type { Mutant } from './mutants.ts';
import { startSituation } from './situations.ts';
import { World } from './world.ts';

export interface RunResult {
  /** What went wrong. */
  readonly violation?: string;
  /** What happened until then. */
  readonly trace: readonly string[];
  /** Moves that were carried through, and moves that were undone. */
  readonly opened: number;
  readonly undone: number;
}

/** Every step is one of the things that may happen next, chosen by the next number; what went wrong is told in full. */
export function runModel(choices: readonly number[], mutant?: Mutant): RunResult {
  const result = runOnce(choices, false, mutant);
  return result.violation === undefined ? result : runOnce(choices, true, mutant);
}

function runOnce(choices: readonly number[], isTraced: boolean, mutant?: Mutant): RunResult {
  let position = 0;
  const pick = (count: number): number => {
    const value = choices[position % choices.length] ?? 0;
    position += 1;
    return value % count;
  };
  const world = new World(pick, isTraced, mutant);
  const tempo = tempoOf(world);
  startSituation(world);
  const actions = actionsIn(world, tempo);
  const weights = actions.map(() => 0);
  const highest = new Map<string, number>();
  let violation: string | undefined;
  while (position < choices.length && violation === undefined) {
    draw(actions, weights, pick);
    violation = world.violation();
    if (mutant === undefined) violation ??= wentBack(world, highest);
  }
  return {
    ...(violation === undefined ? {} : { violation }),
    trace: world.trace,
    opened: world.orchestrators.reduce((sum, one) => sum + one.opened, 0),
    undone: world.orchestrators.reduce((sum, one) => sum + one.undone, 0),
  };
}

/** @param weights scratch space, as long as the actions */
function draw(actions: readonly Action[], weights: number[], pick: (count: number) => number): void {
  let all = 0;
  for (const [index, action] of actions.entries()) all += weights[index] = action.weight();
  let ticket = pick(all);
  for (const [index, weight] of weights.entries()) {
    if (ticket < weight) return actions[index]?.run(ticket);
    ticket -= weight;
  }
}

function wentBack(world: World, highest: Map<string, number>): string | undefined {
  for (const { name, record } of world.gateways) {
    const { epoch } = record.accepted;
    if ((highest.get(name) ?? 0) > epoch) return `${name} went back to epoch ${epoch}`;
    highest.set(name, epoch);
  }
  return undefined;
}
