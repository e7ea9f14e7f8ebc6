import {
  describeFinding,
  good,
  lookAt,
  problem,
  type KubernetesFinding,
} from '../domain/kubernetes/findings.ts';
import type { RehearseKubernetesParameters } from '../domain/kubernetes/parameters.ts';
import type { Decision, StepInput, StepOutcome } from '../domain/step.ts';
import { applyManifests } from './apply-manifests.ts';
import { runStep, StepRefused, type StepKind } from './define-step.ts';
import { findBackup } from './kubernetes/backup-content.ts';
import { inspectBackup, inspectImages } from './kubernetes/backup-inspection.ts';
import { inspectGaps } from './kubernetes/inspect-gaps.ts';
import { backupReadiness } from './kubernetes/backup-readiness.ts';
import { clientOf } from './kubernetes/client.ts';
import { loadManifests } from './kubernetes/load-manifests.ts';
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

/** Every finding of a rehearsal; for a report, a readiness schedule, or a step. */
export async function rehearse(input: Input, tools: StepTools): Promise<readonly KubernetesFinding[]> {
  const { primary, standby, location, locationName, nodePools } = input.parameters;
  const findings = await Promise.all([
    backupReadiness({ location, locationName, primary, standby }, tools),
    lookAt('the newest backup', 'see to the bucket', () => backupContent(input, tools)),
    lookAt('the manifest store', 'see to the store', () => storedManifests(input, tools)),
    ...Object.keys(nodePools).map((pool) =>
      lookAt(`node pool ${pool} of ${standby.name}`, 'see to the pool', () => nodePool(input, pool, tools)),
    ),
  ]);
  return findings.flat();
}

async function backupContent({ parameters }: Input, tools: StepTools): Promise<readonly KubernetesFinding[]> {
  const { standby, location, services } = parameters;
  const client = await clientOf(standby.name, standby.cluster, tools);
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
  if (chosen === undefined) return [];
  const { primary, store } = parameters;
  const { manifests } = await loadManifests({ store, services: [], without: [] }, tools);
  return [
    ...(await inspectBackup(client, chosen)),
    ...(await inspectGaps(await clientOf(primary.name, primary.cluster, tools), chosen, {
      services,
      stored: manifests,
      signal: tools.signal,
    })),
  ];
}

async function storedManifests(input: Input, tools: StepTools): Promise<readonly KubernetesFinding[]> {
  const { parameters } = input;
  const { standby, store, storeName } = parameters;
  const opened = await openStore(store, tools);
  const broken = await probeStore(opened.files);
  const { manifests } = await loadManifests({ store, services: [], without: [] }, tools);
  const outcome = await runStep(
    applyManifests,
    {
      ...input,
      mode: 'precheck',
      parameters: {
        clusterName: standby.name,
        cluster: standby.cluster,
        store,
        storeName,
        services: [],
        readyTimeoutMs: 1_000,
        onConflict: 'takeOver',
        without: [],
      },
    },
    tools,
  );
  return [
    ...broken.map((seen) =>
      problem(`manifest store ${storeName}`, seen, 'see to its permissions, or take another store'),
    ),
    ...stepFindings(`manifests on ${standby.name}`, outcome),
    ...inspectImages(manifests),
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
