import {
  describeFinding,
  good,
  lookAt,
  problem,
  warning,
  type KubernetesFinding,
} from '../domain/kubernetes/findings.ts';
import type { ManifestsObserved } from '../domain/kubernetes/decide-apply.ts';
import type {
  ApplyManifestsParameters,
  RehearseKubernetesParameters,
} from '../domain/kubernetes/parameters.ts';
import type { KubernetesObject } from '../domain/kubernetes/object.ts';
import { storeAge } from '../domain/kubernetes/store-age.ts';
import type { Decision, StepInput, StepOutcome } from '../domain/step.ts';
import { applyManifests } from './apply-manifests.ts';
import { runStep, StepRefused, type StepKind } from './define-step.ts';
import { findBackup, type ReadableBackup } from './kubernetes/backup-content.ts';
import { inspectBackup } from './kubernetes/backup-inspection.ts';
import { inspectExisting } from './kubernetes/inspect-existing.ts';
import { inspectGaps } from './kubernetes/inspect-gaps.ts';
import { backupReadiness } from './kubernetes/backup-readiness.ts';
import { clientOf } from './kubernetes/client.ts';
import { inspectContent } from './kubernetes/content-inspection.ts';
import { loadManifests, type LoadedManifests } from './kubernetes/load-manifests.ts';
import { openStore } from './kubernetes/manifest-store.ts';
import { probeStore } from './kubernetes/manifest-store-s3.ts';
import { openBucket } from './kubernetes/s3.ts';
import { scaleOutNodes } from './scale-out-nodes.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<RehearseKubernetesParameters>;

export type RehearsalObserved = {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
  readonly good: readonly string[];
};

/**
 * Tries a site failover of Kubernetes without touching anything that runs: readiness on both clusters, a server-side
 * dry run of every stored manifest, and the newest backup's content against the standby. What it writes are probes in
 * the bucket and in the store, which it removes.
 */
export const rehearseKubernetes: StepKind<RehearseKubernetesParameters, RehearsalObserved> = {
  kind: 'rehearseKubernetes',
  observe: async (input, tools) => sorted(await rehearse(input, tools)),
  decide,
  apply: () => Promise.reject(new StepRefused(['a rehearsal applies nothing'])),
  verify: async (input, tools) => {
    const observed = sorted(await rehearse(input, tools));
    return { ok: observed.problems.length === 0, observed, summary: summaryOf(observed) };
  },
};

function decide(observed: RehearsalObserved): Decision {
  return observed.problems.length > 0
    ? { kind: 'refuse', reasons: [...observed.problems, ...observed.warnings] }
    : { kind: 'already', because: summaryOf(observed) };
}

const summaryOf = ({ problems, warnings, good }: RehearsalObserved): string =>
  `${problems.length} problems, ${warnings.length} warnings, ${good.length} good: ${warnings[0] ?? 'ready for a failover'}`;

function sorted(findings: readonly KubernetesFinding[]): RehearsalObserved {
  const of = (level: string) => findings.filter((one) => one.level === level).map(describeFinding);
  return { problems: of('problem'), warnings: of('warning'), good: of('ok') };
}

/** What a failover would bring, read once for everything that looks at it. */
interface Material {
  readonly backup: Promise<ReadableBackup | undefined>;
  readonly stored: Promise<LoadedManifests>;
}

/** Every finding of a rehearsal; for a report, a readiness schedule, or a step. */
export async function rehearse(input: Input, tools: StepTools): Promise<readonly KubernetesFinding[]> {
  const { primary, standby, location, locationName, nodePools, store } = input.parameters;
  const material: Material = {
    backup: newestBackup(input, tools),
    stored: loadManifests({ store, services: [], without: [] }, tools),
  };
  const findings = await Promise.all([
    backupReadiness({ location, locationName, primary, standby }, tools),
    lookAt('the newest backup', 'see to the bucket', () => backupContent(input, material, tools)),
    lookAt('the manifest store', 'see to the store', () => storedManifests(input, material, tools)),
    lookAt(`what ${standby.name} would run`, `see to ${standby.name}`, () => content(input, material, tools)),
    ...Object.keys(nodePools).map((pool) =>
      lookAt(`node pool ${pool} of ${standby.name}`, 'see to the pool', () => nodePool(input, pool, tools)),
    ),
  ]);
  return findings.flat();
}

async function newestBackup({ parameters }: Input, tools: StepTools): Promise<ReadableBackup | undefined> {
  const { standby, location, services } = parameters;
  const wanted = {
    location,
    clusterName: standby.name,
    cluster: standby.cluster,
    writers: [parameters.primary.name],
    ...(services === undefined ? {} : { services }),
  };
  const { chosen } = await findBackup(await openBucket(location, tools), wanted, {
    nowMs: tools.now(),
    acceptOld: true, // its age is a finding of its own
  });
  return chosen;
}

async function backupContent(
  { parameters: { primary, standby, services } }: Input,
  { backup, stored }: Material,
  tools: StepTools,
): Promise<readonly KubernetesFinding[]> {
  const chosen = await backup;
  if (chosen === undefined) return [];
  const client = await clientOf(standby.name, standby.cluster, tools);
  const manifests = await stored.then(
    (loaded) => loaded.manifests,
    () => undefined, // that the store cannot be read is a finding of its own
  );
  return [
    ...(await inspectBackup(client, chosen)),
    ...(await inspectExisting(client, chosen, { cluster: standby.cluster, signal: tools.signal })),
    ...(manifests === undefined
      ? []
      : await inspectGaps(await clientOf(primary.name, primary.cluster, tools), chosen, {
          services,
          veleroNamespace: primary.cluster.velero.namespace,
          stored: manifests,
          signal: tools.signal,
        })),
  ];
}

/** Of both parts, or of the one that can be read: that the other cannot is a finding already. */
async function content(
  { parameters: { standby, nodePools } }: Input,
  { backup, stored }: Material,
  tools: StepTools,
): Promise<readonly KubernetesFinding[]> {
  const objectsOf = (items: readonly { readonly object: KubernetesObject }[]) =>
    items.map(({ object }) => object);
  const [restored, applied] = await Promise.all([
    backup.then(
      (chosen) => objectsOf(chosen?.wanted ?? []),
      () => [],
    ),
    stored.then(
      ({ manifests }) => objectsOf(manifests),
      () => [],
    ),
  ]);
  const pools = { ...standby.cluster.nodePools, ...nodePools };
  return inspectContent(await clientOf(standby.name, standby.cluster, tools), { restored, applied }, pools);
}

async function storedManifests(
  input: Input,
  { backup, stored }: Material,
  tools: StepTools,
): Promise<readonly KubernetesFinding[]> {
  const { standby, store, storeName } = input.parameters;
  const opened = await openStore(store, tools);
  const broken = await probeStore(opened.files);
  const { head } = await stored;
  const outcome = await runStep(
    applyManifests,
    { ...input, mode: 'precheck', parameters: applyParameters(input) },
    tools,
  );
  const { missingNamespaces = [], takesFrom = [] } = (outcome.before ?? {}) as Partial<ManifestsObserved>;
  const chosen = await backup.catch(() => undefined);
  return [
    ...broken.map((seen) =>
      problem(`manifest store ${storeName}`, seen, 'see to its permissions, or take another store'),
    ),
    ...storeAge(head, { storeName, maximumAgeMs: store.maximumAgeMs, nowMs: tools.now() }),
    ...stepFindings(`manifests on ${standby.name}`, outcome),
    ...takesFrom.map((owned) =>
      warning(
        `fields on ${standby.name}`,
        `they differ from the store and would be taken over from ${owned}`,
        'afterwards its next apply must be one that takes them back',
      ),
    ),
    ...namespacesFromNowhere(standby.name, missingNamespaces, chosen),
  ];
}

const applyParameters = ({
  parameters: { standby, store, storeName, onConflict },
}: Input): ApplyManifestsParameters => ({
  clusterName: standby.name,
  cluster: standby.cluster,
  store,
  storeName,
  services: [],
  readyTimeoutMs: 1_000,
  onConflict,
  without: [],
});

/** Manifests are applied after the restore: what that does not bring, nobody does. */
function namespacesFromNowhere(
  standby: string,
  missing: readonly string[],
  backup: ReadableBackup | undefined,
): readonly KubernetesFinding[] {
  const brought = new Set(
    backup?.wanted.filter(({ resource }) => resource === 'namespaces').map(({ name }) => name),
  );
  const absent = missing.filter((name) => !brought.has(name));
  if (absent.length === 0) return [];
  return [
    problem(
      `namespaces on ${standby}`,
      `manifests stand in ${absent.slice(0, 10).join(', ')}, and neither ${standby} nor the store nor ${backup?.facts.name ?? 'a backup'} has them`,
      'create them, or see why they are not backed up',
    ),
  ];
}

async function nodePool(
  input: Input,
  poolName: string,
  tools: StepTools,
): Promise<readonly KubernetesFinding[]> {
  const { standby, nodePools, store } = input.parameters;
  const pool = nodePools[poolName];
  if (pool === undefined) return [];
  const parameters = { clusterName: standby.name, cluster: standby.cluster, poolName, pool, store };
  const outcome = await runStep(scaleOutNodes, { ...input, mode: 'precheck', parameters }, tools);
  return stepFindings(`node pool ${poolName} of ${standby.name}`, outcome);
}

function stepFindings(what: string, outcome: StepOutcome): readonly KubernetesFinding[] {
  const isFine = outcome.status === 'planned' || outcome.status === 'already';
  if (isFine) return [good(what, outcome.summary)];
  const reasons = outcome.details.length === 0 ? [outcome.summary] : outcome.details;
  return reasons.map((reason) => problem(what, reason, 'correct it before it is needed'));
}
