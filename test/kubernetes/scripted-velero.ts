import { runRestore, type RestoreOptions } from '../../activities/kubernetes/run-restore.ts';
import type { RestoreMessages, RestoreRecord, Velero } from '../../activities/kubernetes/velero.ts';
import { operationHash, operationLabel, restoreName } from '../../domain/kubernetes/restore-plan.ts';
import type { Style } from '../../domain/step.ts';
import { operation, stepTools } from './step-tools.ts';

const run = operation(4);
const labels = { [operationLabel]: operationHash(run) };
export const nameOf = (number: number) => restoreName(run, { cluster: 'west', backup: 'daily-1' }, number);
export const record = (number: number, phase: string): RestoreRecord => ({
  name: nameOf(number),
  phase,
  backup: 'daily-1',
  labels,
  items: 1,
  total: 1,
  errors: 0,
  warnings: 0,
  reason: '',
});

/** Velero as it answers: `phases` are what the first, second… Restore end as. */
export function scripted(options: {
  readonly phases: readonly string[];
  readonly missing: readonly number[];
  readonly told?: RestoreMessages;
  readonly standing?: readonly RestoreRecord[];
  readonly notReady?: number;
  /** Items that the first Restore found to do; by default there were some. */
  readonly firstTotal?: number;
  /** Whatever is at work is Completed from this many looks at it on. */
  readonly endsAfter?: number;
  /** Others' restores, at each look at them the next one; the last stays. */
  readonly others?: readonly RestoreRecord[];
  /** Somebody else's POST of the same name comes first. */
  readonly isMadeByTwin?: boolean;
  readonly style?: Style;
  readonly mayStill?: () => Promise<void>;
}) {
  let clockMs = 0;
  const others = [...(options.others ?? [])];
  const restores = new Map((options.standing ?? []).map((one) => [one.name, one]));
  const created: string[] = [];
  const missing = [...options.missing];
  let looks = 0;
  let looksAtRestores = 0;
  const velero: Velero = {
    location: async () => {
      looks += 1;
      const isReady = looks > (options.notReady ?? 0);
      const phase = isReady ? 'Available' : 'Unavailable';
      return { phase, message: '', lastSyncedAt: '', lookedAt: 0 };
    },
    knowsBackup: async () => true,
    restores: async () => {
      const other = others.length > 1 ? others.shift() : others[0];
      return [...restores.values(), ...(other === undefined ? [] : [other])];
    },
    restore: async (name) => {
      const found = restores.get(name);
      looksAtRestores += 1;
      const hasEnded = found?.phase === 'InProgress' && looksAtRestores > (options.endsAfter ?? 0);
      return hasEnded ? { ...found, phase: 'Completed' } : found;
    },
    createRestore: async (name) => {
      if (options.isMadeByTwin === true) {
        restores.set(name, { ...record(0, 'InProgress'), name });
        return false;
      }
      const total = created.length === 0 ? (options.firstTotal ?? 1) : 1;
      restores.set(name, { ...record(0, options.phases[created.length] ?? 'Completed'), name, total });
      created.push(name);
      return true;
    },
  };
  const items = (count: number) =>
    Array.from({ length: count }, (_, index) => ({ resource: 'roles', name: `r${index}`, labels: {} }));
  const cluster = { velero: { namespace: 'velero' } };
  const parameters = { clusterName: 'west', cluster, timeoutMs: 600_000, stuckMs: 300_000, attempts: 3 };
  const given: RestoreOptions = {
    operation: run,
    style: options.style ?? 'graceful',
    deadline: 600_000,
    mayStill: options.mayStill ?? (async () => undefined),
    parameters: parameters as unknown as RestoreOptions['parameters'],
    backup: 'daily-1',
    missing: items(2),
    scope: {},
    stillMissing: async () => items(missing.shift() ?? 0),
    messagesOf: async () => options.told ?? { messages: [] },
    tools: {
      ...stepTools(),
      now: () => clockMs,
      sleep: async (ms) => {
        clockMs += ms;
      },
    },
  };
  return { created, looks: () => looks, clockMs: () => clockMs, restored: () => runRestore(velero, given) };
}
