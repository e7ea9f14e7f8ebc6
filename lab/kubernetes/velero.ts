import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../engines/run-command.ts';
import type { ProcessSpec } from '../process/supervise.ts';
import type { ApiClient } from './api-client.ts';
import { checkPlain, STOP_MS, flags, type ClusterSetup } from './control-plane.ts';
import { VELERO_VERSION } from './go-builds.ts';
import type { KubernetesObject } from './kubernetes-object.ts';
import { parseObjects } from './module-files.ts';
import type { ObjectStore } from './object-store.ts';
import { waitUntil } from './wait-until.ts';

export const VELERO_NAMESPACE = 'velero';
export const VELERO_PATH = `/apis/velero.io/v1/namespaces/${VELERO_NAMESPACE}`;
const LOCATION = 'default';

/** The kinds of this very Velero, as it prints them itself. */
export async function veleroDefinitions(program: string): Promise<readonly KubernetesObject[]> {
  const args = ['install', '--crds-only', '--dry-run', '-o', 'json'];
  const printed = await runCommand(program, args, { timeoutMs: 30_000 });
  return parseObjects(printed, 'velero install').flatMap((object) =>
    object.kind === 'List' ? (object['items'] as readonly KubernetesObject[]) : [object],
  );
}

/** Its namespace, the store's credentials and the location. Apply after the definitions. */
export function veleroObjects(store: ObjectStore): readonly KubernetesObject[] {
  const namespace = VELERO_NAMESPACE;
  const credentials = [
    '[default]',
    `aws_access_key_id=${store.accessKey}`,
    `aws_secret_access_key=${store.secretKey}`,
  ];
  const config = { region: store.region, s3ForcePathStyle: 'true', s3Url: store.url };
  return [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'object-store', namespace },
      stringData: { cloud: `${credentials.join('\n')}\n` },
    },
    {
      apiVersion: 'velero.io/v1',
      kind: 'BackupStorageLocation',
      metadata: { name: LOCATION, namespace },
      spec: {
        provider: 'aws',
        default: true,
        credential: { name: 'object-store', key: 'cloud' },
        objectStorage: { bucket: store.bucket },
        config,
      },
    },
    veleroDeployment(namespace),
  ];
}

/** Never runs: Velero reads the image of its own Deployment, and a Restore without one ends with zero items. */
function veleroDeployment(namespace: string): KubernetesObject {
  const labels = { component: 'velero', deploy: 'velero' };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'velero', namespace, labels },
    spec: {
      replicas: 0,
      selector: { matchLabels: { deploy: 'velero' } },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'velero', image: `velero/velero:v${VELERO_VERSION}` }] },
      },
    },
  };
}

/**
 * The server as a plain process. `server` must be its first argument and values need `=`: it hands the rest to its
 * plugins, which start as children in its process group.
 */
export function veleroProcess(setup: ClusterSetup): ProcessSpec {
  const { name, folder, ports, programs } = setup;
  const temporary = join(folder, 'velero-tmp');
  const plugins = join(folder, 'velero-plugins');
  const options = {
    kubeconfig: setup.kubeconfig('velero'),
    namespace: VELERO_NAMESPACE,
    'plugin-dir': plugins,
    'metrics-address': `127.0.0.1:${ports.velero}`,
    'profiler-address': '',
    'backup-sync-period': '10s',
    'store-validation-frequency': '10s',
    'log-format': 'json',
  };
  return {
    name: `${name}-velero`,
    command: programs.velero,
    args: ['server', ...flags(options)],
    // Credentials and unpacked backups go there under fixed names, so no two servers may share it.
    env: { TMPDIR: temporary, HOME: temporary },
    ports: { metrics: ports.velero },
    prepare: () => {
      for (const made of [temporary, plugins]) {
        rmSync(made, { recursive: true, force: true }); // a killed server leaves unpacked backups
        mkdirSync(made, { recursive: true, mode: 0o700 });
      }
      symlinkSync(programs.awsPlugin, join(plugins, 'velero-plugin-for-aws'));
    },
    readyWithinMs: 240_000,
    stopWithinMs: STOP_MS,
    ready: () => checkPlain(`http://127.0.0.1:${ports.velero}/metrics`, 'go_goroutines'),
  };
}

interface LocationStatus {
  readonly phase?: string;
  readonly message?: string;
  readonly lastValidationTime?: string;
}

/**
 * Velero has reached the bucket. The phase outlives the server that wrote it: after a restart ask for a check that is
 * newer, `checkedSince` in ms since 1970.
 */
export async function waitForLocation(
  { api, name }: { readonly api: ApiClient; readonly name: string },
  options: { readonly checkedSince?: number; readonly withinMs?: number } = {},
): Promise<void> {
  const { checkedSince = 0, withinMs = 180_000 } = options;
  await waitUntil({ what: `backup location of ${name} available`, withinMs }, async () => {
    const location = await api.get(`${VELERO_PATH}/backupstoragelocations/${LOCATION}`);
    const { phase, message = '', lastValidationTime = '' } = (location['status'] ?? {}) as LocationStatus;
    if (phase !== 'Available')
      throw new Error(`expected phase Available, seen ${phase ?? 'none'} ${message}`.trim());
    // The time is cut to whole seconds, so a check right after a restart may not count: the next one will.
    if (checkedSince > 0 && Date.parse(lastValidationTime) < checkedSince) {
      throw new Error(
        `last checked at ${lastValidationTime}, before ${new Date(checkedSince).toISOString()}`,
      );
    }
  });
}
