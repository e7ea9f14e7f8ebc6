import { proxyActivities } from '@temporalio/workflow';
import type { CompilePlan } from '../activities/compile-plan.ts';
import type { DescribeHolder } from '../activities/describe-holder.ts';
import type { ReadManifestStore } from '../activities/read-manifest-store.ts';
import type { ObserveTopology } from '../activities/observe-topology.ts';
import { activityOptions } from './activity-options.ts';

interface PlanningActivities {
  observeTopology: ObserveTopology;
  compilePlan: CompilePlan;
  describeHolder: DescribeHolder;
  readManifestStore: ReadManifestStore;
}

/** Looking at every database and gateway may meet dead ones. */
export const { observeTopology } = proxyActivities<Pick<PlanningActivities, 'observeTopology'>>({
  ...activityOptions('look'),
  summary: 'Look at the databases and gateways as they are now',
});

export const { compilePlan } = proxyActivities<Pick<PlanningActivities, 'compilePlan'>>({
  ...activityOptions('local'),
  summary: 'Compile the runbook into a plan',
});

export const { describeHolder } = proxyActivities<Pick<PlanningActivities, 'describeHolder'>>({
  ...activityOptions('local'),
  summary: 'Find out who holds the failover domain',
});

export const { readManifestStore } = proxyActivities<Pick<PlanningActivities, 'readManifestStore'>>({
  ...activityOptions('look'),
  summary: 'Read the manifest store',
});
