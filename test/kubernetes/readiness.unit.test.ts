import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';
import { readinessOf } from '../../domain/kubernetes/readiness/readiness.ts';

const now = Date.parse('2026-11-02T10:00:00Z');

/** An object from its kind and the YAML of what matters about it. */
function object(apiVersion: string, kind: string, yaml = ''): KubernetesObject {
  const { metadata = {}, ...members } = (parse(yaml) ?? {}) as Record<string, Record<string, unknown>>;
  return { ...members, apiVersion, kind, metadata: { name: 'one', namespace: 'shop', ...metadata } };
}

const generation = '{metadata: {generation: 3}';
const condition = (type: string, status: string, reason = '') =>
  `{type: ${type}, status: "${status}", reason: "${reason}"}`;

/**
 * The cases of kstatus' own tests (sigs.k8s.io/cli-utils v0.37.2, pkg/kstatus/status/status_compute_test.go), cut to
 * the fields that decide, and ours for what they leave out. Its words differ; the states must not, but for Knative.
 */
type Row = [what: string, object: KubernetesObject, state: string, because?: string | RegExp];

const deployments: readonly Row[] = [
  [
    'not seen by its controller',
    object('apps/v1', 'Deployment', `${generation}}`),
    'progressing',
    'pods: 0 of 1',
  ],
  [
    'an older generation observed',
    object('apps/v1', 'Deployment', `${generation}, status: {observedGeneration: 2, replicas: 1}}`),
    'progressing',
    /generation 3 not observed yet, last observed: 2/,
  ],
  ...rolledOut(),
];

function rolledOut(): Row[] {
  const status = (counts: string, conditions: readonly string[]) =>
    object(
      'apps/v1',
      'Deployment',
      `${generation}, spec: {replicas: 4, progressDeadlineSeconds: 45}, status: {observedGeneration: 3, ${counts}, conditions: [${conditions.join(', ')}]}}`,
    );
  const all = 'replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 4';
  const settled = condition('Progressing', 'True', 'NewReplicaSetAvailable');
  const available = condition('Available', 'True');
  return [
    ['all pods of the new version', status(all, [settled, available]), 'ready'],
    [
      'fewer pods than wanted',
      status('replicas: 3, updatedReplicas: 3', [settled]),
      'progressing',
      'pods: 3 of 4',
    ],
    [
      'pods of the old version among them',
      status('replicas: 4, updatedReplicas: 2', [settled]),
      'progressing',
      'updated pods: 2 of 4',
    ],
    [
      'old pods still ending',
      status('replicas: 6, updatedReplicas: 4, readyReplicas: 6, availableReplicas: 6', [settled, available]),
      'progressing',
      '2 pods of the old version still end',
    ],
    [
      'not all available',
      status('replicas: 4, updatedReplicas: 4, readyReplicas: 4, availableReplicas: 1', [settled, available]),
      'progressing',
      'available pods: 1 of 4',
    ],
    [
      'the rollout not settled',
      status(all, [condition('Progressing', 'True', 'ReplicaSetUpdated'), available]),
      'progressing',
      /Progressing=True \(ReplicaSetUpdated\)/,
    ],
    [
      'Available=False',
      status(all, [settled, condition('Available', 'False', 'MinimumReplicasUnavailable')]),
      'progressing',
      /Available=False/,
    ],
    [
      'the deadline exceeded',
      status(all, [condition('Progressing', 'False', 'ProgressDeadlineExceeded'), available]),
      'failed',
      /ProgressDeadlineExceeded/,
    ],
    [
      'no deadline, hence no Progressing',
      object(
        'apps/v1',
        'Deployment',
        `{spec: {replicas: 1}, status: {replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1, conditions: [${available}]}}`,
      ),
      'ready',
    ],
  ];
}

const set = (spec: string, status: string) =>
  object(
    'apps/v1',
    'StatefulSet',
    `${generation}, spec: {${spec}}, status: {observedGeneration: 3, ${status}}}`,
  );
const statefulSets: readonly Row[] = [
  ['no status', object('apps/v1', 'StatefulSet', `${generation}}`), 'progressing', 'pods: 0 of 1'],
  ['all there', set('replicas: 3', 'replicas: 3, readyReplicas: 3, currentReplicas: 3'), 'ready'],
  ['one not ready', set('replicas: 3', 'replicas: 3, readyReplicas: 2'), 'progressing', 'ready pods: 2 of 3'],
  [
    'too few of the current revision',
    set('replicas: 3', 'replicas: 3, readyReplicas: 3, currentReplicas: 1'),
    'progressing',
    'current pods: 1 of 3',
  ],
  ['pods to end', set('replicas: 3', 'replicas: 5, readyReplicas: 5'), 'progressing', /2 pods/],
  [
    'a revision rolling out',
    set(
      'replicas: 1',
      'replicas: 1, readyReplicas: 1, currentReplicas: 1, currentRevision: a, updateRevision: b',
    ),
    'progressing',
    'revision b rolls out, current: a',
  ],
  [
    'a partition reached',
    set(
      'replicas: 3, updateStrategy: {rollingUpdate: {partition: 2}}',
      'replicas: 3, readyReplicas: 3, updatedReplicas: 1, currentRevision: a, updateRevision: b',
    ),
    'ready',
  ],
  [
    'a partition not reached',
    set('replicas: 3, updateStrategy: {rollingUpdate: {partition: 1}}', 'replicas: 3, readyReplicas: 3'),
    'progressing',
    'updated pods: 0 of 2',
  ],
  ['replaced by hand', set('replicas: 3, updateStrategy: {type: OnDelete}', 'replicas: 0'), 'ready'],
];

const daemons = (status: string) => object('apps/v1', 'DaemonSet', `${generation}, status: {${status}}}`);
const everywhere =
  'observedGeneration: 3, desiredNumberScheduled: 4, currentNumberScheduled: 4, updatedNumberScheduled: 4';
const others: readonly Row[] = [
  ['a daemon set not looked at', daemons(''), 'progressing', /not looked at/],
  ['a daemon set without a number', daemons('observedGeneration: 3'), 'progressing', /number of nodes/],
  ['a daemon set everywhere', daemons(`${everywhere}, numberAvailable: 4, numberReady: 4`), 'ready'],
  [
    'a daemon set not available',
    daemons(`${everywhere}, numberAvailable: 2, numberReady: 4`),
    'progressing',
    /2 of 4/,
  ],
  [
    'a daemon set not ready',
    daemons(`${everywhere}, numberAvailable: 4, numberReady: 3`),
    'progressing',
    /3 of 4/,
  ],
  [
    'a replica set without status',
    object('apps/v1', 'ReplicaSet', '{spec: {replicas: 2}}'),
    'progressing',
    /0 of 2/,
  ],
  [
    'a replica set complete',
    object(
      'apps/v1',
      'ReplicaSet',
      '{spec: {replicas: 2}, status: {replicas: 2, fullyLabeledReplicas: 2, availableReplicas: 2, readyReplicas: 2}}',
    ),
    'ready',
  ],
  [
    'a replica set that cannot make pods',
    object(
      'apps/v1',
      'ReplicaSet',
      `{status: {conditions: [${condition('ReplicaFailure', 'True', 'FailedCreate')}]}}`,
    ),
    'progressing',
    /FailedCreate/,
  ],
  [
    'a claim without volume',
    object('v1', 'PersistentVolumeClaim', '{status: {phase: Pending}}'),
    'progressing',
  ],
  ['a claim with one', object('v1', 'PersistentVolumeClaim', '{status: {phase: Bound}}'), 'ready'],
  ['a job not started', object('batch/v1', 'Job'), 'progressing', 'not started yet'],
  [
    'a job running',
    object('batch/v1', 'Job', '{status: {startTime: "2026-11-02T09:00:00Z", active: 1}}'),
    'ready',
  ],
  [
    'a job done',
    object('batch/v1', 'Job', `{status: {conditions: [${condition('Complete', 'True')}]}}`),
    'ready',
  ],
  [
    'a job failed',
    object('batch/v1', 'Job', `{status: {conditions: [${condition('Failed', 'True')}]}}`),
    'failed',
  ],
  [
    'a job put on hold',
    object(
      'batch/v1',
      'Job',
      `{spec: {suspend: true}, status: {conditions: [${condition('Suspended', 'True')}]}}`,
    ),
    'ready',
  ],
  ['a cron job', object('batch/v1', 'CronJob'), 'ready'],
  ['a config map', object('v1', 'ConfigMap'), 'ready'],
  ['a service', object('v1', 'Service'), 'ready'],
  ['a load balancer without address', object('v1', 'Service', '{spec: {type: LoadBalancer}}'), 'progressing'],
  ['a load balancer', object('v1', 'Service', '{spec: {type: LoadBalancer, clusterIP: 10.0.0.1}}'), 'ready'],
  [
    'a budget not looked at',
    object('policy/v1', 'PodDisruptionBudget', `${generation}, status: {observedGeneration: 1}}`),
    'progressing',
  ],
  [
    'a budget',
    object('policy/v1', 'PodDisruptionBudget', `${generation}, status: {observedGeneration: 3}}`),
    'ready',
  ],
];

const definitionWith = (...conditions: readonly string[]) =>
  object(
    'apiextensions.k8s.io/v1',
    'CustomResourceDefinition',
    `{status: {conditions: [${conditions.join(', ')}]}}`,
  );
const definitions: readonly Row[] = [
  ['without conditions', definitionWith(), 'progressing'],
  [
    'installing',
    definitionWith(condition('NamesAccepted', 'True'), condition('Established', 'False', 'Installing')),
    'progressing',
  ],
  [
    'names taken by another',
    definitionWith(condition('NamesAccepted', 'False', 'ListKindConflict')),
    'failed',
    /ListKindConflict/,
  ],
  [
    'established',
    definitionWith(condition('NamesAccepted', 'True'), condition('Established', 'True')),
    'ready',
  ],
];

const podWith = (status: string, created = '2026-11-02T09:59:00Z') =>
  object('v1', 'Pod', `{metadata: {creationTimestamp: "${created}"}, status: {${status}}}`);
const unschedulable = `phase: Pending, conditions: [${condition('PodScheduled', 'False', 'Unschedulable')}]`;
const pods: readonly Row[] = [
  ['without phase', podWith(''), 'progressing', /not reported/],
  ['ready', podWith(`phase: Running, conditions: [${condition('Ready', 'True')}]`), 'ready'],
  [
    'running, not ready',
    podWith(`phase: Running, conditions: [${condition('Ready', 'False', 'ContainersNotReady')}]`),
    'progressing',
  ],
  [
    'crashing again and again',
    podWith(
      'phase: Running, containerStatuses: [{name: main, state: {waiting: {reason: CrashLoopBackOff}}}]',
    ),
    'failed',
    /main/,
  ],
  ['done', podWith('phase: Succeeded'), 'ready'],
  ['done with an error', podWith('phase: Failed'), 'ready'],
  ['not scheduled for a minute', podWith(unschedulable), 'failed', /Unschedulable/],
  ['not scheduled, nobody knows since when', object('v1', 'Pod', `{status: {${unschedulable}}}`), 'failed'],
  ['not scheduled for a second', podWith(unschedulable, '2026-11-02T09:59:59Z'), 'progressing'],
];

const knative = (kind: string, status: string) =>
  object('serving.knative.dev/v1', kind, `${generation}, status: {${status}}}`);
const readyService = `conditions: [${condition('Ready', 'True')}], latestCreatedRevisionName: a-2`;
const knatives: readonly Row[] = [
  ['a service nobody looked at', knative('Service', ''), 'progressing', /generation 3 not observed yet/],
  [
    'a service ready',
    knative('Service', `observedGeneration: 3, ${readyService}, latestReadyRevisionName: a-2`),
    'ready',
  ],
  [
    'a service ready for an older generation',
    knative('Service', `observedGeneration: 2, ${readyService}, latestReadyRevisionName: a-2`),
    'progressing',
  ],
  [
    'a service that still serves the revision before',
    knative('Service', `observedGeneration: 3, ${readyService}, latestReadyRevisionName: a-1`),
    'progressing',
    'revision a-2 is not ready, serving: a-1',
  ],
  [
    'a service whose configuration fails: not final for Knative',
    knative(
      'Service',
      `observedGeneration: 3, conditions: [${condition('Ready', 'False', 'RevisionFailed')}, ${condition('ConfigurationsReady', 'False', 'RevisionFailed')}]`,
    ),
    'progressing',
    /^ConfigurationsReady=False \(RevisionFailed\)/,
  ],
  [
    'a route without certificate',
    knative(
      'Route',
      `observedGeneration: 3, conditions: [${condition('Ready', 'Unknown')}, ${condition('CertificateProvisioned', 'Unknown', 'Waiting')}]`,
    ),
    'progressing',
    /^CertificateProvisioned=Unknown/,
  ],
];

const general: readonly Row[] = [
  [
    'being deleted',
    object('v1', 'ConfigMap', '{metadata: {deletionTimestamp: "2026-11-02T09:00:00Z"}}'),
    'ending',
  ],
  ['an unknown kind without conditions', object('example.com/v1', 'Thing'), 'ready'],
  [
    'an unknown kind that says Ready=False',
    object('example.com/v1', 'Thing', `{status: {conditions: [${condition('Ready', 'False')}]}}`),
    'progressing',
  ],
  [
    'Reconciling',
    object(
      'example.com/v1',
      'Thing',
      `{status: {conditions: [${condition('Reconciling', 'True', 'Working')}]}}`,
    ),
    'progressing',
    /Working/,
  ],
  [
    'Stalled',
    object('example.com/v1', 'Thing', `{status: {conditions: [${condition('Stalled', 'True', 'Broken')}]}}`),
    'failed',
    /Broken/,
  ],
];

const tables: Readonly<Record<string, readonly Row[]>> = {
  Deployment: deployments,
  StatefulSet: statefulSets,
  CustomResourceDefinition: definitions,
  Pod: pods,
  Knative: knatives,
  'other kinds': others,
  'any kind': general,
};

describe.each(Object.entries(tables))('%s', (_, rows) => {
  it.each([...rows])('%s', (...[, given, state, because]: Row) => {
    const verdict = readinessOf(given, now);
    expect(verdict.state).toBe(state);
    expect(verdict.because).toMatch(because ?? '');
    expect(verdict.because === '').toBe(state === 'ready');
  });
});
