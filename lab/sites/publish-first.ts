import { readFileSync } from 'node:fs';
import { compilePlan } from '../../domain/compile.ts';
import type { ObservedCluster } from '../../domain/plan.ts';
import type { Operation } from '../../domain/operation.ts';
import type { Inventory } from '../../domain/schema/inventory.ts';
import { loadInventory, loadRunbook, type Loaded, type NotLoaded } from '../../domain/schema/load.ts';
import type { PushDatasourceParameters } from '../../domain/step-parameters.ts';
import type { StepInput } from '../../domain/step.ts';
import { runProductStep } from './run-step.ts';
import { repositoryFile } from './start-worker.ts';

const kind = 'pushDatasource';

/**
 * The first day of a deployment: the steps of `runbooks/publish-datasources.yaml` for these datasources, by the product's
 * own code, but without Temporal, which a deployment need not have yet, and under epoch 1, which no run claims.
 * @param primaries database -> the node that is open
 */
export async function publishFirst(
  inventoryFile: string,
  primaries: ReadonlyMap<string, string>,
  datasources: readonly string[],
): Promise<void> {
  if (datasources.length === 0) return;
  const inventory = loaded(loadInventory(readFileSync(inventoryFile), inventoryFile));
  const inputs = pushesOf(inventory, primaries).filter(({ parameters }) =>
    datasources.includes(parameters.name),
  );
  const outcomes = await runProductStep(kind, inputs);
  for (const [index, { parameters }] of inputs.entries()) {
    const outcome = outcomes[index];
    if (outcome?.status === 'done' || outcome?.status === 'already') continue;
    throw new Error(
      `publishing ${parameters.name} for the first time: expected done, saw ${outcome?.status ?? 'nothing'}: ${outcome?.summary ?? ''}`,
    );
  }
}

function pushesOf(
  inventory: Loaded<Inventory>,
  primaries: ReadonlyMap<string, string>,
): readonly StepInput<PushDatasourceParameters>[] {
  const file = repositoryFile('runbooks/publish-datasources.yaml');
  const runbook = loaded(loadRunbook(readFileSync(file), file));
  const databases = Object.fromEntries(
    Object.entries(inventory.value.databases).map(([name, { nodes }]): [string, ObservedCluster] => {
      const primary = primaries.get(name);
      const site = primary === undefined ? undefined : nodes[primary]?.site;
      if (primary === undefined || site === undefined) throw new Error(`${name} has no primary`);
      return [
        name,
        { primary, primarySite: site, primaryReachable: true, because: ['it was opened just now'] },
      ];
    }),
  );
  const sites = new Set(Object.values(databases).map(({ primarySite = '' }) => primarySite));
  return [...sites].flatMap((to) => {
    const request = { runbook: runbook.value.name, to, mode: 'real', reason: operation.reason } as const;
    const compiled = compilePlan({ runbook, inventory, request, observed: { databases, gaps: [] } });
    if (!compiled.ok) throw new Error(compiled.problems.map((problem) => JSON.stringify(problem)).join('\n'));
    const { domain, steps } = compiled.plan;
    return steps
      .filter((step) => step.kind === kind)
      .map(({ id, parameters }) => ({
        operation: { ...operation, domain },
        step: id,
        mode: 'apply' as const,
        style: 'graceful' as const,
        parameters: parameters as unknown as PushDatasourceParameters,
      }));
  });
}

const operation: Omit<Operation, 'domain'> = {
  id: 'day-zero',
  epoch: 1,
  reason: 'the first day of this deployment',
  by: 'lab',
};

function loaded<Value>(result: Loaded<Value> | NotLoaded): Loaded<Value> {
  if (result.ok) return result;
  throw new Error(result.problems.map((problem) => JSON.stringify(problem)).join('\n'));
}
