import { Context } from '@temporalio/activity';
import { messageOf } from '../domain/error-message.ts';
import type { ObservedTopology } from '../domain/plan.ts';
import { findPrimary } from '../domain/promotion/find-primary.ts';
import { isReached } from '../domain/promotion/facts.ts';
import type { RunRequest } from '../domain/run.ts';
import { resolveParameters } from '../domain/runbook-parameters.ts';
import { checkReferences } from '../domain/schema/check-references.ts';
import type { DatabaseCluster, Inventory } from '../domain/schema/inventory.ts';
import { namedFailure } from './named-failure.ts';
import { observeClusterNodes } from './observe-databases.ts';
import { observeRouting, type ObservedRouting } from './observe-routing.ts';
import { readInventory, readRunbook, type SourceFiles } from './read-sources.ts';
import { contextTools, heartbeating, type StepSurroundings } from './step-activity.ts';
import type { StepTools } from './tools.ts';

export type ObserveTopology = (input: { readonly request: RunRequest }) => Promise<ObservedTopology>;

/** Looks at every layer at once. What cannot be read is a gap in the picture, never a reason to stop: sites fail. */
export const observeTopologyWith =
  (files: SourceFiles, surroundings: StepSurroundings): ObserveTopology =>
  async ({ request }) => {
    const inventory = await readCheckedInventory(files, request);
    const context = Context.current();
    return heartbeating(context, async (heartbeat) => {
      const tools = contextTools(context, {}, surroundings, heartbeat);
      const [clusters, { routing, gaps }] = await Promise.all([
        Promise.all(
          Object.entries(inventory.databases).map(([name, cluster]) => observe(name, cluster, tools)),
        ),
        observeGateways(inventory, tools),
      ]);
      const epochs = clusters.flatMap(({ epochs = [] }) => epochs);
      return {
        databases: Object.assign(
          {},
          ...clusters.map(({ observed = {} }) => observed),
        ) as ObservedTopology['databases'],
        ...(routing === undefined ? {} : { routing }),
        ...(epochs.length === 0 ? {} : { floorEpoch: Math.max(...epochs) }),
        gaps: [...gaps, ...clusters.flatMap(({ gap = [] }) => gap)].map((sentence) =>
          surroundings.redact(sentence),
        ),
      };
    });
  };

/** A mistake in a file, in the request or between them ends the run before anybody is asked. */
async function readCheckedInventory(files: SourceFiles, request: RunRequest): Promise<Inventory> {
  const { value: inventory } = await readInventory(files);
  const runbook = await readRunbook(files, request.runbook);
  const { problems } = resolveParameters(runbook, request, Object.keys(inventory.sites));
  const all = [...problems, ...checkReferences(runbook, inventory, request.style ?? 'graceful')];
  if (all.length > 0) throw namedFailure('PlanRefused', all.map(({ message }) => message).join('\n'));
  return inventory;
}

/** Databases and gateways that do not answer are part of what is returned; this is for what the reading itself meets. */
async function observe(name: string, cluster: DatabaseCluster, tools: StepTools) {
  try {
    const nodes = await observeClusterNodes(cluster, tools);
    return {
      observed: { [name]: findPrimary(nodes, cluster.nodes) },
      epochs: nodes.filter(isReached).flatMap(({ journal }) => journal.map(({ epoch }) => epoch)),
    };
  } catch (error) {
    tools.signal.throwIfAborted();
    return { gap: [`database ${name} could not be observed: ${messageOf(error)}`] };
  }
}

async function observeGateways(inventory: Inventory, tools: StepTools): Promise<ObservedRouting> {
  const { routing, gateways, gatewayTls } = inventory;
  if (routing === undefined) return { gaps: [] };
  return observeRouting(
    { routing, gateways, ...(gatewayTls === undefined ? {} : { tls: gatewayTls }) },
    tools,
  );
}
