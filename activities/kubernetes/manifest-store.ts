import { canonicalJson } from '../../domain/json.ts';
import { sha256, type ManifestVersion, type StoredManifest } from '../../domain/kubernetes/marks.ts';
import type { ManifestFinding } from '../../domain/kubernetes/manifest-findings.ts';
import { nameOf, type KubernetesObject } from '../../domain/kubernetes/object.ts';
import { judgeClaim, type StoreClaim } from '../../domain/kubernetes/store-claim.ts';
import {
  bundleText,
  emptyHead,
  judgeCapture,
  newestOf,
  nextHead,
  paths,
  sameHead,
  type Capture,
  type HeadEntry,
  type HeadVerdict,
  type ServiceName,
  type StoreHead,
  type VersionRecord,
} from '../../domain/kubernetes/store-records.ts';
import type { ManifestStoreSettings } from '../../domain/schema/kubernetes.ts';
import type { StepTools } from '../tools.ts';
import { inLanes } from './lanes.ts';
import { openFolderFiles } from './manifest-store-folder.ts';
import { openS3Files } from './manifest-store-s3.ts';
import { parseManifests } from './parse-manifests.ts';
import type { StoreFiles } from './store-files.ts';

const IN_FLIGHT = 16;

export interface ManifestStore {
  readonly files: StoreFiles;
  head(): Promise<StoreHead>;
  /** The objects of one stored version; what is wrong with it instead of throwing, so that all is found at once. */
  bundle(service: ServiceName, entry: HeadEntry): Promise<Bundle>;
  /**
   * Records a capture under compare-and-set; the verdict says what came of it. `beforeHead` is called when everything
   * is written but the head, which makes it count.
   */
  record(
    capture: Capture,
    beforeHead?: () => Promise<void>,
  ): Promise<HeadVerdict & { readonly head: StoreHead }>;
  /**
   * Takes the store over under compare-and-set: captures of an earlier epoch, or of another cluster of this one, are
   * refused from then on. Nothing is written where that is so already.
   * @returns why not: somebody of a later epoch, or a twin, has it
   */
  claim(claim: StoreClaim): Promise<string | undefined>;
  /** One version by its own record, however many there are after it. */
  version(service: ServiceName, wanted: ManifestVersion): Promise<VersionRecord | undefined>;
  /** Newest first, by following the links from the head, also of a service that was removed; at most `limit` versions. */
  history(service: ServiceName, limit?: number): Promise<readonly VersionRecord[]>;
}

export interface Bundle {
  readonly manifests: readonly StoredManifest[];
  readonly findings: readonly ManifestFinding[];
}

export async function openStore(settings: ManifestStoreSettings, tools: StepTools): Promise<ManifestStore> {
  const files = settings.kind === 's3' ? await openS3Files(settings, tools) : openFolderFiles(settings.path);
  return makeStore(files);
}

export function makeStore(files: StoreFiles): ManifestStore {
  return {
    files,
    head: async () => (await readHead(files)).head,
    bundle: (service, entry) => readBundle(files, service, entry),
    record: (capture, beforeHead) => record(files, capture, beforeHead),
    claim: (claim) => claimHead(files, claim),
    version: (service, wanted) => readVersion(files, service, wanted),
    history: (service, limit = 50) => history(files, service, limit),
  };
}

async function readHead(files: StoreFiles): Promise<{ readonly head: StoreHead; readonly tag?: string }> {
  const found = await files.read(paths.head);
  if (found === undefined) return { head: emptyHead };
  let head: Partial<StoreHead> = {};
  try {
    head = JSON.parse(found.text) as StoreHead;
  } catch {
    // falls through to the one message for every unreadable head
  }
  if (head.format !== 1 || typeof head.services !== 'object') {
    throw new Error(
      `manifest store ${files.where}: ${paths.head}: expected format 1, seen ${found.text.slice(0, 60)}`,
    );
  }
  return { head: head as StoreHead, tag: found.tag };
}

async function readBundle(files: StoreFiles, service: ServiceName, entry: HeadEntry): Promise<Bundle> {
  const key = paths.bundle(entry.bundle);
  const found = await files.read(key);
  const broken = (problem: string): Bundle => ({ manifests: [], findings: [{ object: service, problem }] });
  if (found === undefined) return broken(`${key} is missing in ${files.where}`);
  const seen = sha256(found.text);
  if (seen !== entry.bundle) {
    const place = `${key} in ${files.where} was truncated or changed`;
    const duplicates = parseManifests(found.text, service).findings.filter(({ problem }) =>
      problem.includes('twice'),
    );
    return duplicates.length > 0
      ? { manifests: [], findings: duplicates }
      : broken(
          `${place}: expected SHA-256 ${entry.bundle}, seen ${seen} over ${found.text.length} characters`,
        );
  }
  const { objects = [] } = JSON.parse(found.text) as { readonly objects?: readonly KubernetesObject[] };
  const texts = objects.map(canonicalJson);
  const isCanonical = found.text === `{"objects":[${texts.join(',')}]}`;
  const parsed = isCanonical ? { findings: [] } : parseManifests(found.text, service);
  const version = { epoch: entry.epoch, sequence: entry.sequence };
  return {
    manifests: objects.map((object, index) => ({ object, digest: sha256(texts[index] ?? ''), version })),
    findings: [...parsed.findings, ...misfiled(service, objects)],
  };
}

/** A service is filed under its namespace; an object of another one was put there by mistake or by malice. */
function misfiled(service: ServiceName, objects: readonly KubernetesObject[]): readonly ManifestFinding[] {
  const namespace = service.split('/')[0];
  return objects
    .filter(({ metadata }) => (metadata.namespace ?? '-') !== namespace)
    .map((object) => ({
      object: nameOf(object),
      problem: `wrong namespace: filed under ${service}, expected ${namespace}, seen ${object.metadata.namespace ?? 'none'}`,
    }));
}

/** Bundles first, then the links, the head last: a capture that dies in between leaves nothing that anybody reads. */
async function record(
  files: StoreFiles,
  capture: Capture,
  beforeHead: () => Promise<void> = async () => undefined,
): Promise<HeadVerdict & { readonly head: StoreHead }> {
  for (;;) {
    const { head, tag } = await readHead(files);
    const verdict = judgeCapture(head, capture);
    if (verdict.kind === 'stale') return { ...verdict, head };
    const next = verdict.kind === 'same' ? sameHead(head, capture) : nextHead(head, capture, verdict.changed);
    if (verdict.kind === 'write') await writeChanged(files, capture, { before: head, next, ...verdict });
    await beforeHead();
    if (await files.replace(paths.head, canonicalJson(next), tag)) return { ...verdict, head: next };
  }
}

async function claimHead(files: StoreFiles, claim: StoreClaim): Promise<string | undefined> {
  for (;;) {
    const { head, tag } = await readHead(files);
    const verdict = judgeClaim(head, claim);
    if (verdict.kind === 'ours') return undefined;
    if (verdict.kind === 'stale') return verdict.because;
    if (await files.replace(paths.head, canonicalJson(verdict.head), tag)) return undefined;
  }
}

async function writeChanged(
  files: StoreFiles,
  capture: Capture,
  { before, next, changed }: { before: StoreHead; next: StoreHead; changed: readonly ServiceName[] },
): Promise<void> {
  await inLanes(changed, IN_FLIGHT, async (service) => {
    const entry = next.services[service];
    const objects = capture.services.get(service);
    if (entry === undefined || objects === undefined) return;
    await files.writeOnce(paths.bundle(entry.bundle), bundleText(objects));
    await files.writeOnce(
      paths.version(service, entry),
      canonicalJson(link(service, entry, capture, before)),
    );
  });
}

function link(service: ServiceName, entry: HeadEntry, capture: Capture, before: StoreHead): VersionRecord {
  const previous = newestOf(before, service);
  return {
    ...entry,
    service,
    cluster: capture.cluster,
    capturedAt: capture.capturedAt,
    ...(previous === undefined
      ? {}
      : { previous: { epoch: previous.epoch, sequence: previous.sequence, bundle: previous.bundle } }),
  };
}

async function readVersion(
  files: StoreFiles,
  service: ServiceName,
  wanted: ManifestVersion,
): Promise<VersionRecord | undefined> {
  const found = await files.read(paths.version(service, wanted));
  return found === undefined ? undefined : (JSON.parse(found.text) as VersionRecord);
}

async function history(
  files: StoreFiles,
  service: ServiceName,
  limit: number,
): Promise<readonly VersionRecord[]> {
  const { head } = await readHead(files);
  const versions: VersionRecord[] = [];
  let next: ManifestVersion | undefined = newestOf(head, service);
  while (next !== undefined && versions.length < limit) {
    const version = await readVersion(files, service, next);
    if (version === undefined) break;
    versions.push(version);
    next = version.previous;
  }
  return versions;
}

/** Every object of the chosen services, and what is wrong with them. */
export async function readManifests(
  store: ManifestStore,
  head: StoreHead,
  isChosen: (service: ServiceName) => boolean,
): Promise<Bundle> {
  const chosen = Object.entries(head.services).filter(([service]) => isChosen(service));
  const bundles = new Map<ServiceName, Bundle>();
  await inLanes(chosen, IN_FLIGHT, async ([service, entry]) => {
    bundles.set(service, await store.bundle(service, entry));
  });
  const inOrder = chosen.flatMap(([service]) => bundles.get(service) ?? []);
  return {
    manifests: inOrder.flatMap(({ manifests }) => manifests),
    findings: inOrder.flatMap(({ findings }) => findings),
  };
}
