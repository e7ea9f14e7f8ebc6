import { cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { cached, type Say } from '../engines/cache.ts';
import { goIn } from '../engines/build-go-programs.ts';
import { KWOK_VERSION } from './go-builds.ts';
import type { KubernetesObject } from './kubernetes-object.ts';

/** YAML that ships inside Go modules: definitions of kinds and KWOK's stages. Folders and files of the module. */
interface ModuleFiles {
  readonly module: string;
  readonly version: string;
  readonly files: readonly string[];
}

const KNATIVE_VERSION = '0.50.0';

/** networking and caching exactly as serving's go.mod asks for them: in serving these definitions are links. */
const DEFINITIONS: readonly ModuleFiles[] = [
  { module: 'knative.dev/serving', version: `v${KNATIVE_VERSION}`, files: ['config/core/300-resources'] },
  {
    module: 'knative.dev/networking',
    version: 'v0.0.0-20260727162500-c7a7b772cac9',
    files: [
      'config/certificate.yaml',
      'config/domain-claim.yaml',
      'config/ingress.yaml',
      'config/serverlessservice.yaml',
    ],
  },
  {
    module: 'knative.dev/caching',
    version: 'v0.0.0-20260727161800-0edbf88bc267',
    files: ['config/image.yaml'],
  },
  {
    module: 'istio.io/api',
    version: 'v1.31.1',
    files: ['kubernetes/customresourcedefinitions.gen.yaml'],
  },
];

const STAGES: readonly ModuleFiles[] = [
  {
    module: 'sigs.k8s.io/kwok',
    version: `v${KWOK_VERSION}`,
    files: [
      'kustomize/stage/node/fast/node-initialize.yaml',
      'kustomize/stage/node/heartbeat-with-lease/node-heartbeat-with-lease.yaml',
      'kustomize/stage/pod/fast/pod-ready.yaml',
      'kustomize/stage/pod/fast/pod-complete.yaml',
      'kustomize/stage/pod/fast/pod-delete.yaml',
    ],
  },
];

/** Folders of the cache. */
export const definitionsFolderName = `kubernetes-definitions-${KNATIVE_VERSION}`;
export const stagesFolderName = `kwok-stages-${KWOK_VERSION}`;

/** The definitions of Knative Serving and Istio. */
export async function serviceDefinitions(say: Say): Promise<readonly KubernetesObject[]> {
  return readObjects(await filesOf(definitionsFolderName, DEFINITIONS, say));
}

/** KWOK's own stages for nodes and pods. */
export async function kwokStages(say: Say): Promise<readonly KubernetesObject[]> {
  return readObjects(await filesOf(stagesFolderName, STAGES, say));
}

/** Every object of the YAML files of a folder. Each file is parsed alone: some of them lack the `---` between them. */
export function readObjects(folder: string): readonly KubernetesObject[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files.toSorted().flatMap((file) => parseObjects(readFileSync(join(folder, file), 'utf8'), file));
}

export function parseObjects(yaml: string, source: string): readonly KubernetesObject[] {
  return parseAllDocuments(yaml).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(`${source}: ${document.errors[0]?.message}`);
    const object = document.toJS() as KubernetesObject | null;
    return object === null ? [] : [object];
  });
}

async function filesOf(name: string, from: readonly ModuleFiles[], say: Say): Promise<string> {
  return cached({
    name,
    doing: `fetching ${name} from Go modules`,
    typically: 'a few seconds',
    say,
    build: async (folder) => {
      for (const part of from) await copyFiles(part, folder);
    },
  });
}

async function copyFiles(part: ModuleFiles, folder: string): Promise<void> {
  const go = goIn(folder, part.module);
  const { Dir } = JSON.parse(await go(['mod', 'download', '-json', `${part.module}@${part.version}`])) as {
    readonly Dir: string;
  };
  mkdirSync(folder, { recursive: true });
  const prefix = basename(part.module);
  for (const path of part.files) {
    const isFile = path.endsWith('.yaml');
    const files = isFile ? [path] : readdirSync(join(Dir, path)).map((file) => join(path, file));
    for (const file of files.filter((each) => each.endsWith('.yaml'))) {
      cpSync(join(Dir, file), join(folder, `${prefix}-${basename(file)}`));
    }
  }
}
