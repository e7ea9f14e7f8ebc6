import type { ActivityOptions } from '@temporalio/workflow';
import { nonRetryableFailures } from '../domain/failures.ts';
import type {
  ApplyManifestsParameters,
  RestoreBackupParameters,
  ScaleOutNodesParameters,
} from '../domain/kubernetes/parameters.ts';
import type { PlanStep } from '../domain/plan.ts';
import type { PromoteDatabaseParameters, PushDatasourceParameters } from '../domain/step-parameters.ts';

/**
 * How soon a killed worker is noticed. The wrapper beats every second, so five seconds mean that four beats in a row
 * were lost; together with the first back-off the step runs again within ten seconds.
 */
const heartbeatTimeoutMs = 5_000;

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;

/**
 * Per-attempt and total bounds, in milliseconds, and how often an attempt is made before the step parks. The totals are
 * long on purpose: while no worker runs at all nothing should give up, and where one runs the attempts end it.
 */
interface TimeoutProfile {
  readonly attemptMs: number;
  readonly totalMs: number;
  readonly attempts: number;
}

const profiles = {
  /** Reading files and asking Temporal: quick, or broken. */
  local: { attemptMs: 10 * second, totalMs: hour, attempts: 4 },
  /** Observing targets without touching them. Half of them may be dead: their time-outs add up. */
  look: { attemptMs: minute, totalMs: hour, attempts: 3 },
  /**
   * Switching something in seconds. An attempt may wait a minute for its condition; eight attempts outlast a worker that
   * is killed again and again.
   */
  switching: { attemptMs: 3 * minute, totalMs: 2 * hour, attempts: 8 },
} as const satisfies { readonly [name: string]: TimeoutProfile };

export type TimeoutProfileName = keyof typeof profiles;

export function activityOptions(profile: TimeoutProfileName, extraMs = 0): ActivityOptions {
  const { attemptMs, totalMs, attempts } = profiles[profile];
  return {
    startToCloseTimeout: attemptMs + extraMs,
    scheduleToCloseTimeout: totalMs + attempts * extraMs,
    heartbeatTimeout: heartbeatTimeoutMs,
    retry: {
      initialInterval: 500,
      backoffCoefficient: 2,
      maximumInterval: 5 * second,
      maximumAttempts: attempts,
      nonRetryableErrorTypes: [...nonRetryableFailures],
    },
  };
}

/** Manifests are applied in stages, and each of them may need its whole time to become ready. */
const longestStages = 8;

/** Reads and compares every object of a cluster: thousands, through limits that the server sets. */
const wholeClusterMs = 5 * minute;

/** Waits that a step's own parameters allow on top of the profile: an attempt must not be cut off in one of them. */
export function allowedWaitMs(step: PlanStep): number {
  const parameters = step.parameters as unknown;
  switch (step.kind) {
    case 'promoteDatabase': {
      const { cluster } = parameters as PromoteDatabaseParameters;
      return cluster.freezeTimeoutMs + 2 * cluster.catchUpTimeoutMs;
    }
    case 'pushDatasource':
      // Centers, a canary, another one when it died, and everyone.
      return 4 * (parameters as PushDatasourceParameters).datasource.ackTimeoutMs;
    case 'applyManifests':
      return wholeClusterMs + longestStages * (parameters as ApplyManifestsParameters).readyTimeoutMs;
    case 'scaleOutNodes': {
      const { pool, hook } = parameters as ScaleOutNodesParameters;
      return pool.deadlineMs + (hook?.timeoutMs ?? 0);
    }
    case 'restoreBackup':
      // Besides Velero's turns, which the time-out ends: definitions, and looks at all that the backup holds.
      return wholeClusterMs + (parameters as RestoreBackupParameters).timeoutMs;
    case 'captureManifests':
      return wholeClusterMs;
    case 'rehearseKubernetes':
      return 2 * wholeClusterMs;
    default: {
      const { timeoutMs } = (parameters ?? {}) as { readonly timeoutMs?: unknown };
      return typeof timeoutMs === 'number' ? timeoutMs : 0;
    }
  }
}
