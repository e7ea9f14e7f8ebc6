import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseBackups, namesToRead, type BackupFacts } from '../../domain/kubernetes/backup-choice.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { readFilters } from '../../domain/kubernetes/velero-filters.ts';
import {
  isPlain,
  isRestored,
  restoreName,
  restoreSpec,
  restoreState,
} from '../../domain/kubernetes/restore-plan.ts';
import {
  classifyMessage,
  describeMessages,
  readResults,
  realErrors,
} from '../../domain/kubernetes/restore-results.ts';

const hour = 3_600_000;
const now = Date.parse('2026-11-02T10:00:00Z');
const backup = (name: string, change: Partial<BackupFacts> = {}): BackupFacts => ({
  name,
  phase: 'Completed',
  startedAt: now - 2 * hour,
  items: 500,
  errors: 0,
  warnings: 0,
  schedule: 'daily',
  cluster: 'east',
  filters: readFilters({}),
  hasArchive: true,
  ...change,
});
const policy = {
  schedule: 'daily',
  from: 'east',
  maximumAgeMs: 25 * hour,
  minimumItems: 10,
  includedNamespaces: ['istio-system'],
};
const options = { nowMs: now, target: 'west', acceptOld: false };

describe('chooseBackups', () => {
  it('takes the newest by its start, whatever the order', () => {
    const starts = fc.uniqueArray(fc.integer({ min: 1, max: 24 }), { minLength: 1 });
    fc.assert(
      fc.property(starts, (hours) => {
        const backups = hours.map((age) => backup(`b${age}`, { startedAt: now - age * hour }));
        expect(chooseBackups(backups, policy, options).good[0]?.name).toBe(`b${Math.min(...hours)}`);
      }),
    );
  });

  it.each<[string, Partial<BackupFacts>, RegExp]>([
    ['PartiallyFailed', { phase: 'PartiallyFailed' }, /phase is PartiallyFailed, expected Completed/],
    ['still running', { phase: 'InProgress' }, /expected Completed/],
    ['of another schedule', { schedule: '' }, /is of schedule none, expected daily/],
    ['without archive', { hasArchive: false }, /archive is missing/],
    [
      'written by the standby itself',
      { cluster: 'west' },
      /west wrote it itself: not what another cluster has been running/,
    ],
    ['of a third cluster', { cluster: 'north' }, /north wrote it, expected east/],
    ['almost empty', { items: 3 }, /3 items, expected at least 10/],
    ['expired', { expiresAt: now - 1 }, /expired at/],
    [
      'without a namespace',
      { filters: readFilters({ excludedNamespaces: ['istio-system'] }) },
      /lacks the namespaces istio-system/,
    ],
    [
      'of other namespaces',
      { filters: readFilters({ includedNamespaces: ['shop-*'] }) },
      /lacks the namespaces/,
    ],
    ['too old', { startedAt: now - 26 * hour }, /26\.0 h old .*, accepted are 25\.0 h/],
    [
      'without readable metadata',
      { unreadable: 'velero-backup.json (3 bytes) is no JSON', schedule: '' },
      /^its metadata cannot be read: velero-backup\.json \(3 bytes\) is no JSON$/,
    ],
  ])('rejects one that is %s', (_, change, because) => {
    const { good, rejected } = chooseBackups([backup('b', change)], policy, options);
    expect(good).toEqual([]);
    expect(rejected).toMatchObject([{ name: 'b', because: expect.stringMatching(because) }]);
  });

  it('takes in a failback what the new primary wrote, never the old own one', () => {
    const home = { ...options, target: 'east', acceptOld: true };
    const [own, ofWest] = [backup('own', { startedAt: now - 90 * hour }), backup('new', { cluster: 'west' })];
    const { from: _, ...open } = policy;
    const names = (given: Parameters<typeof chooseBackups>[1], more: { writers?: readonly string[] } = {}) =>
      chooseBackups([own, ofWest], given, { ...home, ...more }).good.map(({ name }) => name);
    expect(names(open, { writers: ['west'] })).toEqual(['new']);
    expect(names(open)).toEqual(['new']);
    // A location of the east alone: it has nothing to bring back to the east.
    expect(names(policy)).toEqual([]);
    expect(names(open, { writers: ['east'] })).toEqual(['own']);
  });

  it('reads namespaces of a backup as Velero does', () => {
    const wild = backup('b', { filters: readFilters({ includedNamespaces: ['istio-*', 'shop'] }) });
    expect(chooseBackups([wild], policy, options).good).toEqual([wild]);
  });

  it('takes an old one only when somebody accepts it, and one without a label of its cluster', () => {
    const old = backup('b', { startedAt: now - 90 * hour, cluster: '' });
    expect(chooseBackups([old], policy, { ...options, acceptOld: true }).good).toEqual([old]);
  });
});

describe('namesToRead', () => {
  const day = (schedule: string, number: number) =>
    `${schedule}-2026${String(number).padStart(4, '0')}030000`;
  const days = (schedule: string) => Array.from({ length: 300 }, (_, index) => day(schedule, index + 1));

  it('reads the newest of the schedule whatever other schedules and people have left there', () => {
    const names = namesToRead([...days('weekly'), ...days('daily'), 'before-upgrade', 'daily-1'], 'daily');
    expect(names.slice(0, 2)).toEqual([day('daily', 300), day('daily', 299)]);
    expect(names).toContain('before-upgrade');
    expect(names).toContain('daily-1');
    expect(names).toContain(day('weekly', 300));
    expect(names).toHaveLength(202);
  });
});

describe('restore plan', () => {
  const item = (resource: string, labels = {}) => ({ resource, name: 'one', namespace: 'shop', labels });
  it.each([
    ['nodes', false],
    ['mutatingwebhookconfigurations.admissionregistration.k8s.io', false],
    ['revisions.serving.knative.dev', false],
    ['pods', false],
    ['configmaps', true],
    ['gateways.networking.istio.io', true],
  ])('%s comes out of the backup: %s', (resource, expected) => {
    expect(isRestored(item(resource), 'velero')).toBe(expected);
  });

  it.each([
    ['a Schedule, which would go on under the name of the lost cluster', item('schedules.velero.io')],
    ['a location', item('backupstoragelocations.velero.io')],
    ['a data upload', item('datauploads.velero.io')],
    ["Velero's credentials", { ...item('secrets'), namespace: 'velero' }],
    ["Velero's namespace", { resource: 'namespaces', name: 'velero', labels: {} }],
  ])('leaves %s: the standby has a Velero of its own', (_, one) => {
    expect(isRestored(one, 'velero')).toBe(false);
  });

  it.each([
    ['configmaps', {}, true],
    ['virtualservices.networking.istio.io', {}, true],
    ['persistentvolumeclaims', {}, false],
    ['clusterroles.rbac.authorization.k8s.io', {}, false],
    ['jobs.batch', {}, false],
    ['secrets', { type: 'kubernetes.io/service-account-token' }, false],
    ['deployments.apps', { metadata: { name: 'one', ownerReferences: [{ kind: 'Revision' }] } }, false],
  ])('%s %j is applied by ourselves: %s', (resource, more, expected) => {
    const object: KubernetesObject = { apiVersion: 'v1', kind: 'Any', metadata: { name: 'one' }, ...more };
    expect(isPlain(item(resource), object)).toBe(expected);
  });

  it('asks only for kinds of which something is missing, and leaves what others own', () => {
    const spec = restoreSpec({
      backup: 'b',
      missing: [item('secrets'), item('configmaps'), item('secrets')],
      scope: { anyOf: [{ key: 'tier', operator: 'NotIn', values: ['service'] }] },
      veleroNamespace: 'velero',
    });
    expect(spec).toMatchObject({
      excludedNamespaces: ['velero'],
      backupName: 'b',
      includedResources: ['configmaps', 'secrets'],
      existingResourcePolicy: 'none',
      labelSelector: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['service'] }] },
    });
    expect(spec['excludedResources']).toContain(
      'validatingwebhookconfigurations.admissionregistration.k8s.io',
    );
  });

  it('has the volumes looked at wherever a claim is missing: else it would wait for the lost one', () => {
    const spec = restoreSpec({
      backup: 'b',
      missing: [item('persistentvolumeclaims')],
      scope: { namespaces: ['shop'] },
      veleroNamespace: 'velero',
    });
    expect(spec['includedNamespaces']).toEqual(['shop']);
    expect(spec['includedResources']).toContain('persistentvolumes');
  });

  it('names a restore the same each time, as a label value, and otherwise differently', () => {
    const text = fc.string({ minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(
        text,
        text,
        fc.nat(1_000_000),
        fc.integer({ min: 1, max: 99 }),
        (id, cluster, epoch, attempt) => {
          const target = { cluster, backup: 'b' };
          const name = restoreName({ id, epoch }, target, attempt);
          expect(name).toBe(restoreName({ id, epoch }, target, attempt));
          expect(name).toMatch(/^[a-z0-9][a-z0-9-]{0,61}[a-z0-9]$/);
          expect(name).not.toBe(restoreName({ id: `${id}x`, epoch }, target, attempt));
          expect(name).not.toBe(restoreName({ id, epoch }, { cluster, backup: 'c' }, attempt));
          expect(name).not.toBe(restoreName({ id, epoch }, target, attempt + 1));
        },
      ),
    );
  });

  it.each([
    ['', 'waiting'],
    ['InProgress', 'running'],
    ['FinalizingPartiallyFailed', 'running'],
    ['Completed', 'ended'],
    ['PartiallyFailed', 'ended'],
    ['Failed', 'again'],
    ['FailedValidation', 'again'],
  ])('phase "%s" is %s', (phase, state) => {
    expect(restoreState(phase)).toBe(state);
  });
});

describe('restore results', () => {
  it.each([
    [
      'could not restore, ConfigMap "kube-root-ca.crt" already exists. Warning: the in-cluster version is different',
      'exists',
    ],
    ['error uploading log file to backup storage: AccessDenied', 'log upload'],
    ['no matches for kind "Tenant" in version "v1"', 'missing kind'],
    ['namespaces "shop" not found', 'missing namespace'],
    ['Internal error occurred: failed calling webhook "webhook.serving.knative.dev"', 'webhook'],
    ['pods "a" is forbidden: exceeded quota: namespace', 'quota'],
    ['configmaps is forbidden: User cannot create', 'forbidden'],
    ['Post "https://10.0.0.1/api": dial tcp 10.0.0.1:443: connect: connection refused', 'unreachable'],
    ['Patch "https://10.0.0.1/api": EOF', 'unreachable'],
    ['etcdserver: request timed out', 'unreachable'],
    ['rpc error: code = Unknown desc = failed to get server groups: unknown', 'unreachable'],
    ['something else', 'other'],
  ])('%s', (text, expected) => {
    expect(classifyMessage(text)).toBe(expected);
  });

  it('counts only errors that cost an object', () => {
    const messages = readResults({
      warnings: { cluster: ['x already exists'] },
      errors: {
        velero: ['error uploading restore log'],
        namespaces: { shop: ['failed calling webhook "a"'] },
      },
    });
    expect(realErrors(messages)).toMatchObject([{ where: 'shop', class: 'webhook' }]);
    expect(describeMessages(messages)).toHaveLength(3);
    expect(readResults(undefined)).toEqual([]);
  });
});
