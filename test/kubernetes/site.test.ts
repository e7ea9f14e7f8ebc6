import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyManifests } from '../../activities/apply-manifests.ts';
import { captureManifests } from '../../activities/capture-manifests.ts';
import { runStep } from '../../activities/define-step.ts';
import { rehearseKubernetes } from '../../activities/rehearse-kubernetes.ts';
import { restoreBackup } from '../../activities/restore-backup.ts';
import { scaleOutNodes } from '../../activities/scale-out-nodes.ts';
import { shiftMesh } from '../../activities/shift-mesh.ts';
import type {
  ApplyManifestsParameters,
  RestoreBackupParameters,
  ScaleOutNodesParameters,
  ShiftMeshParameters,
} from '../../domain/kubernetes/parameters.ts';
import { kubernetesSchema, type KubernetesInventory } from '../../domain/schema/kubernetes.ts';
import { dailySchedule, takeBackup, waitForSync } from '../../lab/kubernetes/backup.ts';
import { compareWithSnapshot, takeSnapshot, type Snapshot } from '../../lab/kubernetes/compare-clusters.ts';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { kubernetesSection } from '../../lab/kubernetes/inventory-section.ts';
import { startKubernetesLab, type KubernetesLab } from '../../lab/kubernetes/kubernetes-lab.ts';
import { TIER_LABEL } from '../../lab/kubernetes/object-builder.ts';
import { fillPlatform, type FilledPlatform } from '../../lab/kubernetes/platform.ts';
import { VELERO_PATH, waitForLocation } from '../../lab/kubernetes/velero.ts';
import { openTestLab, type TestLab } from '../lab/test-lab.ts';
import { operation, stepInput, stepTools } from './step-tools.ts';

// One site failover of the Kubernetes half, step by step on two real clusters; each test goes on from the one before.
let testLab: TestLab;
let lab: KubernetesLab;
let filled: FilledPlatform;
let inventory: KubernetesInventory;
let expected: Snapshot;
const nodes = 6;

beforeAll(async () => {
  testLab = await openTestLab();
  const { folder: dir, supervisor, ports, say } = testLab;
  lab = await startKubernetesLab({ dir, supervisor, ports, nodes: { east: nodes, west: 1 }, say });
  filled = await fillPlatform(lab.east, { say });
  await lab.east.api.apply(deadWebhook, 'platform');
  // Velero learns the platform's new kinds every five minutes only; a backup before would silently lack their objects.
  await lab.east.processes.velero.restart();
  await waitForLocation(lab.east);
  inventory = kubernetesSchema.parse(kubernetesSection(lab, { folder: join(dir, 'secrets'), nodes }));
  expected = await takeSnapshot(lab.east.api, [...filled.platform, ...filled.services]);
}, 1_800_000);
afterAll(() => testLab.close());

const WEBHOOKS = '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations';
/** Its backend is gone: wherever it is restored, no Knative Service can be written any more. */
const deadWebhook: KubernetesObject = {
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'ValidatingWebhookConfiguration',
  metadata: { name: 'validation.webhook.serving.knative.dev' },
  webhooks: [
    {
      name: 'validation.webhook.serving.knative.dev',
      admissionReviewVersions: ['v1'],
      sideEffects: 'None',
      failurePolicy: 'Fail',
      clientConfig: { url: 'https://127.0.0.1:1/' },
      rules: [
        {
          apiGroups: ['serving.knative.dev'],
          apiVersions: ['v1'],
          operations: ['CREATE', 'UPDATE'],
          resources: ['services'],
        },
      ],
    },
  ],
};

const need = <Value>(value: Value | undefined): Value => {
  if (value === undefined) throw new Error('the inventory of the lab lacks it');
  return value;
};
const west = () => ({ clusterName: 'west', cluster: need(inventory.clusters['west']) });
const store = () => ({ storeName: 'manifests', store: need(inventory.manifestStores['manifests']) });
const captureInput = (name: 'east' | 'west', options = {}) =>
  stepInput(
    {
      clusterName: name,
      cluster: need(inventory.clusters[name]),
      ...store(),
      domain: 'shop',
      services: need(inventory.services),
    },
    { operation: operation(0), ...options },
  );
const applyParameters = (): ApplyManifestsParameters => ({
  ...west(),
  ...store(),
  services: [],
  readyTimeoutMs: 120_000,
  onConflict: 'report',
  without: [],
});
const restoreParameters = (more: Partial<RestoreBackupParameters> = {}): RestoreBackupParameters => ({
  ...west(),
  locationName: 'backups',
  location: need(inventory.backupLocations['backups']),
  serviceSelector: { label: TIER_LABEL, value: 'service' },
  direct: false,
  timeoutMs: 300_000,
  stuckMs: 120_000,
  attempts: 3,
  ...more,
});
const scaleParameters = (more: object = {}): ScaleOutNodesParameters => ({
  ...west(),
  poolName: 'workers',
  pool: { ...need(inventory.clusters['west']?.nodePools['workers']), ...more },
  store: store().store,
});
const bucketFile = (...parts: string[]) => join(lab.store.folder, ...parts);

describe('the manifest store in S3', () => {
  it('takes every service of the primary cluster, and nothing that is not theirs', async () => {
    const outcome = await runStep(captureManifests, captureInput('east'), stepTools());
    expect(outcome).toMatchObject({
      status: 'done',
      after: { objects: filled.services.length, leftOutTotal: 0 },
    });
    expect(await runStep(captureManifests, captureInput('east'), stepTools())).toMatchObject({
      status: 'already',
    });
  });

  it('is not overwritten from another cluster of the same epoch', async () => {
    const outcome = await runStep(captureManifests, captureInput('west'), stepTools());
    expect(outcome).toMatchObject({ status: 'refused', summary: expect.stringContaining('follows east') });
  });
});

describe('restoreBackup', () => {
  it('refuses while there is no good backup, and says why for each', async () => {
    const outcome = await runStep(restoreBackup, stepInput(restoreParameters()), stepTools());
    expect(outcome).toMatchObject({ status: 'refused' });
    expect(outcome.details).toContain('there is no backup at all');
  });

  it('passes over a backup that is truncated', async () => {
    await takeBackup(lab.east, { name: 'daily-1' });
    await takeBackup(lab.east, { name: 'daily-2' });
    const archive = bucketFile('backups', 'backups', 'daily-2', 'daily-2.tar.gz');
    const whole = readFileSync(archive);
    truncateSync(archive, Math.floor(whole.length / 2));
    await waitForSync(lab.west, 'daily-1');
    const outcome = await runStep(
      restoreBackup,
      stepInput(restoreParameters(), { mode: 'precheck' }),
      stepTools(),
    );
    expect(outcome).toMatchObject({ status: 'planned', before: { backup: { name: 'daily-1' } } });
    expect(JSON.stringify(outcome.before)).toContain('daily-2.tar.gz');
    expect(JSON.stringify(outcome.before)).toContain('is truncated or corrupted');
    writeFileSync(archive, whole);
  });

  it('says in a precheck that Velero could not write its results', async () => {
    await lab.store.setReadOnly(true);
    const input = stepInput(restoreParameters(), { mode: 'precheck' });
    const outcome = await runStep(restoreBackup, input, stepTools());
    await lab.store.setReadOnly(false);
    expect(outcome.status).toBe('planned');
    expect(outcome.details.at(-1)).toMatch(
      /^Velero would call it failed if its credentials are as ours: PUT \/backups\/restores\/siteshift-probe\/\S+: 403 AccessDenied: these credentials may not do this$/,
    );
  });

  it('goes on with a new attempt when Velero dies in the middle, and brings every object back', async () => {
    await waitForSync(lab.west, 'daily-2');
    let restarted: Promise<void> | undefined;
    const { velero } = lab.west.processes;
    const tools = stepTools({
      reached: async (point) => {
        if (point !== 'restoreBackup:running' || restarted !== undefined) return;
        const restores = await lab.west.api.list(`${VELERO_PATH}/restores`);
        if (
          !restores.some(({ status }) => (status as { phase?: string } | undefined)?.phase === 'InProgress')
        )
          return;
        velero.kill();
        restarted = velero.gone().then(() => velero.restart());
      },
    });
    const outcome = await runStep(restoreBackup, stepInput(restoreParameters()), tools);
    await restarted;
    expect(restarted).toBeDefined();
    expect(outcome).toMatchObject({ status: 'done', after: { missing: 0, backup: { name: 'daily-2' } } });
    const restores = await lab.west.api.list(`${VELERO_PATH}/restores`);
    const phases = restores.map(({ status }) => (status as { phase: string }).phase);
    expect(phases.toSorted()).toEqual(['Completed', 'Failed']);
    const { differences } = await compareWithSnapshot(lab.west.api, onlyPlatform());
    expect(differences).toEqual([]);
    // In the backup, and not brought back: it would refuse every service that is to come.
    expect(await lab.west.api.list(WEBHOOKS)).toEqual([]);
  }, 600_000);

  it('has nothing to do when it runs again', async () => {
    expect(await runStep(restoreBackup, stepInput(restoreParameters()), stepTools())).toMatchObject({
      status: 'already',
    });
  });
});

describe('restoreBackup, directly', () => {
  it('brings plain objects back by itself, and leaves to Velero what grants rights', async () => {
    const lost = ['ConfigMap', 'NetworkPolicy', 'Role'].map((kind) =>
      need(
        filled.platform.find((object) => object.kind === kind && object.metadata.namespace === 'shop-cart'),
      ),
    );
    for (const object of lost) await lab.west.api.delete(object);
    const again = stepInput(restoreParameters({ direct: true }));
    const outcome = await runStep(restoreBackup, again, stepTools());
    expect(outcome).toMatchObject({ status: 'done', before: { missing: 3 }, after: { missing: 0 } });
    expect(outcome.details).toEqual(
      expect.arrayContaining(['2 objects applied from the backup', expect.stringMatching(/-a3: Completed/)]),
    );
    const { differences } = await compareWithSnapshot(lab.west.api, onlyPlatform());
    expect(differences).toEqual([]);
  });
});

const onlyPlatform = (): Snapshot =>
  new Map([...expected].filter(([, { metadata }]) => metadata.labels?.[TIER_LABEL] === 'platform'));

describe('scaleOutNodes', () => {
  it('refuses what the quota of the pool does not give, and names it', async () => {
    const outcome = await runStep(scaleOutNodes, stepInput(scaleParameters({ maxNodes: 3 })), stepTools());
    expect(outcome).toMatchObject({
      status: 'refused',
      summary: 'nodes of west/workers: wanted are 6, the quota is 3',
    });
  });

  it('refuses nodes that are too small for what the manifests ask for, and names the resource', async () => {
    const small = { resources: { cpu: '1', memory: '64Gi' } };
    const outcome = await runStep(scaleOutNodes, stepInput(scaleParameters(small)), stepTools());
    expect(outcome.details).toEqual([
      expect.stringMatching(/^cpu of 6 nodes of pool workers: the manifests ask for \d+.*, there is 6$/),
    ]);
  });

  it('scales the pool and waits for every node', async () => {
    const outcome = await runStep(scaleOutNodes, stepInput(scaleParameters()), stepTools());
    expect(outcome).toMatchObject({
      status: 'done',
      before: { asked: 1 },
      after: { asked: nodes, ready: nodes },
      snapshot: { asked: 1 },
    });
    expect(await runStep(scaleOutNodes, stepInput(scaleParameters()), stepTools())).toMatchObject({
      status: 'already',
    });
  });

  it('takes the quorum after the deadline and names the nodes that are missing', async () => {
    const pool = '/apis/lab.siteshift.test/v1/namespaces/node-pools/nodepools/workers';
    await lab.west.api.call(
      'PATCH',
      pool,
      { spec: { deadReplicas: nodes + 1 } },
      'application/merge-patch+json',
    );
    const more = { nodes: nodes + 1, deadlineMs: 5_000 };
    const few = await runStep(scaleOutNodes, stepInput(scaleParameters({ ...more, quorum: 1 })), stepTools());
    expect(few.status).toBe('failed');
    expect(few.summary).toMatch(
      /expected at least 7 of 7 nodes ready, seen 6: workers-0007: Ready not reported yet/,
    );
    const enough = await runStep(
      scaleOutNodes,
      stepInput(scaleParameters({ ...more, quorum: 0.8 })),
      stepTools(),
    );
    expect(enough).toMatchObject({
      status: 'done',
      leftToDo: [expect.stringContaining('workers-0007'), expect.any(String)],
    });
    const undone = await runStep(
      scaleOutNodes,
      stepInput(scaleParameters(more), { mode: 'undo', snapshot: { asked: nodes } }),
      stepTools(),
    );
    expect(undone).toMatchObject({ status: 'done', summary: 'west/workers: asks for 6 nodes again' });
  });
});

describe('applyManifests after the restore', () => {
  it('finds nothing to object to in a precheck, which changes nothing', async () => {
    const outcome = await runStep(
      applyManifests,
      stepInput(applyParameters(), { mode: 'precheck', operation: operation(0) }),
      stepTools(),
    );
    expect(outcome).toMatchObject({
      status: 'planned',
      before: { toCreate: filled.services.length, findingsTotal: 0, missingNamespaces: [] },
    });
    const { objectsPresent } = await compareWithSnapshot(lab.west.api, expected);
    expect(objectsPresent).toBe(onlyPlatform().size);
  });

  it('makes both clusters equal, object by object', async () => {
    const outcome = await runStep(applyManifests, stepInput(applyParameters()), stepTools());
    expect(outcome).toMatchObject({ status: 'done', after: { ready: filled.services.length } });
    expect(await compareWithSnapshot(lab.west.api, expected)).toEqual({
      objectsExpected: expected.size,
      objectsPresent: expected.size,
      objectsReady: expected.size,
      differences: [],
    });
  });

  it('moves the store to the new primary: the lost site can no longer overwrite it', async () => {
    const outcome = await runStep(captureManifests, captureInput('west'), stepTools());
    expect(outcome).toMatchObject({ status: 'done', after: { storeEpoch: 2 } });
    const late = await runStep(captureManifests, captureInput('east'), stepTools());
    expect(late).toMatchObject({
      status: 'refused',
      summary: expect.stringContaining('the store holds epoch 2 of west'),
    });
  });
});

describe('shiftMesh', () => {
  const parameters = (more: Partial<ShiftMeshParameters> = {}): ShiftMeshParameters => {
    const [host = '', mesh] = Object.entries(inventory.meshHosts)[0] ?? [];
    return { ...west(), host, mesh: need(mesh), ...more };
  };
  const routesOf = async (host: string) =>
    (await lab.west.api.list('/apis/networking.istio.io/v1/virtualservices')).filter(({ spec }) =>
      (spec as { hosts: string[] }).hosts.includes(host),
    );

  it('gives the host exactly one VirtualService and takes the service off the public gateway', async () => {
    const { host, mesh } = parameters();
    const outcome = await runStep(shiftMesh, stepInput(parameters()), stepTools());
    expect(outcome).toMatchObject({ status: 'done', snapshot: { route: null } });
    const routes = await routesOf(host);
    expect(routes).toHaveLength(1);
    expect(routes[0]?.['spec']).toMatchObject({
      http: [{ rewrite: { authority: `${mesh.service}.${mesh.namespace}.svc.cluster.local` } }],
    });
    expect(await runStep(shiftMesh, stepInput(parameters()), stepTools())).toMatchObject({
      status: 'already',
    });
  });

  it('moves a part to a canary by percent or by header, and undoes it from the snapshot', async () => {
    const { host, mesh } = parameters();
    const service = mesh.service.replace('-06', '-07');
    const before = (await routesOf(host))[0]?.['spec'];
    const byPercent = await runStep(
      shiftMesh,
      stepInput(parameters({ canary: { service, percent: 20 } })),
      stepTools(),
    );
    expect(byPercent).toMatchObject({ status: 'done' });
    expect((await routesOf(host))[0]?.['spec']).toMatchObject({
      http: [{ route: [{ weight: 80 }, { weight: 20 }] }],
    });
    const header = { name: 'X-Canary', value: 'yes' };
    const byHeader = await runStep(
      shiftMesh,
      stepInput(parameters({ canary: { service, header } })),
      stepTools(),
    );
    expect((await routesOf(host))[0]?.['spec']).toMatchObject({
      http: [{ match: [{ headers: { 'x-canary': { exact: 'yes' } } }] }, { name: 'all' }],
    });
    for (const { snapshot } of [byHeader, byPercent]) {
      const undone = await runStep(
        shiftMesh,
        stepInput(parameters(), { mode: 'undo', ...(snapshot === undefined ? {} : { snapshot }) }),
        stepTools(),
      );
      expect(undone.status).toBe('done');
    }
    const routes = await routesOf(host);
    expect(routes.map((route) => route['spec'])).toEqual([before]);
  });

  it('refuses a host that two objects answer for, and a service that is not there', async () => {
    const { host, mesh } = parameters();
    const [route] = await routesOf(host);
    const second = { name: 'second', namespace: mesh.namespace };
    await lab.west.api.create({ ...need(route), metadata: second });
    const twice = await runStep(shiftMesh, stepInput(parameters()), stepTools());
    expect(twice).toMatchObject({
      status: 'refused',
      summary: expect.stringContaining('expected one VirtualService at these gateways, seen 2'),
    });
    await lab.west.api.delete({ ...need(route), metadata: second });
    const absent = await runStep(
      shiftMesh,
      stepInput(parameters({ canary: { service: 'nobody', percent: 1 } })),
      stepTools(),
    );
    expect(absent).toMatchObject({
      status: 'refused',
      summary: expect.stringContaining('Knative Service nobody is not there'),
    });
  });
});

describe('a store that cannot be trusted', () => {
  it('says which bundle is broken at precheck, and applies nothing of it', async () => {
    const [first = ''] = readdirSync(bucketFile('manifests', 'bundles'));
    const file = bucketFile('manifests', 'bundles', first);
    const whole = readFileSync(file);
    truncateSync(file, 30);
    const outcome = await runStep(
      applyManifests,
      stepInput(applyParameters(), { mode: 'precheck', operation: operation(0) }),
      stepTools(),
    );
    expect(outcome).toMatchObject({
      status: 'refused',
      summary: expect.stringMatching(/was truncated or changed: expected SHA-256/),
    });
    rmSync(file);
    const gone = await runStep(applyManifests, stepInput(applyParameters()), stepTools());
    expect(gone).toMatchObject({
      status: 'refused',
      summary: expect.stringContaining('is missing in s3://manifests/'),
    });
    writeFileSync(file, whole);
  });
});

/** Changes the same file of every backup, and puts it back. */
async function withEachBackup<Value>(
  file: (name: string) => string,
  damage: (path: string, whole: Buffer) => void,
  work: () => Promise<Value>,
): Promise<Value> {
  const names = readdirSync(bucketFile('backups', 'backups'));
  const paths = names.map((name) => bucketFile('backups', 'backups', name, file(name)));
  const whole = paths.map((path) => readFileSync(path));
  paths.forEach((path, index) => damage(path, need(whole[index])));
  try {
    return await work();
  } finally {
    paths.forEach((path, index) => writeFileSync(path, need(whole[index])));
  }
}

describe('rehearseKubernetes', () => {
  const rehearsal = (more: object = {}) => {
    const { clusterName: name, cluster } = west();
    return stepInput(
      {
        ...store(),
        primary: { name: 'east', cluster: need(inventory.clusters['east']) },
        standby: { name, cluster },
        locationName: 'backups',
        location: need(inventory.backupLocations['backups']),
        serviceSelector: { label: TIER_LABEL, value: 'service' },
        nodePools: {},
        ...more,
      },
      { mode: 'precheck', operation: operation(0) },
    );
  };
  const findings = async (more: object = {}) => {
    const outcome = await runStep(rehearseKubernetes, rehearsal(more), stepTools());
    return outcome.before as { problems: string[]; warnings: string[]; good: string[] };
  };

  it('finds nothing wrong with the lab, and says what it looked at', async () => {
    await lab.east.api.apply(dailySchedule('east'), 'lab');
    await expect.poll(async () => (await findings()).problems, { timeout: 60_000 }).toEqual([]);
    const { good } = await findings();
    expect(good.join('\n')).toMatch(
      /completeness of daily-2: all \d+ objects that east had at its start are in it/,
    );
    expect(good.join('\n')).toMatch(/backup location of west: Available/);
    expect(good.join('\n')).toMatch(/writing to backup location backups: works/);
  });

  it('finds a backup that Velero calls complete although it lacks a new kind', async () => {
    const { velero } = lab.east.processes;
    await velero.restart(); // from here on it does not learn kinds for five minutes
    await waitForLocation(lab.east);
    const [definition] = filled.platform.filter(({ kind }) => kind === 'CustomResourceDefinition');
    const renamed = JSON.stringify(need(definition)).replaceAll(/platform\.example/g, 'late.example');
    await lab.east.api.apply(JSON.parse(renamed) as KubernetesObject, 'lab');
    const instance = filled.platform.find(({ apiVersion }) => apiVersion === 'platform.example/v1');
    await expect
      .poll(
        () =>
          lab.east.api
            .apply({ ...need(instance), apiVersion: 'late.example/v1' }, 'lab')
            .then(() => 'made', String),
        { timeout: 30_000 },
      )
      .toBe('made');
    await sleep(1_100); // timestamps have whole seconds
    await takeBackup(lab.east, { name: 'daily-3' });
    await waitForSync(lab.west, 'daily-3');
    const { problems } = await findings();
    expect(problems.join('\n')).toMatch(/completeness of daily-3: it lacks 1 \w+\.late\.example/);
    expect(problems.join('\n')).toMatch(/definitions on west: 1 of \d+ are missing: \w+\.late\.example/);
  });

  it('finds a backup that is too old, a schedule that is not there, credentials that do not fit, and a bucket that takes no writes', async () => {
    const old = { ...need(inventory.backupLocations['backups']), maximumAgeMs: 1 };
    expect((await findings({ location: old })).problems.join('\n')).toMatch(
      /newest backup in backups: none is good: .*h old/,
    );
    const weekly = { ...need(inventory.backupLocations['backups']), schedule: 'weekly' };
    expect((await findings({ location: weekly })).problems.join('\n')).toMatch(
      /schedule weekly of east: there is none/,
    );
    const wrong = join(testLab.folder, 'wrong-key');
    writeFileSync(wrong, 'expired');
    const location = { ...need(inventory.backupLocations['backups']), secretKey: `file:${wrong}` };
    expect((await findings({ location })).problems.join('\n')).toMatch(
      /SignatureDoesNotMatch: the secret key does not fit/,
    );
    await lab.store.setReadOnly(true);
    const readOnly = await findings();
    const capture = captureInput('west', { mode: 'precheck' });
    const captured = await runStep(captureManifests, capture, stepTools());
    await lab.store.setReadOnly(false);
    expect(captured.status).toBe('refused');
    expect(captured.summary).toMatch(
      /^manifest store s3:\/\/manifests\/: PUT \/manifests\/probe\/\S+: 403 AccessDenied: these credentials may not do this$/,
    );
    expect(readOnly.problems.join('\n')).toMatch(/writing to backup location backups: .*AccessDenied/);
    expect(readOnly.problems.join('\n')).toMatch(/manifest store manifests: .*AccessDenied/);
  });

  const archive = (name: string) => `${name}.tar.gz`;
  const metadata = () => 'velero-backup.json';
  const inArchive = (because: string) =>
    new RegExp(
      `^daily-1: s3://backups/backups/daily-1/daily-1\\.tar\\.gz \\(\\d+ bytes\\) is truncated or corrupted: ${because}`,
      'm',
    );
  it.each<[string, (name: string) => string, (path: string, whole: Buffer) => void, RegExp]>([
    [
      'an archive that is cut off',
      archive,
      (path, whole) => truncateSync(path, Math.floor(whole.length / 2)),
      inArchive('Error: unexpected end of file$'),
    ],
    [
      'an archive that is no gzip',
      archive,
      (path) => writeFileSync(path, '<html>not found</html>'),
      inArchive('Error: incorrect header check$'),
    ],
    [
      'an archive with an object that is no JSON',
      archive,
      (path, whole) => {
        const tar = gunzipSync(whole);
        tar.write('[', tar.indexOf('{"apiVersion"'));
        writeFileSync(path, gzipSync(tar));
      },
      inArchive('SyntaxError: .*$'),
    ],
    [
      'metadata that is no JSON',
      metadata,
      (path) => writeFileSync(path, '{"kind"'),
      /^daily-1: its metadata cannot be read: velero-backup\.json \(7 bytes\) is no JSON$/m,
    ],
    [
      'metadata that is something else',
      metadata,
      (path) => writeFileSync(path, '[]'),
      /^daily-1: its metadata cannot be read: velero-backup\.json names no phase$/m,
    ],
    [
      'metadata that is gone',
      metadata,
      (path) => rmSync(path),
      /^daily-1: its metadata cannot be read: velero-backup\.json is missing$/m,
    ],
  ])('refuses %s, at precheck and in the rehearsal', async (_, file, damage, because) => {
    const [outcome, { problems }] = await withEachBackup(file, damage, () =>
      Promise.all([
        runStep(restoreBackup, stepInput(restoreParameters(), { mode: 'precheck' }), stepTools()),
        findings(),
      ]),
    );
    expect(outcome.status).toBe('refused');
    expect(outcome.details[0]).toBe('west: no backup is good enough to restore');
    expect(outcome.details.join('\n')).toMatch(because);
    const newest = problems.find((problem) => problem.startsWith('newest backup in backups: none is good: '));
    expect(need(newest).replaceAll(/none is good: |; /g, '\n')).toMatch(
      new RegExp(because.source.replace(/\$$/, ''), 'm'),
    );
  });

  it('names a newer backup that is broken although an older one is good', async () => {
    const path = bucketFile('backups', 'backups', 'daily-3', 'velero-backup.json');
    const whole = readFileSync(path);
    writeFileSync(path, 'not found');
    const { warnings } = await findings();
    writeFileSync(path, whole);
    expect(warnings).toContain(
      'backup daily-3: not used: its metadata cannot be read: velero-backup.json (9 bytes) is no JSON; take another one and see why this one is not good',
    );
  });

  it.each([
    [
      'a secret key that does not fit',
      'secretKey',
      'SignatureDoesNotMatch: the secret key does not fit the access key',
    ],
  ])('every step refuses %s at precheck', async (_, key, words) => {
    const wrong = join(testLab.folder, 'wrong-key');
    writeFileSync(wrong, 'expired');
    const changed = { [key]: `file:${wrong}` };
    const location = { ...need(inventory.backupLocations['backups']), ...changed };
    const other = { ...store().store, ...changed };
    const precheck = { mode: 'precheck', operation: operation(0) } as const;
    const { parameters } = captureInput('west');
    const outcomes = [
      await runStep(restoreBackup, stepInput(restoreParameters({ location }), precheck), stepTools()),
      await runStep(applyManifests, stepInput({ ...applyParameters(), store: other }, precheck), stepTools()),
      await runStep(captureManifests, stepInput({ ...parameters, store: other }, precheck), stepTools()),
    ];
    expect(outcomes.map(({ status, summary }) => `${status}: ${summary}`)).toEqual([
      `refused: GET /backups: 403 ${words}`,
      `refused: GET /manifests/head.json: 403 ${words}`,
      `refused: GET /manifests/head.json: 403 ${words}`,
    ]);
  });
});
