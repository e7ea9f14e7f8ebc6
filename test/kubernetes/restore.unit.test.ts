import { describe, expect, it } from 'vitest';
import { ApiError } from '../../activities/kubernetes/api-error.ts';
import type { ApiCall, KubernetesClient } from '../../activities/kubernetes/client.ts';
import { writableResources } from '../../activities/kubernetes/permissions.ts';
import { decideRestore, type BackupObserved } from '../../domain/kubernetes/decide-restore.ts';
import { readResults } from '../../domain/kubernetes/restore-results.ts';
import { nameOf, record, scripted } from './scripted-velero.ts';
import type { Style } from '../../domain/step.ts';
import { operation } from './step-tools.ts';

const observed = (change: Partial<BackupObserved> = {}): BackupObserved => ({
  cluster: 'west',
  stamp: null,
  location: { phase: 'Available', message: '', lastSyncedAt: '' },
  veleroSilentMs: 30_000,
  backup: { name: 'daily-1', startedAt: 0, ageMs: 3_600_000, cluster: 'east', items: 9 },
  rejected: [],
  isSynced: true,
  wanted: 9,
  missing: 9,
  missingForVelero: 3,
  firstMissing: [],
  missingByResource: { configmaps: 6, roles: 3 },
  existing: 'keep',
  differing: 0,
  firstDiffering: [],
  left: [],
  toUpdate: 0,
  missingDefinitions: 0,
  firstDefinitions: [],
  unknownResources: [],
  cannotWrite: '',
  ...change,
});

describe('decideRestore', () => {
  const decide = (
    change: Partial<BackupObserved>,
    mode: 'apply' | 'precheck' = 'apply',
    style: Style = 'graceful',
  ) => decideRestore(observed(change), { operation: operation(2), mode, style });

  it('does not wait for Velero while there is something it can bring back without', () => {
    expect(decide({ isSynced: false }).kind).toBe('apply');
    expect(decide({ isSynced: false, missingForVelero: 9 })).toEqual({
      kind: 'wait',
      for: ['Velero on west to find daily-1 in the bucket (it looks once a minute)'],
    });
  });

  it('is not through while a definition is missing of which nothing is there yet, and needs no Velero for it', () => {
    const change = { missing: 0, missingByResource: {}, missingForVelero: 0, isSynced: false };
    expect(decide(change).kind).toBe('already');
    const lacking = { missingDefinitions: 1, firstDefinitions: ['crates.a.example'] };
    expect(decide({ ...change, ...lacking })).toEqual({
      kind: 'apply',
      will: [
        'west: restore 0 of 9 objects from daily-1 (1.0 h old)',
        'install 1 definitions first (crates.a.example): minutes that readiness could have saved',
      ],
    });
    expect(decide({ ...change, ...lacking, missing: 3, missingForVelero: 3 }).kind).toBe('apply');
  });

  it.each([
    [
      { existing: 'keep', toUpdate: 0 } as const,
      'west: all 9 objects of backup daily-1 (1.0 h old) are there; 2 differ and are kept: secrets/a/b, configmaps/a/c',
      '2 objects of west differ from backup daily-1 and were kept: secrets/a/b, configmaps/a/c; where the backup is right, restoreBackup with existing: update takes it over',
    ],
    [
      { existing: 'update', toUpdate: 0 } as const,
      'west: all 9 objects of backup daily-1 (1.0 h old) are there; 2 differ: secrets/a/b, configmaps/a/c',
      '2 objects of west differ from backup daily-1, and siteshift could not or may not write them: secrets/a/b, configmaps/a/c; bring them up to date by hand',
    ],
  ])('is through with %o, and does not hide what differs', (policy, because, left) => {
    const differing = { differing: 2, firstDiffering: ['secrets/a/b', 'configmaps/a/c'], ...policy };
    const decision = decide({ missing: 0, missingForVelero: 0, ...differing });
    expect(decision).toEqual({ kind: 'already', because, leftToDo: [left] });
  });

  it('says what is left for people although somebody else has brought the objects', () => {
    const left = ['west has no Schedule daily'];
    expect(decide({ missing: 0, missingForVelero: 0, left })).toMatchObject({
      kind: 'already',
      leftToDo: left,
    });
  });

  it('updates what differs without Velero, and says what is kept', () => {
    const change = { missing: 0, missingForVelero: 0, missingByResource: {}, isSynced: false };
    const firstDiffering = ['secrets/a/b', 'roles/a/c'];
    expect(decide({ ...change, existing: 'update', differing: 2, firstDiffering, toUpdate: 1 })).toEqual({
      kind: 'apply',
      will: [
        'west: restore 0 of 9 objects from daily-1 (1.0 h old)',
        '2 that are there differ from the backup: update 1, leave 1 as they are: secrets/a/b, roles/a/c',
      ],
    });
  });

  it('names kinds that the cluster does not serve and that the backup does not define', () => {
    const { will } = decide({ unknownResources: ['metrics.a.example'] }) as { will?: readonly string[] };
    expect(will?.[1]).toBe('west does not serve metrics.a.example, and the backup has no definition of them');
  });

  it('lets a forced run see for itself how far it comes without Velero', () => {
    const location = { phase: 'absent', message: '', lastSyncedAt: '' };
    const change = { location, missingForVelero: 9 };
    expect(decide(change)).toMatchObject({ kind: 'wait' });
    expect(decide(change, 'apply', 'forced')).toMatchObject({ kind: 'apply' });
  });

  it.each([
    [30_000, 3, undefined],
    [720_000, 0, undefined],
    [720_000, 3, 'is Velero running on west? It looked into the bucket 720 s ago; 3 objects wait for it'],
    [null, 3, 'is Velero running on west? It has never looked into the bucket; 3 objects wait for it'],
  ])('asks in a precheck whether Velero runs: silent for %s ms, %i objects', (silent, count, question) => {
    const decision = decide({ veleroSilentMs: silent, missingForVelero: count }, 'precheck');
    expect(decision.kind === 'apply' && decision.will[1]).toBe(question);
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

  it('has no second Restore made for a PartiallyFailed that left nothing out', async () => {
    const told = errors('rpc error: failed to upload restore log: AccessDenied');
    const { created, restored } = scripted({ phases: ['PartiallyFailed'], missing: [0], told });
    expect(await restored()).toMatchObject({ attempts: 1, restore: { phase: 'PartiallyFailed' } });
    expect(created).toEqual([nameOf(1)]);
  });

  it('follows the Restore that another attempt made in the same moment (409)', async () => {
    const { created, restored } = scripted({ phases: [], missing: [0], isMadeByTwin: true, endsAfter: 4 });
    expect(await restored()).toMatchObject({ attempts: 1, restore: { phase: 'Completed' } });
    expect(created).toEqual([]);
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
