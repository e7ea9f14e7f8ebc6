import { stringify } from 'yaml';
import type { Client } from '@temporalio/client';
import { fencedTable, type RoutingTable } from '../../domain/routing.ts';
import { stampRules } from '../../domain/rules-digest.ts';
import type { StepRecord } from '../../domain/run.ts';
import type { runRunbook } from '../../workflows/run-runbook.ts';
import { stateOf, type AccessLayer } from './access-layer.ts';
import { drainEverywhere, enforceEverywhere, promiseEverywhere } from './agent-calls.ts';

export const domain = 'shop';
export const taskQueue = 'bench-flip';
export const buckets = 100;
/** They go to and fro; the rest stays in the west. */
export const movedBuckets = 60;
export const homes = { east: `0-${movedBuckets - 1}`, west: `${movedBuckets}-${buckets - 1}` } as const;

export type Unit = keyof typeof homes;

export interface Move {
  readonly layer: AccessLayer;
  readonly from: Unit;
  readonly to: Unit;
}

/** In ms, as its own side tells; what users saw of it is in the units' logs. */
export interface Flip {
  /** Of the fence; the opening is the next one. */
  readonly epoch: number;
  readonly fenceMs: number;
  readonly drainMs: number;
  readonly openMs: number;
}

/** The floor: the agents' own calls and nothing else. Nobody looks first or reads back, and nothing is undone. */
export async function flipBare({ layer, from, to }: Move): Promise<Flip> {
  const { gateways } = layer;
  const epoch = (await enforcedEpoch(layer)) + 1;
  const base = { domain, operation: `bare-${epoch}`, members: gateways.map(({ name }) => name) };
  await promiseEverywhere(gateways, { domain, epoch, operation: base.operation });
  const startedAt = performance.now();
  const fence = stampRules({ ...base, epoch, table: fencedTable(tableAt(from), tableAt(to)) });
  await enforceEverywhere(gateways, fence);
  const fencedAt = performance.now();
  await drainEverywhere(gateways, from, 1_000);
  const drainedAt = performance.now();
  await enforceEverywhere(gateways, stampRules({ ...base, epoch: epoch + 1, table: tableAt(to) }));
  return {
    epoch,
    fenceMs: fencedAt - startedAt,
    drainMs: drainedAt - fencedAt,
    openMs: performance.now() - drainedAt,
  };
}

/** The product: a runbook of the repository by the real worker, as people start it. */
export async function flipByProduct({ layer, from, to }: Move, client: Client): Promise<Flip> {
  const runbook = to === 'west' ? 'site-failover' : 'site-failback';
  const { record } = await client.workflow.execute<typeof runRunbook>('runRunbook', {
    taskQueue,
    workflowId: `flip-${performance.now()}`,
    args: [{ runbook, from, to, mode: 'real', by: 'bench', reason: 'bench' }],
  });
  if (record.outcome !== 'completed')
    throw new Error(
      `${runbook}: expected outcome completed, seen ${record.outcome}: ${(record.because ?? []).join('; ')}`,
    );
  const durations = (id: string): Record<string, number> => outcomeOf(record.steps, id).durationsMs;
  const [fence, open] = [durations('fence'), durations('open')];
  return {
    epoch: (await enforcedEpoch(layer)) - 1,
    fenceMs: fence['barrier'] ?? Number.NaN,
    drainMs: fence['drain'] ?? Number.NaN,
    openMs: open['apply'] ?? Number.NaN,
  };
}

function outcomeOf(steps: readonly StepRecord[], id: string): NonNullable<StepRecord['outcome']> {
  const outcome = steps.find((step) => step.id === id)?.outcome;
  if (outcome?.status === 'done') return outcome;
  throw new Error(`step ${id}: expected done, seen ${outcome?.status}: ${outcome?.summary}`);
}

async function enforcedEpoch({ gateways }: AccessLayer): Promise<number> {
  const states = await Promise.all(gateways.map(stateOf));
  return Math.max(...states.map(({ accepted }) => accepted.epoch));
}

const tableAt = (unit: Unit): RoutingTable =>
  Array.from({ length: buckets }, (_, bucket) => ({
    unit: bucket < movedBuckets ? unit : 'west',
    state: 'open',
  }));

/** The access layer as the product is told of it: no databases, so its runbooks are claim, fence, open and verify. */
export const inventoryOf = ({ gateways, leaseMs }: AccessLayer): string =>
  stringify({
    version: 1,
    domain,
    sites: { east: {}, west: {}, edge: {} },
    gateways: Object.fromEntries(
      gateways.map(({ name, agentUrl, endpoint }) => [name, { site: 'edge', agent: agentUrl, endpoint }]),
    ),
    routing: {
      buckets,
      header: 'x-user-id',
      leaseMs,
      units: {
        east: { site: 'east', buckets: homes.east, takenOverBy: 'west' },
        west: { site: 'west', buckets: homes.west },
      },
    },
    policy: { approval: 'never' },
  });
