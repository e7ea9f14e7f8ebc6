import { readFileSync } from 'node:fs';
import type { GoBuild, GoCommand } from '../engines/build-go-programs.ts';

/** Versions that fit together; docs of each say why. Changing one makes a new folder in the cache. */
export const KUBERNETES_VERSION = '1.36.3';
export const KWOK_VERSION = '0.8.0';
export const VELERO_VERSION = '1.18.3';
const AWS_PLUGIN_VERSION = '1.14.3'; // 1.14.2 stores the chunk framing inside objects
const VERSITYGW_VERSION = '1.7.0';

export const KUBERNETES_PROGRAMS = [
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'kubectl',
] as const;

const [major, minor] = KUBERNETES_VERSION.split('.');

export const kubernetesBuild: GoBuild = {
  name: 'kubernetes',
  version: KUBERNETES_VERSION,
  programs: Object.fromEntries(KUBERNETES_PROGRAMS.map((name) => [name, `k8s.io/kubernetes/cmd/${name}`])),
  goMod: kubernetesGoMod,
  // Knative compares the server's version and refuses a server that has none.
  stamps: Object.fromEntries(
    ['k8s.io/component-base/version', 'k8s.io/client-go/pkg/version'].flatMap((path) => [
      [`${path}.gitVersion`, `v${KUBERNETES_VERSION}`],
      [`${path}.gitMajor`, major ?? ''],
      [`${path}.gitMinor`, minor ?? ''],
      [`${path}.gitTreeState`, 'clean'],
      [`${path}.gitCommit`, 'go-module'],
      [`${path}.buildDate`, '1970-01-01T00:00:00Z'],
    ]),
  ),
  typically: 'about 8 minutes on two cores',
};

/** Its go.mod asks for the parts of its own repository as v0.0.0, which exists nowhere: each is replaced. */
async function kubernetesGoMod(go: GoCommand): Promise<readonly string[]> {
  const answer = JSON.parse(
    await go(['mod', 'download', '-json', `k8s.io/kubernetes@v${KUBERNETES_VERSION}`]),
  ) as { readonly GoMod: string };
  const parts = readFileSync(answer.GoMod, 'utf8').matchAll(/^\s*(?:require )?(k8s\.io\/\S+) v0\.0\.0\s/gm);
  const staged = `v0.${KUBERNETES_VERSION.split('.').slice(1).join('.')}`;
  const replaces = [...parts].map(([, path]) => `replace ${path} => ${path} ${staged}`);
  if (replaces.length === 0) throw new Error(`${answer.GoMod}: expected parts at v0.0.0, found none`);
  return ['go 1.26.0', `require k8s.io/kubernetes v${KUBERNETES_VERSION}`, ...replaces];
}

const single = (name: string, module: string, path: string, version: string, typically: string): GoBuild => ({
  name,
  version,
  programs: { [name]: path },
  goMod: () => ['go 1.26.0', `require ${module} v${version}`],
  typically,
});

export const kwokBuild = single(
  'kwok',
  'sigs.k8s.io/kwok',
  'sigs.k8s.io/kwok/cmd/kwok',
  KWOK_VERSION,
  'about 2 minutes',
);

export const versitygwBuild = single(
  'versitygw',
  'github.com/versity/versitygw',
  'github.com/versity/versitygw/cmd/versitygw',
  VERSITYGW_VERSION,
  'about 75 seconds',
);

const AWS_PLUGIN = 'github.com/vmware-tanzu/velero-plugin-for-aws';
export const awsPluginBuild = single(
  'velero-plugin-for-aws',
  AWS_PLUGIN,
  `${AWS_PLUGIN}/velero-plugin-for-aws`,
  AWS_PLUGIN_VERSION,
  'about 4 minutes',
);

const VELERO = 'github.com/vmware-tanzu/velero';

export const veleroBuild: GoBuild = {
  name: 'velero',
  version: VELERO_VERSION,
  programs: { velero: '.' },
  goMod: () => [
    'go 1.26.0',
    `require ${VELERO} v${VELERO_VERSION}`,
    // Replaces of a dependency do not count, so Velero's own is repeated.
    'replace github.com/kopia/kopia => github.com/project-velero/kopia v0.0.0-20251230033609-d946b1e75197',
    'replace k8s.io/cli-runtime => k8s.io/cli-runtime v0.33.10',
  ],
  // Velero itself leaves controller-runtime's metrics on port 8080, so that a second server cannot start.
  mainSource: `package main

import (
	"os"
	"path/filepath"

	"${VELERO}/pkg/cmd/velero"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"
)

func main() {
	server.DefaultBindAddress = "0"
	if velero.NewCommand(filepath.Base(os.Args[0])).Execute() != nil {
		os.Exit(1)
	}
}
`,
  stamps: { [`${VELERO}/pkg/buildinfo.Version`]: `v${VELERO_VERSION}` },
  typically: 'about 5 minutes',
};
