import { replicasOf, scaledBy } from '../domain/kubernetes/autoscaled.ts';
import {
  countKinds,
  kindName,
  lossesOf,
  refusedLosses,
  type KindLoss,
} from '../domain/kubernetes/capture-losses.ts';
import { findingsOf } from '../domain/kubernetes/manifest-findings.ts';
import type { KubernetesObject } from '../domain/kubernetes/object.ts';
import type { CaptureManifestsParameters } from '../domain/kubernetes/parameters.ts';
import { gatherServices } from '../domain/kubernetes/services.ts';
import { judgeCapture, type Capture } from '../domain/kubernetes/store-records.ts';
import { isRouteOfOurs } from '../domain/kubernetes/virtual-service.ts';
import type { Decision, StepInput } from '../domain/step.ts';
import { StepRefused, type Applied, type Attempt, type StepKind, type Verified } from './define-step.ts';
import { clientOf, type KubernetesClient } from './kubernetes/client.ts';
import { discoveryOf } from './kubernetes/discovery.ts';
import { readStamp } from './kubernetes/epoch-stamp.ts';
import { forEachObject, listObjects } from './kubernetes/list.ts';
import { probeStore } from './kubernetes/manifest-store-s3.ts';
import { openStore } from './kubernetes/manifest-store.ts';
import { refuseDenied } from './kubernetes/refuse-denied.ts';
import type { StepTools } from './tools.ts';

type Input = StepInput<CaptureManifestsParameters>;
type Attempted = Attempt<CaptureManifestsParameters, Looked>;
const SHOWN = 20;

/** What captureManifests saw on the cluster and in the store. */
export type CaptureObserved = {
  readonly cluster: string;
  readonly store: string;
  /** Epoch that the cluster holds; 0 before the first failover. */
  readonly epoch: number;
  readonly storeEpoch: number;
  readonly storeSequence: number;
  /** When the cluster that the store follows was last looked at, ms since 1970. */
  readonly storeCapturedAt: number;
  readonly services: number;
  readonly stored: number;
  readonly objects: number;
  readonly changed: number;
  readonly gone: readonly string[];
  readonly goneTotal: number;
  /** Kinds of which the cluster has fewer than the store. */
  readonly lost: readonly KindLoss[];
  /** Kinds that captures look for and the cluster does not serve. */
  readonly notServed: readonly string[];
  /** Objects that are not stored, and why. */
  readonly leftOut: readonly string[];
  readonly leftOutTotal: number;
  /** Why nothing may be written; empty when it may. */
  readonly stale: string;
  /** Precheck: what a probe found wrong with the store. */
  readonly storeProblems: readonly string[];
};

/** Records the newest manifest of each service from a cluster; started by a schedule every few minutes. */
export const captureManifests: StepKind<CaptureManifestsParameters, CaptureObserved, Looked> = {
  kind: 'captureManifests',
  read: refuseDenied(lookAtCluster),
  observe: refuseDenied(observe),
  decide,
  apply,
  verify,
};

/** What the cluster ran when the attempt began: what is recorded and what is compared with the store afterwards. */
interface Looked {
  readonly capture: Capture;
  readonly notServed: readonly string[];
  readonly leftOut: readonly string[];
}

async function lookAtCluster({ parameters, overrides }: Input, tools: StepTools): Promise<Looked> {
  const { clusterName, cluster, services, domain } = parameters;
  const client = await clientOf(clusterName, cluster, tools);
  const capturedAt = tools.now(); // from the start: what changes while we look belongs to the next capture
  const stamp = await readStamp(client, domain);
  const objects: KubernetesObject[] = [];
  const notServed: string[] = [];
  for (const { apiVersion, kind } of services.kinds) {
    await tools.reached('captureManifests:look');
    const resource = await discoveryOf(client).find(apiVersion, kind);
    if (resource === undefined) {
      notServed.push(kindName({ apiVersion, kind })); // a cluster without Knative has no Knative Services
      continue;
    }
    await forEachObject(
      client,
      resource,
      { labelSelector: services.selector, signal: tools.signal },
      (object) => {
        if (!isRouteOfOurs(object)) objects.push(object);
      },
    );
  }
  const scaled = scaledBy(await autoscalersOf(client, tools.signal));
  const leftOut: string[] = [];
  const gathered = new Map<string, readonly KubernetesObject[]>();
  for (const [service, members] of gatherServices(objects, services, scaled)) {
    const good = members.filter((object) => {
      const findings = findingsOf(object, service);
      leftOut.push(...findings.map(({ object: name, problem }) => `${name}: ${problem}`));
      return findings.length === 0;
    });
    if (good.length > 0) gathered.set(service, good);
  }
  return {
    capture: {
      cluster: clusterName,
      epoch: stamp?.epoch ?? 0,
      capturedAt,
      services: gathered,
      replicas: replicasOf(objects, scaled),
      takesBack: overrides?.['takeStoreBack'] !== undefined,
    },
    notServed,
    leftOut,
  };
}

/** All of the cluster: those that an operator like KEDA makes have neither the services' label nor a place in the store. */
async function autoscalersOf(
  client: KubernetesClient,
  signal: AbortSignal,
): Promise<readonly KubernetesObject[]> {
  const resource = await discoveryOf(client).find('autoscaling/v2', 'HorizontalPodAutoscaler');
  return resource === undefined ? [] : listObjects(client, resource, { signal });
}

async function observe(input: Attempted, tools: StepTools): Promise<CaptureObserved> {
  const { parameters, read } = input;
  const { capture, leftOut, notServed } = read;
  const store = await openStore(parameters.store, tools);
  const head = await store.head();
  const verdict = judgeCapture(head, capture);
  const { changed, gone } = verdict.kind === 'write' ? verdict : { changed: [], gone: [] };
  return {
    cluster: parameters.clusterName,
    store: parameters.storeName,
    epoch: capture.epoch,
    storeEpoch: head.epoch,
    storeSequence: head.sequence,
    storeCapturedAt: head.capturedAt,
    services: capture.services.size,
    stored: Object.keys(head.services).length,
    objects: [...capture.services.values()].reduce((sum, { length }) => sum + length, 0),
    changed: changed.length,
    gone: gone.slice(0, SHOWN),
    goneTotal: gone.length,
    lost: lossesOf(head.kinds ?? {}, countKinds(capture.services)),
    notServed,
    leftOut: leftOut.slice(0, SHOWN),
    leftOutTotal: leftOut.length,
    stale: verdict.kind === 'stale' ? verdict.because : '',
    storeProblems: input.mode === 'precheck' ? await probeStore(store.files) : [],
  };
}

function decide(observed: CaptureObserved, { overrides }: Input): Decision {
  const { cluster, store, stale, changed, goneTotal, services, storeSequence } = observed;
  if (stale !== '') return { kind: 'refuse', reasons: [stale] };
  if (observed.storeProblems.length > 0) return { kind: 'refuse', reasons: observed.storeProblems };
  const losses = refusedLosses(observed);
  if (losses.length > 0 && overrides?.['acceptGone'] === undefined)
    return { kind: 'refuse', reasons: losses };
  const isSame =
    changed === 0 && goneTotal === 0 && observed.epoch === observed.storeEpoch && storeSequence > 0;
  return {
    kind: 'apply', // never `already`: that it was looked at is news, too, and what a stopped schedule is told by
    will: [
      isSame
        ? `${store}: note that all ${services} services of ${cluster} are stored as they are`
        : `${store}: store ${changed} changed services of ${cluster}, drop ${goneTotal}`,
    ],
  };
}

async function apply(input: Attempted, _: CaptureObserved, tools: StepTools): Promise<Applied> {
  const { capture, leftOut } = input.read;
  const store = await openStore(input.parameters.store, tools);
  await tools.reached('captureManifests:record:before');
  const verdict = await store.record(capture, () => tools.reached('captureManifests:head:before'));
  await tools.reached('captureManifests:record:after');
  if (verdict.kind === 'stale') throw new StepRefused([verdict.because]);
  const changed = verdict.kind === 'write' ? verdict.changed : [];
  return {
    details: [
      `version ${verdict.head.epoch}.${verdict.head.sequence}: ${changed.slice(0, SHOWN).join(', ') || 'nothing changed'}`,
    ],
    leftToDo: leftOut.slice(0, SHOWN),
  };
}

async function verify(input: Attempted, tools: StepTools): Promise<Verified<CaptureObserved>> {
  const observed = await observe(input, tools);
  const { cluster, store, services, stored, changed, goneTotal, leftOutTotal, storeCapturedAt } = observed;
  const isNoted = storeCapturedAt >= input.read.capture.capturedAt;
  const ok = isNoted && changed === 0 && goneTotal === 0 && stored >= services;
  const summary = ok
    ? `${store}: ${services} services of ${cluster} stored, ${leftOutTotal} objects left out`
    : `${store}: expected ${services} services of ${cluster}, seen ${stored}, ${changed} of them different`;
  return { ok, observed, summary };
}
