import { decideApply, takesFrom, type ManifestsObserved } from '../domain/kubernetes/decide-apply.ts';
import type { ApplyManifestsParameters } from '../domain/kubernetes/parameters.ts';
import { inStages } from '../domain/kubernetes/stages.ts';
import { headDigest, type StoreHead } from '../domain/kubernetes/store-records.ts';
import type { Stamp } from '../domain/operation.ts';
import type { StepInput } from '../domain/step.ts';
import { StepFailed, type Applied, type Attempt, type StepKind, type Verified } from './define-step.ts';
import { applyStage, type ApplyFailure, type StageResult } from './kubernetes/apply-stage.ts';
import { clientOf, type KubernetesClient } from './kubernetes/client.ts';
import { assertStampIsOurs, claimStamp, readStamp } from './kubernetes/epoch-stamp.ts';
import { compareWithCluster, type Compared } from './kubernetes/live-objects.ts';
import { fenceStore } from './kubernetes/fence-store.ts';
import { loadManifests, type LoadedManifests } from './kubernetes/load-manifests.ts';
import { precheckManifests } from './kubernetes/precheck-manifests.ts';
import { refuseDenied } from './kubernetes/refuse-denied.ts';
import { waitForStage } from './kubernetes/wait-for-stage.ts';
import type { StepTools } from './tools.ts';
import { nameOf } from '../domain/kubernetes/object.ts';

type Input = StepInput<ApplyManifestsParameters>;
type Attempted = Attempt<ApplyManifestsParameters, LoadedManifests>;

/** Finished writes between two looks at the cluster's epoch; also how often Temporal hears of it. */
const CHUNK = 200;
const SHOWN = 20;

/** Brings the newest stored manifests of all services onto a cluster, stage by stage. */
export const applyManifests: StepKind<ApplyManifestsParameters, ManifestsObserved, LoadedManifests> = {
  kind: 'applyManifests',
  // It must not apply one capture and verify another.
  read: refuseDenied(({ parameters }, tools) =>
    loadManifests(parameters, tools, () => tools.reached('applyManifests:head:after')),
  ),
  observe: refuseDenied(observe),
  decide: (observed, input) => decideApply(observed, input),
  apply,
  verify,
};

/** While nothing is claimed (precheck) no epoch on the cluster can be too high. */
const stampFor = ({ operation: { epoch, id } }: Input): Stamp => ({
  epoch: epoch === 0 ? Number.MAX_SAFE_INTEGER : epoch,
  operation: id,
});

const takesOver = ({ style, parameters, overrides }: Input): boolean =>
  style === 'forced' || parameters.onConflict === 'takeOver' || overrides?.['takeOverFields'] !== undefined;

async function observe(input: Attempted, tools: StepTools): Promise<ManifestsObserved> {
  const { read: loaded, parameters } = input;
  const { clusterName, cluster } = parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const stamp = await readStamp(client, input.operation.domain);
  const compared = await compareWithCluster(client, loaded.manifests, stampFor(input), tools.signal);
  const options = { stamp: stampFor(input), force: takesOver(input), signal: tools.signal };
  const checked =
    input.mode === 'precheck'
      ? await precheckManifests(client, compared, loaded.unfit, options)
      : { findings: [], conflicts: [], missingNamespaces: [] };
  const findings = [...loaded.findings, ...checked.findings].map(
    ({ object, problem }) => `${object}: ${problem}`,
  );
  return {
    cluster: clusterName,
    ...storeFacts(input, loaded),
    stamp: stamp ?? null,
    ...countsOf(compared),
    findings: findings.slice(0, SHOWN),
    findingsTotal: findings.length,
    takesFrom: takesFrom(checked.conflicts),
    missingNamespaces: checked.missingNamespaces,
  };
}

function storeFacts({ parameters }: Input, { head }: LoadedManifests) {
  const { sequence, epoch, cluster, capturedAt } = head;
  return {
    store: parameters.storeName,
    capture: { sequence, epoch, cluster, at: capturedAt },
    headDigest: headDigest(head),
    storeClaim: head.claim ?? null,
  };
}

function countsOf(compared: readonly Compared[]) {
  const kinds = compared.map(({ comparison }) => comparison.kind);
  const count = (kind: string) => kinds.filter((one) => one === kind).length;
  const waiting = compared.filter(({ verdict }) => verdict.state !== 'ready');
  return {
    objects: compared.length,
    toCreate: count('create'),
    toUpdate: count('update'),
    unchanged: count('unchanged'),
    ready: compared.length - waiting.length,
    notReady: waiting
      .slice(0, SHOWN)
      .map(({ manifest, verdict }) => `${nameOf(manifest.object)}: ${verdict.because}`),
    refused: compared
      .flatMap(({ comparison }) => (comparison.kind === 'refused' ? [comparison.because] : []))
      .slice(0, SHOWN),
  };
}

async function apply(input: Attempted, _: ManifestsObserved, tools: StepTools): Promise<Applied> {
  const { clusterName, cluster, readyTimeoutMs } = input.parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const { manifests, head } = input.read;
  await claimStamp(client, input.operation);
  const fenced = await fenceStore(input, tools);
  const byObject = new Map(manifests.map((manifest) => [manifest.object, manifest]));
  const busyBefore = client.busyAnswers();
  const durationsMs: Record<string, number> = {};
  const details = [...fenced.details];
  const notReady: string[] = [];
  for (const { stage, objects } of inStages(manifests.map(({ object }) => object))) {
    const members = objects.flatMap((object) => byObject.get(object) ?? []);
    await tools.reached(`applyManifests:${stage}:before`);
    const startedAt = tools.now();
    const result = await applyStage(client, members, {
      stamp: stampFor(input),
      force: takesOver(input),
      chunk: CHUNK,
      afterChunk: (written) => afterChunk(client, input, { stage, written, of: members.length }, tools),
      signal: tools.signal,
    });
    durationsMs[`${stage}Apply`] = tools.now() - startedAt;
    details.push(describe(stage, result));
    if (result.failures.length > 0) throw stageFailed(clusterName, stage, result.failures);
    await tools.reached(`applyManifests:${stage}:after`);
    notReady.push(
      ...(await waitForStage(client, members, {
        stage,
        timeoutMs: readyTimeoutMs,
        style: input.style,
        tools,
      })),
    );
    durationsMs[`${stage}Ready`] = tools.now() - startedAt;
  }
  const busy = client.busyAnswers() - busyBefore;
  return {
    details,
    durationsMs,
    evidence: [
      { what: 'answers "come back later" (429)', value: busy, source: `API server of ${clusterName}` },
    ],
    leftToDo: [...fenced.leftToDo, ...notReady, ...toBeRecorded(input, head)],
  };
}

/** Nothing records the new primary by itself: half-way through a failover that would record half a cluster. */
function toBeRecorded({ parameters }: Input, { cluster: recorded }: StoreHead): readonly string[] {
  const { clusterName, cluster, storeName } = parameters;
  if (recorded === clusterName) return [];
  return [
    `${storeName} holds what ${recorded} ran: record ${clusterName} from now on (siteshift schedule set capture-manifests --param at=${cluster.site} --every 5m --real)`,
  ];
}

async function afterChunk(
  client: KubernetesClient,
  { operation }: Input,
  progress: { readonly stage: string; readonly written: number; readonly of: number },
  tools: StepTools,
): Promise<void> {
  tools.heartbeat({ ...progress });
  await tools.reached('applyManifests:chunk');
  await assertStampIsOurs(client, operation);
}

const describe = (stage: string, { created, updated, unchanged }: StageResult): string =>
  `${stage}: ${created} created, ${updated} updated, ${unchanged} unchanged`;

function stageFailed(cluster: string, stage: string, failures: readonly ApplyFailure[]): StepFailed {
  const managers = [...new Set(failures.flatMap(({ conflicts }) => conflicts.map(({ manager }) => manager)))];
  const shown = failures.slice(0, SHOWN).map(({ object, because }) => `${object}: ${because}`);
  const owners =
    managers.length === 0
      ? ''
      : ` Fields belong to ${managers.join(', ')}: accept takeOverFields, or run forced, to take them over.`;
  const message = `${cluster}: ${failures.length} objects of stage ${stage} were not applied: ${shown.slice(0, 3).join('; ')}.${owners}`;
  return new StepFailed(message, { stage, failed: failures.length, first: shown, managers });
}

async function verify(input: Attempted, tools: StepTools): Promise<Verified<ManifestsObserved>> {
  const observed = await observe(input, tools);
  const { cluster, objects, unchanged, ready, notReady } = observed;
  const ok = unchanged === objects && (ready === objects || input.style === 'forced');
  const summary = ok
    ? `${cluster}: ${objects} objects stand as stored, ${ready} of them ready`
    : `${cluster}: expected ${objects} objects as stored and ready, seen ${unchanged} as stored and ${ready} ready: ${notReady.slice(0, 3).join('; ')}`;
  // Among hundreds one may be starting a pod again just now, although each was ready before.
  return { ok, isComing: unchanged === objects, observed, summary };
}
