import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cacheFolder, type Say } from '../engines/cache.ts';
import { accessObjects, IDENTITIES } from '../kubernetes/access-objects.ts';
import { openApi, type ApiClient } from '../kubernetes/api-client.ts';
import { applyAll } from '../kubernetes/apply-all.ts';
import { makeCertificates } from '../kubernetes/certificates.ts';
import {
  apiserverProcess,
  CONTROL_PLANE_PORTS,
  controllerManagerProcess,
  etcdProcess,
  type ClusterPorts,
} from '../kubernetes/control-plane.ts';
import { installDefinitions } from '../kubernetes/install-definitions.ts';
import { writeKubeconfig } from '../kubernetes/kubeconfig.ts';
import { serviceDefinitions } from '../kubernetes/module-files.ts';
import { obtainKubernetesPrograms, type KubernetesPrograms } from '../kubernetes/programs.ts';
import { closeOnSignals } from '../process/close-on-signals.ts';
import { reservePorts } from '../process/ports.ts';
import { openSupervisor, type Supervised } from '../process/supervise.ts';

/** One control plane without anybody who plays nodes, pods or Knative: for what is about the API server alone. */
export interface BareCluster {
  readonly name: string;
  readonly server: string;
  readonly programs: KubernetesPrograms;
  readonly kubeconfig: (identity: string) => string;
  readonly api: ApiClient;
  readonly etcd: Supervised;
  readonly apiserver: Supervised;
  readonly controllerManager: Supervised;
  close(): Promise<void>;
}

/** Starts etcd, API server and controller manager in a new temporary folder, with Knative's and Istio's kinds. */
export async function startBareCluster(options: {
  readonly name: string;
  readonly say: Say;
  /** Ctrl-C and `kill` close it, from its first process on. For programs; tests close by themselves. */
  readonly endsOnSignals?: boolean;
}): Promise<BareCluster> {
  const { name, say, endsOnSignals = false } = options;
  const programs = await obtainKubernetesPrograms(say);
  const folder = mkdtempSync(join(tmpdir(), `siteshift-${name}-`));
  const supervisor = await openSupervisor({ stateFolder: join(folder, 'state'), say });
  const block = reservePorts(cacheFolder());
  let ending: Promise<void> | undefined; // a signal ends it, and so does the start that then fails
  const endAll = async () => {
    await supervisor.close('kill');
    block.release();
    rmSync(folder, { recursive: true, force: true });
  };
  const end = () => (ending ??= endAll());
  const takeBack = endsOnSignals ? closeOnSignals(end, say) : undefined;
  const close = async (api?: ApiClient) => {
    takeBack?.();
    api?.close();
    await end();
  };
  try {
    const numbers: [string, number][] = [];
    for (const use of CONTROL_PLANE_PORTS) numbers.push([use, await block.next()]);
    const ports = Object.fromEntries(numbers) as ClusterPorts;
    const certificates = await makeCertificates({
      folder: join(folder, 'certificates'),
      cluster: name,
      identities: IDENTITIES,
      say,
    });
    const server = `https://127.0.0.1:${ports.apiserver}`;
    const kubeconfig = (identity: string) => join(folder, 'kubeconfigs', `${identity}.json`);
    mkdirSync(join(folder, 'kubeconfigs'));
    for (const { name: user } of IDENTITIES) {
      writeKubeconfig({ file: kubeconfig(user), cluster: name, server, user, certificates });
    }
    const setup = { name, folder, ports, programs, certificates, kubeconfig };
    const etcd = await supervisor.start(etcdProcess(setup));
    const apiserver = await supervisor.start(apiserverProcess(setup));
    const api = openApi(kubeconfig('admin'));
    const [controllerManager] = await Promise.all([
      supervisor.start(controllerManagerProcess(setup)),
      applyAll(api, accessObjects(), 'lab').then(async () =>
        installDefinitions(api, name, await serviceDefinitions(say)),
      ),
    ]);
    return {
      name,
      server,
      programs,
      kubeconfig,
      api,
      etcd,
      apiserver,
      controllerManager,
      close: () => close(api),
    };
  } catch (error) {
    await close();
    throw error;
  }
}
