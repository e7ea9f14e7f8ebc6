import { Context } from '@temporalio/activity';
import type { ObservedCluster, ObservedTopology } from '../domain/plan.ts';
import type { RunRequest } from '../domain/run.ts';
import type { DatabaseCluster, Inventory } from '../domain/schema/inventory.ts';
import { readInventory, type SourceFiles } from './read-sources.ts';
import { contextTools, heartbeating, type StepSurroundings } from './step-activity.ts';
import type { StepTools } from './tools.ts';

export type ObserveTopology = (input: { readonly request: RunRequest }) => Promise<ObservedTopology>;

/** How each layer is looked at; a layer that cannot be read is a gap in the picture, never a reason to stop. */
export interface TopologyObservers {
  readonly observeCluster: (
    name: string,
    cluster: DatabaseCluster,
    tools: StepTools,
  ) => Promise<ObservedCluster>;
  readonly observeRouting: (
    inventory: Inventory,
    tools: StepTools,
  ) => Promise<{
    readonly routing?: NonNullable<ObservedTopology['routing']>;
    readonly gaps: readonly string[];
  }>;
}

export const observeTopologyWith =
  (files: SourceFiles, observers: TopologyObservers, surroundings: StepSurroundings): ObserveTopology =>
  async () => {
    const { value: inventory } = await readInventory(files);
    const context = Context.current();
    return heartbeating(context, async (heartbeat) => {
      const tools = contextTools(context, {}, surroundings, heartbeat);
      const [databases, { routing, gaps }] = await Promise.all([
        observeDatabases(inventory, observers, tools),
        observers.observeRouting(inventory, tools),
      ]);
      const seen = databases.flatMap(([name, cluster]) =>
        typeof cluster === 'string' ? [] : [[name, cluster] as const],
      );
      const unseen = databases.flatMap(([, cluster]) => (typeof cluster === 'string' ? [cluster] : []));
      return {
        databases: Object.fromEntries(seen),
        ...(routing === undefined ? {} : { routing }),
        gaps: [...gaps, ...unseen].map((gap) => surroundings.redact(gap)),
      };
    });
  };

/** Each cluster as observed, or the sentence why it could not be. */
async function observeDatabases(
  { databases }: Inventory,
  { observeCluster }: TopologyObservers,
  tools: StepTools,
): Promise<readonly (readonly [string, ObservedCluster | string])[]> {
  return Promise.all(
    Object.entries(databases).map(async ([name, cluster]) => {
      try {
        return [name, await observeCluster(name, cluster, tools)] as const;
      } catch (error) {
        tools.signal.throwIfAborted();
        return [name, `database ${name} could not be observed: ${String(error)}`] as const;
      }
    }),
  );
}
