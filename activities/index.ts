import { activityInfo } from '@temporalio/activity';
import type { Json } from '../domain/json.ts';
import { claimEpoch } from './claim-epoch.ts';
import { fenceUnits } from './fence-units.ts';
import { openUnits } from './open-units.ts';
import { applyManifests } from './apply-manifests.ts';
import { callHook } from './call-hook.ts';
import { captureManifests } from './capture-manifests.ts';
import { compilePlanFrom, type CompilePlan } from './compile-plan.ts';
import type { StepKind } from './define-step.ts';
import { describeHolder, type DescribeHolder } from './describe-holder.ts';
import { namedFailure } from './named-failure.ts';
import { observeTopologyWith, type ObserveTopology } from './observe-topology.ts';
import { pushDatasource } from './push-datasource.ts';
import { verifyEndpoint } from './verify-endpoint.ts';
import { promoteDatabase } from './promote-database.ts';
import { readManifestStoreWith, type ReadManifestStore } from './read-manifest-store.ts';
import { prepareStandby } from './prepare-standby.ts';
import { rehearseKubernetes } from './rehearse-kubernetes.ts';
import { restoreBackup } from './restore-backup.ts';
import { scaleOutNodes } from './scale-out-nodes.ts';
import { shiftMesh } from './shift-mesh.ts';
import type { SourceFiles } from './read-sources.ts';
import { stepActivity, type StepActivity, type StepSurroundings } from './step-activity.ts';

/** Everything that activities need from the process they run in. */
export interface ActivityDependencies {
  readonly files: SourceFiles;
  readonly surroundings: StepSurroundings;
}

export type Activities = { readonly [kind: string]: StepActivity } & {
  readonly observeTopology: ObserveTopology;
  readonly compilePlan: CompilePlan;
  readonly describeHolder: DescribeHolder;
  readonly readManifestStore: ReadManifestStore;
  readonly default: () => Promise<never>;
};

export function createActivities({ files, surroundings }: ActivityDependencies): Activities {
  /** A step kind is registered under its own name: what stands in the runbook is what the timeline shows. */
  const activity = <Parameters, Observed extends Json, Read>(kind: StepKind<Parameters, Observed, Read>) => ({
    [kind.kind]: stepActivity(kind, surroundings),
  });
  return {
    ...activity(claimEpoch),
    ...activity(fenceUnits),
    ...activity(promoteDatabase),
    ...activity(pushDatasource),
    ...activity(openUnits),
    ...activity(verifyEndpoint),
    ...activity(callHook),
    ...activity(scaleOutNodes),
    ...activity(restoreBackup),
    ...activity(applyManifests),
    ...activity(shiftMesh),
    ...activity(captureManifests),
    ...activity(prepareStandby),
    ...activity(rehearseKubernetes),
    observeTopology: observeTopologyWith(files, surroundings),
    compilePlan: compilePlanFrom(files),
    describeHolder,
    readManifestStore: readManifestStoreWith(files, surroundings),
    default: unknownStepKind,
  } as Activities;
}

/** Taken for every type that is not registered: a newer worker may be about to come, so it is tried again. */
async function unknownStepKind(): Promise<never> {
  const { activityType } = activityInfo();
  throw namedFailure(
    'UnknownStepKind',
    `this worker knows no step kind ${activityType}: it is older than the plan`,
  );
}
