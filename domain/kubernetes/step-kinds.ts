import type { KubernetesStepKind } from '../schema/kubernetes-step-with.ts';
import type { StepKindInfo } from '../step-kinds.ts';

/** What there is to know about the Kubernetes step kinds; to stand beside the others in the one table. */
export const kubernetesStepKinds: { readonly [kind in KubernetesStepKind]: StepKindInfo } = {
  scaleOutNodes: {
    help: 'gives a cluster the nodes that it needs to carry the load, and waits for them',
    reversibility: 'reversible',
    graceful: 'refuses what quotas do not give; all nodes until the deadline, then the quorum',
    forced: 'goes on although the manifests ask for more than the nodes give',
    undoneBy: 'setting the number of nodes from the snapshot',
  },
  restoreBackup: {
    help: 'restores what a cluster lacks of the newest good Velero backup; what differs is named, or updated',
    reversibility: 'forward-only',
    graceful: 'the backup must not be older than the policy allows; every object must be there in the end',
    forced:
      'takes the newest backup that can be read, however old; what cannot be brought back is listed as left to do',
    undoneBy: 'nothing: what was restored harms nothing while no traffic goes there',
  },
  applyManifests: {
    help: 'applies the newest stored manifest of every service, stage by stage',
    reversibility: 'forward-only',
    graceful: 'reports fields that other managers own; every stage must become ready',
    forced: 'takes those fields over; what does not become ready is listed as left to do',
    undoneBy:
      'nothing: what was applied harms nothing while no traffic goes there; takeStoreBack gives the store back',
  },
  shiftMesh: {
    help: 'sends public hosts to Knative Services of a cluster, one VirtualService a host',
    reversibility: 'reversible',
    graceful: 'waits until the services are ready',
    forced: 'does not wait for them',
    undoneBy: 'the routes and labels of the snapshot',
  },
  captureManifests: {
    help: 'records the newest manifests of all services from the primary cluster',
    reversibility: 'forward-only',
    graceful: 'refuses to overwrite newer by older, and to drop many services at once',
    forced: 'the same: force does not make an older capture newer',
    undoneBy: 'nothing: every version stays in the store',
  },
  prepareStandby: {
    help: 'installs on a standby the definitions that a restore would have to install first',
    reversibility: 'forward-only',
    graceful: 'installs only what is not there',
    forced: 'the same',
    undoneBy: 'nothing: a definition without objects harms nothing',
  },
  rehearseKubernetes: {
    help: 'tries a failover of the clusters without touching what runs: dry runs, freshness, content, quotas',
    reversibility: 'forward-only',
    graceful: 'looks only',
    forced: 'looks only',
    undoneBy: 'nothing to undo',
  },
};
