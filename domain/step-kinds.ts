import { kubernetesStepKinds } from './kubernetes/step-kinds.ts';
import type { Reversibility } from './step.ts';

/** Everything there is to know about a step kind besides its parameters (schema/step-with.ts). */
export interface StepKindInfo {
  /** One line for `siteshift schemas`, the docs and error messages. */
  readonly help: string;
  readonly reversibility: Reversibility;
  readonly graceful: string;
  readonly forced: string;
  readonly undoneBy: string;
}

const kinds = {
  claimEpoch: {
    help: 'claims the next epoch of the failover domain by a ballot over its gateways; the compiler puts it first',
    reversibility: 'forward-only',
    graceful: 'every gateway and every database must answer',
    forced: 'gateways that do not answer are waited out (lease), databases that do not answer are left out',
    undoneBy: 'nothing: a claimed number stays claimed and harms nobody',
  },
  fenceUnits: {
    help: 'makes the moved buckets refuse writes on every gateway; reads go on',
    reversibility: 'reversible',
    graceful: 'every gateway acknowledges on every worker process, or its lease has provably run out',
    forced: 'the same: a gateway that may still serve writes is never left out; the drain is shorter',
    undoneBy: 'opening the same buckets at their old unit, under a higher epoch',
  },
  promoteDatabase: {
    help: 'makes a standby in the target site the one writable primary of its cluster',
    reversibility: 'point-of-no-return',
    graceful: 'freezes the old primary, proves that the standby has everything, then opens the standby',
    forced:
      'elects the standby that received most, states the possible loss, fences the old primary as far as it can',
    undoneBy: 'nothing: the new primary has accepted writes; going back is a planned move of its own',
  },
  pushDatasource: {
    help: 'publishes the new primary to the consumers of a datasource and waits until all of them run on it',
    reversibility: 'forward-only',
    graceful:
      'the first consumers, then every live one must acknowledge, and every config center that is not gone with a dead site must answer, those outside of the site that is left must take it; client sessions left on the old primary are counted and named',
    forced:
      'the same, but nothing that stays away holds it up for longer than its time-out: consumers of the site that is left are not waited for, others that are silent or refuse are left behind and named, and so are config centers as long as one takes the document',
    undoneBy:
      'nothing, and an abort leaves it: what was published names a primary that takes writes, what was there before may not; the next push, under a higher epoch, replaces it',
  },
  openUnits: {
    help: 'sends the fenced buckets to their new unit on every gateway',
    reversibility: 'point-of-no-return',
    graceful: 'a silent gateway stays fenced, is listed as left to do, and catches up from its peers',
    forced: 'the same',
    undoneBy: 'nothing: the new unit has accepted writes; going back is a move of its own',
  },
  verifyEndpoint: {
    help: "proves from outside, through every gateway, that a moved user's request is served by the new unit",
    reversibility: 'forward-only',
    graceful: 'every gateway must serve every tried user',
    forced: 'a gateway that never gives any answer is excused, and named',
    undoneBy: 'nothing to undo: the requests are those of a user',
  },
  approve: {
    help: 'waits for a person to approve or to decline',
    reversibility: 'forward-only',
    graceful: 'waits',
    forced: 'waits, too: force does not replace a decision that the runbook asks for',
    undoneBy: 'nothing to undo',
  },
  hold: {
    help: 'holds the run for a while so that people can look; then it commits or rolls back by itself',
    reversibility: 'forward-only',
    graceful: 'holds for the whole time unless somebody decides',
    forced: 'holds, too',
    undoneBy: 'nothing to undo',
  },
  callHook: {
    help: 'calls an HTTP endpoint of yours with the operation, the epoch and the parameters',
    reversibility: 'point-of-no-return',
    graceful: 'the hook is told so and decides itself',
    forced: 'the hook is told so and decides itself',
    undoneBy: 'the hook itself, if the runbook says `afterAbort: undo`',
  },
  ...kubernetesStepKinds,
} as const satisfies { readonly [kind: string]: StepKindInfo };

export type StepKindName = keyof typeof kinds;
export const stepKindNames = Object.keys(kinds) as readonly StepKindName[];
export const stepKinds: { readonly [kind in StepKindName]: StepKindInfo } = kinds;

/**
 * Kinds that look, record or prepare and move nothing. A plan of nothing else claims no epoch and does not take the domain's
 * lock: a capture every few minutes must never be in the way of a failover.
 */
const recordingKinds: readonly string[] = [
  'captureManifests',
  'prepareStandby',
  'rehearseKubernetes',
] satisfies readonly StepKindName[];

export const movesNothing = (kinds: readonly string[]): boolean =>
  kinds.length > 0 && kinds.every((kind) => recordingKinds.includes(kind));

/** The step that is in front of every plan and in no runbook. */
export const claimStepId = 'claim';
