import { judgeStamp, type Stamp } from '../operation.ts';
import type { StoreClaim } from './store-claim.ts';
import type { Decision, StepInput } from '../step.ts';
import type { ApplyManifestsParameters } from './parameters.ts';

/** What applyManifests saw; lists are cut to what a person reads, counts are not. */
export type ManifestsObserved = {
  readonly cluster: string;
  readonly store: string;
  /** The capture that the manifests are of. */
  readonly capture: {
    readonly sequence: number;
    readonly epoch: number;
    readonly cluster: string;
    readonly at: number;
  };
  readonly headDigest: string;
  /** Who had taken the store over when the attempt began. */
  readonly storeClaim: StoreClaim | null;
  readonly stamp: { readonly epoch: number; readonly operation: string } | null;
  readonly objects: number;
  readonly toCreate: number;
  readonly toUpdate: number;
  readonly unchanged: number;
  readonly ready: number;
  readonly notReady: readonly string[];
  /** Live objects that a rule forbids to touch. */
  readonly refused: readonly string[];
  /** What is wrong with the manifests, by themselves or (precheck) against this cluster. */
  readonly findings: readonly string[];
  readonly findingsTotal: number;
  /** Precheck: other managers whose fields would be taken over, and of which objects. */
  readonly takesFrom: readonly string[];
  /** Namespaces that must come from elsewhere (the restore) before the apply. */
  readonly missingNamespaces: readonly string[];
};

export function decideApply(
  observed: ManifestsObserved,
  input: Pick<StepInput<ApplyManifestsParameters>, 'operation' | 'mode' | 'parameters'>,
): Decision {
  const { operation } = input;
  const isClaimed = operation.epoch > 0;
  const verdict = isClaimed
    ? judgeStamp(observed.stamp ?? undefined, operation.epoch, operation.id)
    : undefined;
  const reasons = [
    ...(verdict?.kind === 'stale' ? [`${observed.cluster}: ${verdict.reason}`] : []),
    ...storeReasons(observed, isClaimed ? operation.epoch : Infinity),
    ...(isClaimed ? claimReasons(observed, input) : []),
    ...observed.refused,
    ...observed.findings,
    ...(observed.findingsTotal > observed.findings.length
      ? [`and ${observed.findingsTotal - observed.findings.length} more problems`]
      : []),
  ];
  if (reasons.length > 0) return { kind: 'refuse', reasons };
  const isDone = observed.unchanged === observed.objects && observed.ready === observed.objects;
  const isFenced =
    !isTakeOver(input.parameters) || isOurs(observed.storeClaim, operation.epoch, operation.id);
  if (isDone && isFenced && isOurs(observed.stamp, operation.epoch, operation.id)) {
    return {
      kind: 'already',
      because: `${observed.cluster}: all ${observed.objects} objects stand as stored and are ready`,
    };
  }
  return { kind: 'apply', will: willDo(observed) };
}

/** What leaves stages out is a drill: the cluster that serves goes on being recorded. */
export const isTakeOver = ({ without }: Pick<ApplyManifestsParameters, 'without'>): boolean =>
  without.length === 0;

function claimReasons(
  { store, storeClaim }: ManifestsObserved,
  { operation, parameters }: Pick<StepInput<ApplyManifestsParameters>, 'operation' | 'parameters'>,
): readonly string[] {
  if (!isTakeOver(parameters)) return [];
  const verdict = judgeStamp(storeClaim ?? undefined, operation.epoch, operation.id);
  return verdict.kind === 'stale' ? [`manifest store ${store}: ${verdict.reason}`] : [];
}

const isOurs = (stamp: Stamp | null, epoch: number, operation: string): boolean =>
  stamp !== null && stamp.epoch === epoch && stamp.operation === operation;

function storeReasons(observed: ManifestsObserved, epoch: number): readonly string[] {
  const { store, capture, objects, findingsTotal } = observed;
  if (capture.sequence === 0)
    return [`manifest store ${store} is empty: run captureManifests on the primary cluster first`];
  // Where there are findings, they say why nothing is left.
  if (objects === 0 && findingsTotal === 0)
    return [`manifest store ${store}: none of its services is chosen`];
  if (capture.epoch > epoch) {
    return [`manifest store ${store} holds epoch ${capture.epoch} of ${capture.cluster}, ours is ${epoch}`];
  }
  return [];
}

/** Field managers with what they own of what is to be applied; one line each, for people. */
export function takesFrom(
  conflicts: readonly { readonly object: string; readonly managers: readonly string[] }[],
): readonly string[] {
  const owned = Map.groupBy(
    conflicts.flatMap(({ object, managers }) => managers.map((manager) => ({ object, manager }))),
    ({ manager }) => manager,
  );
  const byName = [...owned].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return byName.map(([manager, objects]) => {
    const names = objects.map(({ object }) => object).toSorted();
    const more = names.length > 5 ? ` and ${names.length - 5} more` : '';
    return `${manager} (${names.length} objects: ${names.slice(0, 5).join(', ')}${more})`;
  });
}

function willDo(observed: ManifestsObserved): readonly string[] {
  const { cluster, toCreate, toUpdate, unchanged, missingNamespaces, notReady, capture } = observed;
  const { takesFrom: others } = observed;
  const age = `capture ${capture.sequence} of ${capture.cluster}`;
  return [
    `${cluster}: create ${toCreate} objects, update ${toUpdate}, leave ${unchanged} as they are (${age})`,
    ...(others.length > 0 ? [`take over fields of ${others.join('; ')}`] : []),
    ...(notReady.length > 0 && toCreate + toUpdate === 0
      ? [`wait for ${notReady.slice(0, 3).join(', ')}`]
      : []),
    ...(missingNamespaces.length > 0
      ? [
          `needs ${missingNamespaces.length} namespaces that are not there yet: ${missingNamespaces.slice(0, 10).join(', ')}`,
        ]
      : []),
  ];
}
