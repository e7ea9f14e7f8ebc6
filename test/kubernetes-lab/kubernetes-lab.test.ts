import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openApi } from '../../lab/kubernetes/api-client.ts';
import { applyAll } from '../../lab/kubernetes/apply-all.ts';
import { takeBackup, syncNow } from '../../lab/kubernetes/backup.ts';
import { compareWithSnapshot, takeSnapshot } from '../../lab/kubernetes/compare-clusters.ts';
import type { Cluster } from '../../lab/kubernetes/cluster.ts';
import { guardServices, WEBHOOK_CONFIGURATION } from '../../lab/kubernetes/guard-services.ts';
import { startKubernetesLab, type KubernetesLab } from '../../lab/kubernetes/kubernetes-lab.ts';
import { describeObject, type KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { scalePool, waitForNodes } from '../../lab/kubernetes/nodes.ts';
import { fillPlatform, waitForServices, type FilledPlatform } from '../../lab/kubernetes/platform.ts';
import { serviceObjects } from '../../lab/kubernetes/service-objects.ts';
import { VELERO_PATH, waitForLocation } from '../../lab/kubernetes/velero.ts';
import { waitUntil } from '../../lab/kubernetes/wait-until.ts';
import { openTestLab, type TestLab } from '../lab/test-lab.ts';
import { choosingFor, everyMinute, expectMadeBySchedule } from './made-by-schedule.ts';
import { familyOf, openToOthers, processesAbout, residentBytes } from './processes.ts';

let testLab: TestLab;
let lab: KubernetesLab;
let filled: FilledPlatform;
const NODES = { east: 5, west: 1 };

beforeAll(async () => {
  testLab = await openTestLab();
  const { folder: dir, supervisor, ports, say } = testLab;
  lab = await startKubernetesLab({ dir, supervisor, ports, nodes: NODES, say });
  await lab.east.api.apply(everyMinute, 'lab'); // its first backup comes while other things are looked at
  filled = await fillPlatform(lab.east, { say });
}, 1_800_000); // without a cache the engines are built here

afterAll(() => testLab.close());

const both = (): readonly Cluster[] => [lab.east, lab.west];
const familyPids = () => testLab.supervisor.list().flatMap(({ pid }) => familyOf(pid));

describe('the two control planes', () => {
  it('are of one stamped version and see the bucket', async () => {
    for (const { api } of both()) {
      expect(await api.call('GET', '/version')).toMatchObject({
        gitVersion: 'v1.36.3',
        major: '1',
        minor: '36',
      });
      const location = await api.get(`${VELERO_PATH}/backupstoragelocations/default`);
      expect(location['status']).toMatchObject({ phase: 'Available' });
    }
  });

  it('listen on loopback only', () => {
    const pids = familyPids();
    expect(pids.length).toBeGreaterThanOrEqual(15);
    expect(pids.flatMap(openToOthers)).toEqual([]);
  });

  it('give the orchestrator an identity with limits of its own', async () => {
    const api = openApi(lab.west.kubeconfig('orchestrator'));
    const review = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'SelfSubjectReview',
      metadata: { name: '' },
    };
    const me = (await api.create(review)) as KubernetesObject & {
      readonly status: {
        readonly userInfo: { readonly username: string; readonly groups: readonly string[] };
      };
    };
    expect(me.status.userInfo).toMatchObject({ username: 'siteshift', groups: ['system:authenticated'] });
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'grown' },
    };
    await expect(api.create(role)).rejects.toMatchObject({ status: 403 });
    api.close();
  });

  it('trust no certificate of each other', async () => {
    const api = openApi(lab.east.kubeconfig('admin'));
    await expect(api.get(`${lab.west.server}/api/v1/namespaces/default`)).rejects.toThrow(
      /self-signed|verify/,
    );
    api.close();
  });
});

describe('the filled cluster', () => {
  it('holds at least 300 platform objects and 200 objects of services, with their owners', async () => {
    const { api } = lab.east;
    expect(filled.platform.length).toBeGreaterThanOrEqual(300);
    expect(filled.services.length).toBeGreaterThanOrEqual(200);
    const owners = await Promise.all(
      [...filled.platform, ...filled.services].map(async (object) => {
        const { metadata } = await api.get(await api.pathOf(object));
        return (metadata['managedFields'] as readonly { readonly manager: string }[])[0]?.manager;
      }),
    );
    expect(owners.filter((owner) => owner === 'delivery').length).toBe(filled.services.length);
  });

  it('stays under 4 GiB with everything in it', () => {
    const bytes = familyPids().reduce((sum, pid) => sum + residentBytes(pid), 0);
    expect(bytes).toBeGreaterThan(500 * 1024 ** 2);
    expect(bytes).toBeLessThan(4 * 1024 ** 3);
  });
});

describe('Knative Services', () => {
  const namespace = 'default';
  const service = (name: string, readiness: string): KubernetesObject => {
    const [template] = serviceObjects({
      knativeServices: 1,
      deployments: 0,
      configMaps: 0,
      virtualServices: 0,
    });
    const annotations = { 'lab.siteshift.test/readiness': readiness };
    return { ...template, metadata: { name, namespace, annotations } } as KubernetesObject;
  };
  const statusOf = async (object: KubernetesObject) => {
    const seen = await lab.west.api.get(await lab.west.api.pathOf(object));
    return seen['status'] as { readonly url?: string; readonly conditions?: readonly unknown[] } | undefined;
  };

  it('become ready, fail or never answer, as their annotation says', async () => {
    const [ready, fails, never] = ['ready', 'fails', 'never'].map((name) =>
      service(`one-that-${name}`, name),
    );
    if (ready === undefined || fails === undefined || never === undefined) throw new Error('three services');
    await applyAll(lab.west.api, [never, ready, fails], 'test');
    await waitUntil({ what: 'both outcomes', withinMs: 60_000 }, async () => {
      const conditions = await Promise.all(
        [ready, fails].map(async (one) => (await statusOf(one))?.conditions),
      );
      expect(conditions[0]).toContainEqual(expect.objectContaining({ type: 'Ready', status: 'True' }));
      expect(conditions[1]).toContainEqual(
        expect.objectContaining({ type: 'Ready', status: 'False', reason: 'RevisionFailed' }),
      );
    });
    expect(await statusOf(never)).toBeUndefined();
  });

  it('change their address with their visibility', async () => {
    const one = service('one-that-ready', 'ready');
    const labels = { 'networking.knative.dev/visibility': 'cluster-local' };
    await lab.west.api.apply({ ...one, metadata: { ...one.metadata, labels } }, 'test');
    await waitUntil({ what: 'cluster-local address', withinMs: 60_000 }, async () => {
      expect((await statusOf(one))?.url).toBe('http://one-that-ready.default.svc.cluster.local');
    });
  });
});

describe('the node pool', () => {
  const WORKERS_PATH = '/apis/lab.siteshift.test/v1/namespaces/node-pools/nodepools/workers';

  it('follows its scale subresource in both directions', async () => {
    await scalePool(lab.west.api, 'workers', 5);
    await waitForNodes(lab.west, { pool: 'workers', count: 5 });
    const deployments = serviceObjects({
      knativeServices: 0,
      deployments: 8,
      configMaps: 0,
      virtualServices: 0,
    }).map((object) => ({ ...object, metadata: { ...object.metadata, namespace: 'default' } }));
    await applyAll(lab.west.api, deployments, 'test');
    await waitForServices(lab.west, deployments, 120_000);
    await scalePool(lab.west.api, 'workers', 3);
    await waitForNodes(lab.west, { pool: 'workers', count: 3 });
    const scale = await lab.west.api.get(`${WORKERS_PATH}/scale`);
    expect(scale).toMatchObject({
      spec: { replicas: 3 },
      status: { replicas: 3, selector: 'lab.siteshift.test/pool=workers' },
    });
  });

  it('stops at the quota of the region and says so', async () => {
    const { api } = lab.west;
    await api.call('PATCH', WORKERS_PATH, { spec: { maxReplicas: 4 } }, 'application/merge-patch+json');
    await scalePool(api, 'workers', 50);
    await waitForNodes(lab.west, { pool: 'workers', count: 4 });
    const pool = await api.get(WORKERS_PATH);
    expect(pool['status']).toMatchObject({
      phase: 'ScalingUp',
      conditions: [{ type: 'Available', status: 'False', reason: 'QuotaExceeded' }],
    });
  });
});

describe('a backup of east', () => {
  const NAMESPACES = ['knative-serving', 'istio-system', 'shop-cart', 'shop-orders'];

  it('is found by west in the bucket and restored there by a plain Restore', async () => {
    const backup = await takeBackup(lab.east, { name: 'daily-by-hand' });
    expect(backup.status?.progress?.itemsBackedUp).toBeGreaterThan(filled.platform.length);
    await syncNow(lab.west, 'daily-by-hand');
    const restore: KubernetesObject = {
      apiVersion: 'velero.io/v1',
      kind: 'Restore',
      metadata: { name: 'plain', namespace: 'velero' },
      spec: {
        backupName: 'daily-by-hand',
        includedNamespaces: NAMESPACES,
        excludedResources: ['pods', 'replicasets.apps', 'endpointslices.discovery.k8s.io'],
      },
    };
    await lab.west.api.create(restore);
    await waitUntil({ what: 'Restore completed', withinMs: 240_000 }, async () => {
      const { status } = await lab.west.api.get(`${VELERO_PATH}/restores/plain`);
      expect(status).toMatchObject({ phase: 'Completed' });
    });
    const wanted = [...filled.platform, ...filled.services].filter(({ metadata }) =>
      NAMESPACES.includes(metadata.namespace ?? ''),
    );
    expect(wanted.length).toBeGreaterThan(100);
    const expected = await takeSnapshot(lab.east.api, wanted);
    await waitForServices(lab.west, wanted, 150_000);
    expect(await compareWithSnapshot(lab.west.api, expected)).toEqual({
      objectsExpected: wanted.length,
      objectsPresent: wanted.length,
      objectsReady: wanted.length,
      differences: [],
    });
  }, 600_000); // Velero looks into the bucket once a minute, and the machine may be busy

  it('is made by a Schedule, too, and hands on the labels by which siteshift chooses it', async () => {
    await expectMadeBySchedule(lab.east);
    const chosen = choosingFor(lab, join(testLab.folder, 'secrets'));
    expect(await chosen('minutely', 'east')).toMatch(/^minutely-\d{14}$/);
    expect(await chosen('daily', 'east')).toBe('daily-by-hand');
    expect(await chosen('minutely', 'north')).toContain('east wrote it, expected north');
  }, 300_000);

  it('is not taken for complete when something is missing, changed or not ready', async () => {
    const { api } = lab.west;
    const [config, missing, changed] = filled.services.filter(
      ({ kind, metadata }) => kind === 'ConfigMap' && metadata.namespace === 'shop-cart',
    );
    const broken = filled.services.find(
      ({ kind, metadata }) => kind === 'Deployment' && metadata.namespace === 'shop-cart',
    );
    if (config === undefined || missing === undefined || changed === undefined || broken === undefined) {
      throw new Error('shop-cart has too few objects');
    }
    const expected = await takeSnapshot(lab.east.api, [config, missing, changed, broken]);
    await api.delete(missing);
    const merge = 'application/merge-patch+json';
    await api.call('PATCH', await api.pathOf(changed), { data: { LOG_LEVEL: 'debug' } }, merge);
    await api.call('PATCH', await api.pathOf(broken), { spec: { replicas: 5_000 } }, merge);
    const { differences, ...counts } = await compareWithSnapshot(api, expected);
    expect(counts).toEqual({ objectsExpected: 4, objectsPresent: 3, objectsReady: 2 });
    expect(differences.toSorted()).toEqual(
      [
        `${describeObject(missing)}: missing`,
        `${describeObject(changed)}: data.LOG_LEVEL: expected "info", seen "debug"`,
        `${describeObject(broken)}: spec.replicas: expected 2, seen 5000`,
        `${describeObject(broken)}: not ready`,
      ].toSorted(),
    );
  });
});

describe('faults', () => {
  it('a killed API server and a killed etcd come back with what they held', async () => {
    const { api, processes } = lab.west;
    processes.etcd.kill();
    processes.apiserver.kill();
    await Promise.all([processes.etcd.gone(), processes.apiserver.gone()]);
    await expect(api.get('/api/v1/namespaces/shop-cart')).rejects.toThrow(/ECONNREFUSED|ECONNRESET|socket/);
    await processes.etcd.restart();
    await processes.apiserver.restart();
    expect(await api.get('/api/v1/namespaces/shop-cart')).toMatchObject({ metadata: { name: 'shop-cart' } });
  });

  it('a killed Velero takes its plugins along and starts on a clean folder', async () => {
    const { velero } = lab.east.processes;
    const family = familyOf(velero.pid);
    const temporary = join(testLab.folder, 'east', 'velero-tmp');
    writeFileSync(join(temporary, 'left-by-the-dead'), '');
    velero.kill();
    await velero.gone();
    expect(family.map(residentBytes).filter((bytes) => bytes > 0)).toEqual([]);
    const killedAt = Date.now();
    await velero.restart();
    await waitForLocation(lab.east, { checkedSince: killedAt });
    // The credentials of the store, and nothing of before.
    expect(readdirSync(temporary)).toContain('credentials');
    expect(readdirSync(temporary)).not.toContain('left-by-the-dead');
  });

  it('a killed store shows as an unavailable location and comes back with its backups', async () => {
    const { process } = lab.store;
    const backups = () => readdirSync(join(lab.store.folder, lab.store.bucket, 'backups'));
    const held = backups();
    process.kill();
    await process.gone();
    await waitUntil({ what: 'location unavailable', withinMs: 120_000 }, async () => {
      const location = await lab.west.api.get(`${VELERO_PATH}/backupstoragelocations/default`);
      expect(location['status']).toMatchObject({ phase: 'Unavailable' });
    });
    await process.restart();
    await waitForLocation(lab.west);
    expect(held).toContain('daily-by-hand');
    expect(backups()).toEqual(held);
  });

  it('a read-only store lets Velero look and refuses its backup', async () => {
    await lab.store.setReadOnly(true);
    const refused = takeBackup(lab.east, { name: 'refused' });
    await expect(refused).rejects.toThrow('backup refused of east: expected Completed, seen Failed');
    await lab.store.setReadOnly(false);
    await takeBackup(lab.east, { name: 'accepted' });
  });

  it('a webhook of a lost site rejects Knative Services, on the site that it was restored to as well', async () => {
    const webhook = await guardServices(lab.east, testLab);
    const [first] = serviceObjects({ knativeServices: 1, deployments: 0, configMaps: 0, virtualServices: 0 });
    if (first === undefined) throw new Error('one service');
    const changed = (value: string) => ({
      ...first,
      metadata: { ...first.metadata, annotations: { 'lab.siteshift.test/changed': value } },
    });
    await lab.east.api.apply(changed('while it is there'), 'delivery');
    const kinds = ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'];
    for (const kind of kinds) {
      const path = `/apis/admissionregistration.k8s.io/v1/${kind}/${WEBHOOK_CONFIGURATION}`;
      const { apiVersion, kind: kindName, metadata, ...rest } = await lab.east.api.get(path);
      await lab.west.api.create({ apiVersion, kind: kindName, metadata: { name: metadata.name }, ...rest });
    }
    webhook.kill();
    await webhook.gone();
    for (const { api } of both()) {
      await expect(api.apply(changed('after it was lost'), 'delivery')).rejects.toThrow(
        'failed calling webhook',
      );
    }
  });

  it('a paused API server answers again when it is resumed', async () => {
    const { api, processes } = lab.east;
    processes.apiserver.pause();
    const asked = api.get('/api/v1/namespaces/default');
    const first = await Promise.race([asked, new Promise((resolve) => setTimeout(resolve, 500, 'silence'))]);
    processes.apiserver.resume();
    expect(first).toBe('silence');
    expect(await asked).toMatchObject({ metadata: { name: 'default' } });
  });
});

describe('stop', () => {
  it('leaves no process behind', async () => {
    expect(processesAbout(testLab.folder).length).toBeGreaterThanOrEqual(15);
    await lab.stop();
    expect(processesAbout(testLab.folder)).toEqual([]);
  });
});
