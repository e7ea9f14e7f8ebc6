import { beginningWith } from '../../domain/kubernetes/autoscaled.ts';
import { stageOf } from '../../domain/kubernetes/stages.ts';
import {
  duplicateFindings,
  findingsOf,
  type ManifestFinding,
} from '../../domain/kubernetes/manifest-findings.ts';
import type { StoredManifest } from '../../domain/kubernetes/marks.ts';
import { keyOf, nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import type { ApplyManifestsParameters } from '../../domain/kubernetes/parameters.ts';
import { matchesAny } from '../../domain/kubernetes/services.ts';
import type { StoreHead } from '../../domain/kubernetes/store-records.ts';
import type { StepTools } from '../tools.ts';
import { openStore, readManifests } from './manifest-store.ts';

export interface LoadedManifests {
  readonly where: string;
  readonly head: StoreHead;
  readonly manifests: readonly StoredManifest[];
  readonly findings: readonly ManifestFinding[];
  /** Those of the objects that have findings of their own. */
  readonly unfit: ReadonlySet<KubernetesObject>;
}

/**
 * The newest stored manifests of the chosen services, with everything that is wrong with them by themselves.
 * `afterHead` is called when it is clear which versions count, and none of them is read.
 */
export async function loadManifests(
  parameters: Pick<ApplyManifestsParameters, 'store' | 'services' | 'without'>,
  tools: StepTools,
  afterHead: () => Promise<void> = async () => undefined,
): Promise<LoadedManifests> {
  const store = await openStore(parameters.store, tools);
  const head = await store.head();
  await afterHead();
  const isChosen = (service: string) => matchesAny(parameters.services, service);
  const read = await readManifests(store, head, isChosen);
  const skipped = new Set(parameters.without);
  const manifests = beginningWith(read.manifests, head.replicas ?? {}).filter(
    ({ object }) => !skipped.has(stageOf(object)),
  );
  const own = manifests.map(({ object }) => ({ object, findings: findingsOf(object, store.files.where) }));
  return {
    where: store.files.where,
    head,
    manifests,
    unfit: new Set(own.flatMap(({ object, findings }) => (findings.length > 0 ? [object] : []))),
    findings: [
      ...read.findings,
      ...own.flatMap(({ findings }) => findings),
      ...duplicateFindings(
        manifests.map(({ object }) => ({
          key: keyOf(object),
          object: nameOf(object),
          where: store.files.where,
        })),
      ),
    ],
  };
}
