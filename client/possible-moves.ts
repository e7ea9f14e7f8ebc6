import { compilePlan } from '../domain/compile.ts';
import type { ObservedTopology } from '../domain/plan.ts';
import type { LeftOutStep } from '../domain/run.ts';
import { movesNothing } from '../domain/step-kinds.ts';
import type { Inventory } from '../domain/schema/inventory.ts';
import type { Loaded } from '../domain/schema/load.ts';
import type { Runbook } from '../domain/schema/runbook.ts';

/** Whether a runbook would compile for two sites, if everything that can be in `from` were there. */
export interface PossibleMove {
  readonly runbook: string;
  readonly from: string;
  readonly to: string;
  readonly isPossible: boolean;
  /** It only looks or records: nothing is moved by it. */
  readonly movesNothing: boolean;
  /** One of its steps brings a database up elsewhere, and stands for something here. */
  readonly promotes: boolean;
  /** In the order of the file, as problems count them. */
  readonly stepIds: readonly string[];
  /** Steps of the runbook that stand for nothing here. */
  readonly leftOut: readonly LeftOutStep[];
  /** Why not, as the compiler says it. */
  readonly because: readonly string[];
}

/** Each runbook that needs nothing but two sites, for each pair of sites that serve something. */
export function possibleMoves(
  inventory: Loaded<Inventory>,
  runbooks: readonly Loaded<Runbook>[],
): readonly PossibleMove[] {
  const sites = servingSites(inventory.value);
  const pairs = sites.flatMap((from) => sites.filter((to) => to !== from).map((to) => ({ from, to })));
  return runbooks
    .filter(needsSitesOnly)
    .flatMap((runbook) => pairs.map((pair) => tryMove(inventory, runbook, pair.from, pair.to)));
}

function tryMove(
  inventory: Loaded<Inventory>,
  runbook: Loaded<Runbook>,
  from: string,
  to: string,
): PossibleMove {
  const request = { runbook: runbook.value.name, from, to };
  const result = compilePlan({ runbook, inventory, request, observed: everythingAt(from, inventory.value) });
  return {
    ...request,
    isPossible: result.ok,
    movesNothing: movesNothing(runbook.value.steps.map(({ uses }) => uses)),
    promotes: result.ok && result.plan.steps.some(({ kind }) => kind === 'promoteDatabase'),
    stepIds: runbook.value.steps.map(({ id }) => id),
    leftOut: result.ok ? (result.plan.leftOut ?? []) : [],
    because: result.ok ? [] : result.problems.map((problem) => problem.message),
  };
}

function needsSitesOnly({ value: { parameters } }: Loaded<Runbook>): boolean {
  const required = Object.entries(parameters).filter(([, parameter]) => parameter.required);
  return (
    'from' in parameters && 'to' in parameters && required.every(([name]) => name === 'from' || name === 'to')
  );
}

function servingSites({ sites, databases, routing, kubernetes }: Inventory): readonly string[] {
  const nodes = Object.values(databases).flatMap(({ nodes }) => Object.values(nodes));
  const units = Object.values(routing?.units ?? {});
  const members = [...nodes, ...units, ...Object.values(kubernetes?.clusters ?? {})];
  return Object.keys(sites).filter((site) => members.some((member) => member.site === site));
}

/** Primaries in `site` where a node may be primary there, elsewhere at the first node; buckets at home. */
function everythingAt(site: string, { databases }: Inventory): ObservedTopology {
  const clusters = Object.entries(databases).map(([name, { nodes }]) => {
    const promotable = Object.entries(nodes).filter(([, node]) => !node.neverPromote);
    const [primary, node] = promotable.find(([, { site: at }]) => at === site) ?? promotable[0] ?? [];
    return [
      name,
      {
        ...(primary === undefined || node === undefined ? {} : { primary, primarySite: node.site }),
        primaryReachable: true,
        because: ['assumed by the check'],
      },
    ] as const;
  });
  return { databases: Object.fromEntries(clusters), gaps: [] };
}
