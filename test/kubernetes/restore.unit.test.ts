import { describe, expect, it } from 'vitest';
import { ApiError } from '../../activities/kubernetes/api-error.ts';
import type { ApiCall, KubernetesClient } from '../../activities/kubernetes/client.ts';
import { writableResources } from '../../activities/kubernetes/permissions.ts';
import { runRestore, type RestoreOptions } from '../../activities/kubernetes/run-restore.ts';
import type { RestoreMessages, RestoreRecord, Velero } from '../../activities/kubernetes/velero.ts';
import { decideRestore, type BackupObserved } from '../../domain/kubernetes/decide-restore.ts';
import { operationHash, operationLabel, restoreName } from '../../domain/kubernetes/restore-plan.ts';
import { readResults } from '../../domain/kubernetes/restore-results.ts';
import { operation, stepTools } from './step-tools.ts';

const observed = (change: Partial<BackupObserved> = {}): BackupObserved => ({
  cluster: 'west',
  stamp: null,
  location: { phase: 'Available', message: '', lastSyncedAt: '' },
  backup: { name: 'daily-1', startedAt: 0, ageMs: 3_600_000, cluster: 'east', items: 9 },
  rejected: [],
  isSynced: true,
  wanted: 9,
  missing: 9,
  missingForVelero: 3,
  firstMissing: [],
  missingByResource: { configmaps: 6, roles: 3 },
  unknownResources: [],
  cannotWrite: '',
  ...change,
});

describe('decideRestore', () => {
  const decide = (change: Partial<BackupObserved>, mode: 'apply' | 'precheck' = 'apply') =>
    decideRestore(observed(change), { operation: operation(2), mode });

  it('does not wait for Velero while there is something it can bring back without', () => {
    expect(decide({ isSynced: false }).kind).toBe('apply');
    expect(decide({ isSynced: false, missingForVelero: 9 })).toEqual({
      kind: 'wait',
      for: ['Velero on west to find daily-1 in the bucket (it looks once a minute)'],
    });
  });

  it('names in a precheck what Velero will be waited for, and never for nothing', () => {
    const location = { phase: 'Unavailable', message: 'no route to host', lastSyncedAt: '' };
    expect(decide({ location }, 'precheck')).toEqual({
      kind: 'wait',
      for: ['the backup location of west: expected Available, seen Unavailable no route to host'],
    });
    expect(decide({ location, missingForVelero: 0 }, 'precheck').kind).toBe('apply');
  });

  it('says in a precheck that the bucket takes no writes, where Velero has to write', () => {
    const cannotWrite = 'PUT /backups/restores/x: 403 AccessDenied: these credentials may not do this';
    expect(decide({ cannotWrite }, 'precheck')).toMatchObject({
      will: [
        'west: would restore 9 of 9 objects from daily-1 (1.0 h old): 6 configmaps, 3 roles',
        `Velero would call it failed if its credentials are as ours: ${cannotWrite}`,
      ],
    });
    expect(decide({ cannotWrite, missingForVelero: 0 }, 'precheck')).toMatchObject({
      will: [expect.anything()],
    });
  });
});

describe('runRestore', () => {
  const run = operation(4);
  const labels = { [operationLabel]: operationHash(run) };
  const nameOf = (number: number) => restoreName(run, { cluster: 'west', backup: 'daily-1' }, number);
  const record = (number: number, phase: string): RestoreRecord => ({
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
  function scripted(options: {
    readonly phases: readonly string[];
    readonly missing: readonly number[];
    readonly told?: RestoreMessages;
    readonly standing?: readonly RestoreRecord[];
    readonly notReady?: number;
    /** Items that the first Restore found to do; by default there were some. */
    readonly firstTotal?: number;
    /** Whatever is at work is Completed from this many looks at it on. */
    readonly endsAfter?: number;
  }) {
    const restores = new Map((options.standing ?? []).map((one) => [one.name, one]));
    const created: string[] = [];
    const missing = [...options.missing];
    let looks = 0;
    let looksAtRestores = 0;
    const velero: Velero = {
      location: async () => {
        looks += 1;
        const isReady = looks > (options.notReady ?? 0);
        return { phase: isReady ? 'Available' : 'Unavailable', message: '', lastSyncedAt: '' };
      },
      knowsBackup: async () => true,
      restores: async () => [...restores.values()],
      restore: async (name) => {
        const found = restores.get(name);
        looksAtRestores += 1;
        const hasEnded = found?.phase === 'InProgress' && looksAtRestores > (options.endsAfter ?? 0);
        return hasEnded ? { ...found, phase: 'Completed' } : found;
      },
      createRestore: async (name) => {
        const total = created.length === 0 ? (options.firstTotal ?? 1) : 1;
        restores.set(name, { ...record(0, options.phases[created.length] ?? 'Completed'), name, total });
        created.push(name);
        return true;
      },
    };
    const items = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ resource: 'roles', name: `r${index}`, labels: {} }));
    const cluster = { velero: { namespace: 'velero' } };
    const parameters = { clusterName: 'west', cluster, timeoutMs: 60_000, stuckMs: 60_000, attempts: 3 };
    const given: RestoreOptions = {
      operation: run,
      parameters: parameters as unknown as RestoreOptions['parameters'],
      backup: 'daily-1',
      missing: items(2),
      scope: {},
      stillMissing: async () => items(missing.shift() ?? 0),
      messagesOf: async () => options.told ?? { messages: [] },
      tools: { ...stepTools(), sleep: async () => undefined },
    };
    return { created, looks: () => looks, restored: () => runRestore(velero, given) };
  }
  const errors = (text: string) => ({ messages: readResults({ errors: { cluster: [text] } }) });

  it('follows to its end the Restore that it finds at work, and has no second one made', async () => {
    const standing = [record(1, 'InProgress')];
    const { created, restored } = scripted({ phases: [], missing: [0], standing, endsAfter: 4 });
    expect(await restored()).toMatchObject({ attempts: 1, restore: { phase: 'Completed' } });
    expect(created).toEqual([]);
  });

  it('begins a new attempt for what is missing because the API server was away', async () => {
    const told = errors('Post "https://10.0.0.1/": connect: connection refused');
    const { created, restored } = scripted({ phases: ['PartiallyFailed'], missing: [1, 0], told });
    expect(await restored()).toMatchObject({ attempts: 2, restore: { phase: 'Completed' } });
    expect(created).toEqual([nameOf(1), nameOf(2)]);
  });

  it('begins a new attempt when Velero did nothing at all, whatever it says: a starting server knows no roles', async () => {
    const told = errors('deployments.apps "velero" is forbidden: User "velero" cannot get resource');
    const { created, restored } = scripted({
      phases: ['PartiallyFailed'],
      missing: [1, 0],
      told,
      firstTotal: 0,
    });
    expect(await restored()).toMatchObject({ attempts: 2, restore: { phase: 'Completed' } });
    expect(created).toEqual([nameOf(1), nameOf(2)]);
  });

  it('does not try again what was refused', async () => {
    const told = errors('admission webhook "a" denied the request');
    const { created, restored } = scripted({ phases: ['PartiallyFailed'], missing: [1], told });
    expect(await restored()).toMatchObject({ attempts: 1, restore: { phase: 'PartiallyFailed' } });
    expect(created).toEqual([nameOf(1)]);
  });

  it('gives a person who retries all attempts again', async () => {
    const standing = [1, 2, 3].map((number) => record(number, 'Failed'));
    const { created, restored } = scripted({ phases: [], missing: [0], standing });
    expect(await restored()).toMatchObject({ attempts: 4 });
    expect(created).toEqual([nameOf(4)]);
  });

  it('gives up after its attempts, and names each', async () => {
    const { restored } = scripted({ phases: ['Failed', 'Failed', 'Failed'], missing: [] });
    await expect(restored()).rejects.toThrow(
      /^west: Velero did not end a restore of daily-1 in 3 attempts: .*-a1: Failed: no reason given; .*-a3: Failed/,
    );
  });

  it('creates nothing before Velero can restore: it would refuse at once, for good', async () => {
    const { looks, restored } = scripted({ phases: [], missing: [0], notReady: 3 });
    await restored();
    expect(looks()).toBe(4);
  });

  it('refuses a Restore of its name that is not its own', async () => {
    const standing = [{ ...record(1, 'InProgress'), backup: 'daily-9' }];
    await expect(scripted({ phases: [], missing: [], standing }).restored()).rejects.toThrow(
      `restore ${nameOf(1)} is not of this run: expected backup daily-1, seen backup daily-9`,
    );
  });
});

describe('writableResources', () => {
  it('asks for each kind whether it may be created and patched, and keeps those of which both is allowed', async () => {
    const asked: unknown[] = [];
    const client = {
      call: async ({ body = '' }: ApiCall) => {
        const { spec } = JSON.parse(body) as { spec: { resourceAttributes: Record<string, string> } };
        asked.push(spec.resourceAttributes);
        const { group, verb } = spec.resourceAttributes;
        return { status: { allowed: group === '' || (group === 'apps' && verb === 'create') } };
      },
    } as unknown as KubernetesClient;
    const resources = new Set(['configmaps', 'deployments.apps', 'roles.rbac.authorization.k8s.io']);
    expect([...(await writableResources(client, resources))]).toEqual(['configmaps']);
    expect(asked).toHaveLength(6);
    expect(asked).toContainEqual({ verb: 'patch', group: 'rbac.authorization.k8s.io', resource: 'roles' });
  });

  it('takes a server at its refusals that does not tell beforehand', async () => {
    const status = { code: 404, reason: 'NotFound', message: 'no such path', causes: [] };
    const client = { call: () => Promise.reject(new ApiError('west', 'POST', status)) };
    const resources = new Set(['configmaps']);
    expect([...(await writableResources(client as unknown as KubernetesClient, resources))]).toEqual([
      'configmaps',
    ]);
  });
});
