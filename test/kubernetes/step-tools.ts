import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StepTools } from '../../activities/tools.ts';
import type { Json } from '../../domain/json.ts';
import type { Operation } from '../../domain/operation.ts';
import type { StepInput, StepMode, Style } from '../../domain/step.ts';
import { kubernetesSchema, type KubernetesCluster } from '../../domain/schema/kubernetes.ts';

/** Tools without Temporal; `points` and `heartbeats` show what a step told its surroundings. */
export function stepTools(
  options: { readonly reached?: (point: string) => Promise<void> | void } = {},
): StepTools & { readonly points: string[]; readonly heartbeats: Json[] } {
  const points: string[] = [];
  const heartbeats: Json[] = [];
  const silent = () => undefined;
  return {
    points,
    heartbeats,
    log: { debug: silent, info: silent, warn: silent, error: silent },
    signal: new AbortController().signal,
    heartbeat: (details) => void heartbeats.push(details ?? null),
    now: () => Date.now(),
    sleep: (ms) => sleep(ms),
    secret: (reference) => readFile(reference.replace(/^file:/, ''), 'utf8'),
    reached: async (point) => {
      points.push(point);
      await options.reached?.(point);
    },
  };
}

/** Tools of a worker that dies where a step reaches the point: no outcome of this attempt is ever reported. */
export const dyingAt = (point: string): StepTools =>
  stepTools({
    reached: (passed) => {
      if (passed === point) throw new Error(`died at ${point}`);
    },
  });

export const operation = (epoch: number, id = `run-${epoch}`): Operation => ({
  id,
  domain: 'shop',
  epoch,
  reason: 'test',
  by: 'test',
});

export interface StepInputOptions {
  readonly operation?: Operation;
  readonly step?: string;
  readonly mode?: StepMode;
  readonly style?: Style;
  readonly snapshot?: Json;
  readonly overrides?: { readonly [name: string]: string };
}

export function stepInput<Parameters>(
  parameters: Parameters,
  options: StepInputOptions = {},
): StepInput<Parameters> {
  const {
    operation: given,
    step = 'test',
    mode = 'apply',
    style = 'graceful',
    snapshot,
    overrides,
  } = options;
  return {
    operation: given ?? operation(2),
    step,
    mode,
    style,
    parameters,
    ...(snapshot === undefined ? {} : { snapshot }),
    ...(overrides === undefined ? {} : { overrides }),
  };
}

/** An inventory entry for a cluster of the lab, as the product's own identity. */
export function inventoryCluster(
  cluster: { readonly kubeconfig: (identity: string) => string },
  more: Readonly<Record<string, unknown>> = {},
): KubernetesCluster {
  const entry = { site: 'west', kubeconfig: `file:${cluster.kubeconfig('orchestrator')}`, ...more };
  const parsed = kubernetesSchema.parse({ clusters: { west: entry } }).clusters['west'];
  if (parsed === undefined) throw new Error('no cluster');
  return parsed;
}
