import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildGoPrograms, type GoBuild } from '../engines/build-go-programs.ts';
import { cachedVersions, type Say } from '../engines/cache.ts';
import { obtainEtcd } from '../engines/etcd.ts';
import { findProgram, namedProgram } from '../engines/find-program.ts';
import { runCommand } from '../engines/run-command.ts';
import { downloadPrograms } from './download-program.ts';
import {
  awsPluginBuild,
  kubernetesBuild,
  KUBERNETES_PROGRAMS,
  KUBERNETES_VERSION,
  kwokBuild,
  veleroBuild,
  versitygwBuild,
} from './go-builds.ts';

/** Paths of executables; the Kubernetes ones are of one version. */
export interface KubernetesPrograms {
  readonly etcd: string;
  readonly apiserver: string;
  readonly controllerManager: string;
  readonly scheduler: string;
  readonly kubectl: string;
  readonly kwok: string;
  readonly velero: string;
  readonly awsPlugin: string;
  readonly versitygw: string;
}

/**
 * Each from its environment variable (SITESHIFT_KUBE_APISERVER, SITESHIFT_KWOK…), the PATH, the cache, the official
 * download where it is reachable, or built from Go modules: the first time of all takes about 20 minutes on two cores.
 * One after the other on purpose: each build uses all cores by itself.
 */
export async function obtainKubernetesPrograms(say: Say): Promise<KubernetesPrograms> {
  const kubernetes = await obtainKubernetes(say);
  return {
    etcd: await obtainEtcd(say),
    ...kubernetes,
    kwok: await obtainKwok(say),
    velero: await obtainVelero(say),
    awsPlugin: await obtainFromModule(awsPluginBuild, say),
    versitygw: await obtainFromModule(versitygwBuild, say),
  };
}

type Kubernetes = Pick<KubernetesPrograms, 'apiserver' | 'controllerManager' | 'scheduler' | 'kubectl'>;

async function obtainKubernetes(say: Say): Promise<Kubernetes> {
  const found = await findKubernetes(say);
  const missing = KUBERNETES_PROGRAMS.filter((name) => found[name] === undefined);
  const folder = missing.length > 0 ? await kubernetesFolder(say) : '';
  const path = (name: (typeof KUBERNETES_PROGRAMS)[number]) => found[name] ?? join(folder, name);
  return {
    apiserver: path('kube-apiserver'),
    controllerManager: path('kube-controller-manager'),
    scheduler: path('kube-scheduler'),
    kubectl: path('kubectl'),
  };
}

/** What the variables name, and what of the PATH has our version: a mixed control plane fails in strange ways. */
async function findKubernetes(say: Say): Promise<Readonly<Record<string, string>>> {
  const found: Record<string, string> = {};
  for (const name of KUBERNETES_PROGRAMS) {
    const named = namedProgram(variableFor(name));
    const onPath = named === undefined ? findProgram([name]) : undefined;
    if (named !== undefined) found[name] = named;
    else if (onPath !== undefined && (await hasOurVersion(onPath, name))) found[name] = onPath;
    else if (onPath !== undefined)
      say(`${onPath} is not of version ${KUBERNETES_VERSION}, so it is not used`);
  }
  return found;
}

async function hasOurVersion(program: string, name: string): Promise<boolean> {
  const args = name === 'kubectl' ? ['version', '--client'] : ['--version'];
  const printed = await runCommand(program, args, { timeoutMs: 10_000 }).catch(() => '');
  return printed.split(/\s/).includes(`v${KUBERNETES_VERSION}`);
}

async function kubernetesFolder(say: Say): Promise<string> {
  const site = `https://dl.k8s.io/v${KUBERNETES_VERSION}/bin/${platform()}`;
  const programs = Object.fromEntries(KUBERNETES_PROGRAMS.map((name) => [name, `${site}/${name}`]));
  if (!isCached(kubernetesBuild)) {
    await downloadPrograms({ name: kubernetesBuild.name, version: KUBERNETES_VERSION, programs }, say);
  }
  return buildGoPrograms(kubernetesBuild, say);
}

async function obtainKwok(say: Say): Promise<string> {
  const found = findProgram(['kwok'], 'SITESHIFT_KWOK');
  if (found !== undefined) return found;
  return join(await buildGoPrograms(kwokBuild, say), 'kwok');
}

/** Not from the PATH: what is installed there is the usual program, and two servers of it collide on port 8080. */
async function obtainVelero(say: Say): Promise<string> {
  return namedProgram('SITESHIFT_VELERO') ?? join(await buildGoPrograms(veleroBuild, say), 'velero');
}

async function obtainFromModule(build: GoBuild, say: Say): Promise<string> {
  const found = findProgram([build.name], variableFor(build.name));
  return found ?? join(await buildGoPrograms(build, say), build.name);
}

/** Names the program where it lies elsewhere. */
export const variableFor = (name: string) => `SITESHIFT_${name.toUpperCase().replaceAll('-', '_')}`;

const isCached = (build: GoBuild) =>
  cachedVersions(`${build.name}-${build.version}`).some((folder) => existsSync(join(folder, 'bin')));

const platform = () =>
  `${process.platform === 'darwin' ? 'darwin' : 'linux'}/${process.arch === 'arm64' ? 'arm64' : 'amd64'}`;
