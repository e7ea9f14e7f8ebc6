import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readArchive } from '../../activities/kubernetes/backups.ts';
import type { Bucket } from '../../activities/kubernetes/s3.ts';
import { chooseBackups, type BackupFacts } from '../../domain/kubernetes/backup-choice.ts';
import { demandOf, shortages, sum } from '../../domain/kubernetes/capacity.ts';
import { quantity } from '../../domain/kubernetes/covers.ts';
import { nodeProblems } from '../../domain/kubernetes/nodes.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
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
import { httpRoutes, servicesOfHost, virtualServiceName } from '../../domain/kubernetes/virtual-service.ts';
import { checkInventory } from '../../domain/schema/check-inventory.ts';
import { inventorySchema } from '../../domain/schema/inventory.ts';
import { kubernetesSchema } from '../../domain/schema/kubernetes.ts';

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
  includedNamespaces: [],
  excludedNamespaces: [],
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
      /west wrote it itself: two sites use one location/,
    ],
    ['of a third cluster', { cluster: 'north' }, /north wrote it, expected east/],
    ['almost empty', { items: 3 }, /3 items, expected at least 10/],
    ['expired', { expiresAt: now - 1 }, /expired at/],
    ['without a namespace', { excludedNamespaces: ['istio-system'] }, /lacks the namespaces istio-system/],
    ['of other namespaces', { includedNamespaces: ['shop'] }, /lacks the namespaces/],
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

  it('takes an old one only when somebody accepts it, and one without a label of its cluster', () => {
    const old = backup('b', { startedAt: now - 90 * hour, cluster: '' });
    expect(chooseBackups([old], policy, { ...options, acceptOld: true }).good).toEqual([old]);
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
    expect(isRestored(item(resource), undefined)).toBe(expected);
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

  it('leaves what the manifest store owns, and asks only for kinds of which something is missing', () => {
    const selector = { label: 'tier', value: 'service' };
    expect(isRestored(item('configmaps', { tier: 'service' }), selector)).toBe(false);
    const spec = restoreSpec({
      backup: 'b',
      missing: [item('secrets'), item('configmaps'), item('secrets')],
      selector,
    });
    expect(spec).toMatchObject({
      backupName: 'b',
      includedResources: ['configmaps', 'secrets'],
      existingResourcePolicy: 'none',
      labelSelector: { matchExpressions: [{ key: 'tier', operator: 'NotIn', values: ['service'] }] },
    });
    expect(spec['excludedResources']).toContain(
      'validatingwebhookconfigurations.admissionregistration.k8s.io',
    );
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

describe('readArchive', () => {
  const file = (name: string, body: string) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write('0', 156);
    const checksum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${checksum.toString(8).padStart(6, '0')}\0 `, 148);
    return Buffer.concat([header, Buffer.from(body.padEnd(Math.ceil(body.length / 512) * 512, '\0'))]);
  };
  const object = JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', namespace: 'shop' },
  });
  const archive = Buffer.concat([
    file('resources/configmaps/namespaces/shop/a.json', object),
    file('resources/configmaps/v1-preferredversion/namespaces/shop/a.json', object),
    file('metadata/version', '1.1.0'),
    Buffer.alloc(1_024),
  ]);
  const bucket = (body: Buffer | undefined): Bucket =>
    ({
      where: 's3://b/',
      get: async () => (body === undefined ? undefined : { body, etag: '' }),
    }) as unknown as Bucket;

  it('reads each object once', async () => {
    expect(await readArchive(bucket(gzipSync(archive)), 'b')).toMatchObject([
      { resource: 'configmaps', namespace: 'shop', name: 'a' },
    ]);
  });

  it.each<[string, Buffer | undefined, RegExp]>([
    ['gone', undefined, /is missing/],
    ['cut off while compressed', gzipSync(archive).subarray(0, 60), /truncated or corrupted/],
    ['cut off inside', gzipSync(archive.subarray(0, 700)), /truncated or corrupted.*ends at byte 700/],
    [
      'with a flipped header',
      gzipSync(Buffer.concat([Buffer.from('x'), archive.subarray(1)])),
      /does not check/,
    ],
    ['something else', Buffer.from('<html>'), /truncated or corrupted/],
  ])('says so when it is %s', async (_, body, message) => {
    await expect(readArchive(bucket(body), 'b')).rejects.toThrow(message);
  });
});

describe('capacity', () => {
  const workload = (spec: object, apiVersion = 'apps/v1'): KubernetesObject => ({
    apiVersion,
    kind: 'Any',
    metadata: { name: 'a' },
    spec,
  });
  const containers = [
    { resources: { requests: { cpu: '250m', memory: '1Gi' } } },
    { resources: { limits: { cpu: '1' } } },
  ];
  it('counts requests times replicas, limits where there are no requests', () => {
    expect(demandOf(workload({ replicas: 4, template: { spec: { containers } } }))).toEqual({
      cpu: 5,
      memory: 4 * 2 ** 30,
      pods: 4,
    });
  });
  it('counts what a Knative Service keeps running at least', () => {
    const metadata = { annotations: { 'autoscaling.knative.dev/min-scale': '2' } };
    const spec = { template: { metadata, spec: { containers } } };
    expect(demandOf(workload(spec, 'serving.knative.dev/v1')).pods).toBe(2);
    expect(demandOf(workload({ template: { spec: { containers } } }, 'serving.knative.dev/v1')).pods).toBe(0);
  });
  it('names the resource that does not fit', () => {
    const wanted = sum([
      { cpu: 3, memory: 2 ** 31, pods: 5 },
      { cpu: 2, memory: 0, pods: 1 },
    ]);
    expect(shortages(wanted, { cpu: 4, memory: 2 ** 31 }, 'pool a')).toEqual([
      'cpu of pool a: the manifests ask for 5, there is 4',
    ]);
  });
  it.each([
    ['500m', 0.5],
    ['1Gi', 2 ** 30],
    ['1e3', 1_000],
    ['2k', 2_000],
    ['abc', undefined],
    ['', undefined],
  ])('quantity %s', (text, expected) => {
    expect(quantity(text)).toBe(expected);
  });
});

describe('nodeProblems', () => {
  const node = (
    spec: object,
    conditions: readonly object[],
    allocatable: object = { cpu: '4' },
  ): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n' },
    spec,
    status: { conditions, allocatable },
  });
  const ready = { type: 'Ready', status: 'True' };
  it.each<[string, KubernetesObject, readonly string[]]>([
    ['ready', node({}, [ready]), []],
    ['silent', node({}, []), ['Ready not reported yet']],
    [
      'not ready',
      node({}, [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady' }]),
      ['Ready=False (KubeletNotReady)'],
    ],
    [
      'not set up by its cloud',
      node({ taints: [{ key: 'node.cloudprovider.kubernetes.io/uninitialized' }] }, [ready]),
      ['taint node.cloudprovider.kubernetes.io/uninitialized'],
    ],
    ['for others only', node({ taints: [{ key: 'gpu' }] }, [ready]), []],
    ['cordoned', node({ unschedulable: true }, [ready]), ['cordoned']],
    ['without cpu', node({}, [ready], {}), ['no allocatable cpu reported']],
  ])('%s', (_, given, expected) => {
    expect(nodeProblems(given)).toEqual(expected);
  });
});

describe('mesh', () => {
  const mesh = {
    namespace: 'shop',
    service: 'cart',
    gateways: ['istio-system/public'],
    localGateway: 'local.istio',
  };
  it('rewrites the authority for the whole route, or per destination when the route is shared', () => {
    expect(httpRoutes(mesh, undefined)).toMatchObject([
      { rewrite: { authority: 'cart.shop.svc.cluster.local' } },
    ]);
    fc.assert(
      fc.property(fc.nat(100), (percent) => {
        const [route] = httpRoutes(mesh, { service: 'next', percent }) as [
          { rewrite?: object; route: { weight: number; headers: object }[] },
        ];
        expect(route.route.reduce((total, { weight }) => total + weight, 0)).toBe(100);
        expect(route.rewrite).toBeUndefined();
        expect(route.route[1]).toMatchObject({
          weight: percent,
          headers: { request: { set: { Host: 'next.shop.svc.cluster.local' } } },
        });
      }),
    );
  });
  it('finds every object that answers for a host at the gateways, by short names too', () => {
    const route = (name: string, namespace: string, hosts: string[], gateways: string[]) => ({
      apiVersion: 'networking.istio.io/v1',
      kind: 'VirtualService',
      metadata: { name, namespace },
      spec: { hosts, gateways },
    });
    const host = 'cart.example';
    const all = [
      route('long', 'shop', [host], ['istio-system/public']),
      route('short', 'istio-system', [host], ['public']),
      route('inside', 'shop', [host], ['mesh']),
      route('other', 'shop', ['mail.example'], ['istio-system/public']),
    ];
    expect(servicesOfHost(all, { host, mesh }).map(({ metadata }) => metadata.name)).toEqual([
      'long',
      'short',
    ]);
    expect(virtualServiceName('*.example')).toBe('siteshift-any.example');
  });
});

describe('the section kubernetes of the inventory', () => {
  const cluster = { site: 'west', kubeconfig: 'file:/etc/west' };
  const pool = { nodes: 3, selector: 'pool=a' };
  it.each<[string, object, RegExp]>([
    [
      'a kubeconfig in clear text',
      { clusters: { west: { ...cluster, kubeconfig: 'apiVersion: v1' } } },
      /a reference, env:NAME or file:PATH/,
    ],
    [
      'a pool that nobody can scale',
      { clusters: { west: { ...cluster, nodePools: { a: pool } } } },
      /exactly one of `resource` and `hook`/,
    ],
    ['an unknown key', { cluster: {} }, /cluster/],
    ['a store of an unknown kind', { manifestStores: { m: { kind: 'ftp' } } }, /kind/],
    ['too many requests at once', { clusters: { west: { ...cluster, inFlight: 1_000 } } }, /inFlight/],
    [
      'a prefix without its slash',
      {
        manifestStores: {
          m: {
            kind: 's3',
            endpoint: 'http://s3',
            bucket: 'bbb',
            accessKey: 'env:A',
            secretKey: 'env:B',
            prefix: 'x',
          },
        },
      },
      /end with/,
    ],
  ])('refuses %s', (_, section, message) => {
    const parsed = kubernetesSchema.safeParse(section);
    expect(parsed.success).toBe(false);
    expect(JSON.stringify(parsed.error?.issues)).toMatch(message);
  });
});

describe('the section kubernetes in siteshift.yaml', () => {
  it('must name sites, hooks and clusters that exist', () => {
    const inventory = inventorySchema.parse({
      version: 1,
      domain: 'shop',
      sites: { east: {}, west: {} },
      kubernetes: {
        clusters: {
          east: {
            site: 'north',
            kubeconfig: 'env:KUBECONFIG_EAST',
            nodePools: { a: { hook: 'cloud', nodes: 3, selector: 'pool=a' } },
          },
        },
        backupLocations: {
          b: {
            endpoint: 'http://s3',
            bucket: 'backups',
            accessKey: 'env:A',
            secretKey: 'env:B',
            schedule: 'daily',
            from: 'west',
          },
        },
      },
    });
    const problems = checkInventory(inventory, 'siteshift.yaml', () => ({ line: 1, column: 1 }));
    expect(problems.map(({ path, expected }) => `${path}: ${expected}`)).toEqual([
      'kubernetes.clusters.east.site: a site: "east" or "west"',
      'kubernetes.clusters.east.nodePools.a.hook: a hook, of which there are none',
      'kubernetes.backupLocations.b.from: a Kubernetes cluster: "east"',
    ]);
  });
});
