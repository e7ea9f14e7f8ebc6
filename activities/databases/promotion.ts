import type { ObservedPromotion } from '../../domain/promotion/observed-promotion.ts';
import { pointName } from '../../domain/promotion/points.ts';
import type { Json } from '../../domain/json.ts';
import type { Evidence, StepInput } from '../../domain/step.ts';
import type { PromoteDatabaseParameters } from '../../domain/step-parameters.ts';
import { StepRefused } from '../define-step.ts';
import type { StepTools } from '../tools.ts';
import type { ClusterSessions } from './cluster-sessions.ts';
import type { DatabaseConnection } from './connection.ts';
import type { ReceivedNote, ReplicationSource } from './driver.ts';

/** One attempt at a promotion: its sessions (locked), what it saw under the lock, and what it found out on the way. */
export interface Promotion {
  readonly input: StepInput<PromoteDatabaseParameters>;
  readonly tools: StepTools;
  readonly sessions: ClusterSessions;
  readonly observed: ObservedPromotion;
  /** Resolved once, ahead of everything that users wait for. */
  readonly replicationPassword: string;
  readonly evidence: Evidence[];
  readonly details: string[];
  readonly leftToDo: string[];
  readonly durationsMs: Record<string, number>;
}

/** Runs one statement group between its two points. */
export async function at<Result>(
  { tools }: Pick<Promotion, 'tools'>,
  point: string,
  work: () => Promise<Result>,
): Promise<Result> {
  await tools.reached(pointName(`before-${point}`));
  const result = await work();
  await tools.reached(pointName(`after-${point}`));
  return result;
}

export function sessionTo({ sessions }: Pick<Promotion, 'sessions'>, node: string): DatabaseConnection {
  const connection = sessions.reached.get(node);
  if (connection === undefined)
    throw new StepRefused([`${node} cannot be reached: ${sessions.lost.get(node) ?? ''}`]);
  return connection;
}

export function sourceAt(
  { sessions, replicationPassword }: Pick<Promotion, 'sessions' | 'replicationPassword'>,
  node: string,
): ReplicationSource {
  const { cluster } = sessions;
  const address = cluster.nodes[node];
  if (address === undefined) throw new Error(`the cluster has no node ${node}`);
  const { host, port } = address;
  return { host, port, user: cluster.replication.user, password: replicationPassword };
}

export const noteOf = ({ sessions, input }: Pick<Promotion, 'sessions' | 'input'>): ReceivedNote => ({
  schema: sessions.cluster.journalSchema,
  epoch: input.operation.epoch,
  operation: input.operation.id,
});

export function found({ evidence }: Promotion, what: string, value: Json, source: string): void {
  evidence.push({ what, value, source });
}

/** The one waiting loop of this folder: asks, beats, and says at the end what was seen last. */
export async function pollUntil(
  { tools }: Pick<Promotion, 'tools'>,
  options: { readonly what: string; readonly withinMs: number; readonly everyMs: number },
  check: () => Promise<string | undefined>,
): Promise<string | undefined> {
  const deadline = tools.now() + options.withinMs;
  for (;;) {
    const problem = await check();
    if (problem === undefined) return undefined;
    if (tools.signal.aborted) throw new Error(`interrupted while waiting until ${options.what}`);
    if (tools.now() >= deadline)
      return `waited ${options.withinMs} ms until ${options.what}; seen: ${problem}`;
    await tools.sleep(options.everyMs);
  }
}
