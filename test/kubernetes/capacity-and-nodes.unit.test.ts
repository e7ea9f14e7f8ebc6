import { describe, expect, it } from 'vitest';
import { demandOf, offeredBy, shortages, sum } from '../../domain/kubernetes/capacity.ts';
import { quantity } from '../../domain/kubernetes/covers.ts';
import { nodeProblems } from '../../domain/kubernetes/nodes.ts';
import type { NodePool } from '../../domain/schema/kubernetes.ts';
import type { KubernetesObject } from '../../domain/kubernetes/object.ts';

describe('capacity', () => {
  const workload = (spec: object, apiVersion = 'apps/v1'): KubernetesObject => ({
    apiVersion,
    kind: 'Any',
    metadata: { name: 'a' },
    spec,
  });
  const containers = [
    { resources: { requests: { cpu: '250m', memory: '1Gi' } } },
    { resources: { limits: { cpu: '1' } } },
  ];
  it('counts requests times replicas, limits where there are no requests', () => {
    expect(demandOf(workload({ replicas: 4, template: { spec: { containers } } }))).toEqual({
      cpu: 5,
      memory: 4 * 2 ** 30,
      pods: 4,
    });
  });
  it('counts what a Knative Service keeps running at least', () => {
    const metadata = { annotations: { 'autoscaling.knative.dev/min-scale': '2' } };
    const spec = { template: { metadata, spec: { containers } } };
    expect(demandOf(workload(spec, 'serving.knative.dev/v1')).pods).toBe(2);
    expect(demandOf(workload({ template: { spec: { containers } } }, 'serving.knative.dev/v1')).pods).toBe(0);
  });
  it('names the resource that does not fit', () => {
    const wanted = sum([
      { cpu: 3, memory: 2 ** 31, pods: 5 },
      { cpu: 2, memory: 0, pods: 1 },
    ]);
    expect(shortages(wanted, { cpu: 4, memory: 2 ** 31 }, { where: 'pool a' })).toEqual([
      'cpu of pool a: the manifests ask for 5, there is 4',
    ]);
    expect(shortages(wanted, { pods: 2 }, { where: 'pool a', who: 'both together' })).toEqual([
      'pods of pool a: both together ask for 6, there is 2',
    ]);
  });
  it('adds up what pools offer, and knows nothing of what one of them does not say', () => {
    const pool = (nodes: number, resources: object) => ({ nodes, resources }) as NodePool;
    expect(offeredBy([])).toEqual({});
    expect(offeredBy([pool(3, { cpu: '4', pods: '110' }), pool(2, { cpu: '500m', memory: '1Gi' })])).toEqual({
      cpu: 13,
    });
  });
  it.each([
    ['500m', 0.5],
    ['1Gi', 2 ** 30],
    ['1e3', 1_000],
    ['2k', 2_000],
    ['abc', undefined],
    ['', undefined],
  ])('quantity %s', (text, expected) => {
    expect(quantity(text)).toBe(expected);
  });
});

describe('nodeProblems', () => {
  const node = (
    spec: object,
    conditions: readonly object[],
    allocatable: object = { cpu: '4' },
  ): KubernetesObject => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n' },
    spec,
    status: { conditions, allocatable },
  });
  const ready = { type: 'Ready', status: 'True' };
  it.each<[string, KubernetesObject, readonly string[]]>([
    ['ready', node({}, [ready]), []],
    ['silent', node({}, []), ['Ready not reported yet']],
    [
      'not ready',
      node({}, [{ type: 'Ready', status: 'False', reason: 'KubeletNotReady' }]),
      ['Ready=False (KubeletNotReady)'],
    ],
    [
      'not set up by its cloud',
      node({ taints: [{ key: 'node.cloudprovider.kubernetes.io/uninitialized' }] }, [ready]),
      ['taint node.cloudprovider.kubernetes.io/uninitialized'],
    ],
    ['for others only', node({ taints: [{ key: 'gpu' }] }, [ready]), []],
    ['cordoned', node({ unschedulable: true }, [ready]), ['cordoned']],
    ['without cpu', node({}, [ready], {}), ['no allocatable cpu reported']],
  ])('%s', (_, given, expected) => {
    expect(nodeProblems(given)).toEqual(expected);
  });
});
