import { isTakeOver } from '../../domain/kubernetes/decide-apply.ts';
import type { ApplyManifestsParameters } from '../../domain/kubernetes/parameters.ts';
import type { StepInput } from '../../domain/step.ts';
import { StepRefused, type Applied } from '../define-step.ts';
import type { StepTools } from '../tools.ts';
import { openStore } from './manifest-store.ts';
import { refuseDenied } from './refuse-denied.ts';

type Input = StepInput<ApplyManifestsParameters>;

/**
 * Keeps the cluster that is left from overwriting what is about to be applied: it may come back at any moment, with a
 * schedule that records it. In an emergency a store that takes no write stops nothing; a person hears of it.
 * @throws StepRefused where somebody of a later epoch, or a twin, has the store
 */
export async function fenceStore(
  input: Input,
  tools: StepTools,
): Promise<Required<Pick<Applied, 'details' | 'leftToDo'>>> {
  const { operation, parameters, style } = input;
  const { clusterName, storeName } = parameters;
  if (!isTakeOver(parameters)) return { details: [], leftToDo: [] };
  await tools.reached('applyManifests:fence:before');
  let refused: string | undefined;
  try {
    refused = await claimed(input, tools);
  } catch (error) {
    if (style !== 'forced' || tools.signal.aborted) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const todo = `${storeName} is not fenced (${why}): until ${clusterName} is recorded, stop whatever records the cluster that was left, should it come back`;
    return { details: [], leftToDo: [todo] };
  }
  if (refused !== undefined) throw new StepRefused([`manifest store ${storeName}: ${refused}`]);
  await tools.reached('applyManifests:fence:after');
  const done = `${storeName}: at epoch ${operation.epoch} only captures of ${clusterName} count, earlier ones none`;
  return { details: [done], leftToDo: [] };
}

const claimed = refuseDenied(async ({ operation, parameters }: Input, tools: StepTools) => {
  const store = await openStore(parameters.store, tools);
  const { epoch, id } = operation;
  return store.claim({ epoch, operation: id, cluster: parameters.clusterName });
});
