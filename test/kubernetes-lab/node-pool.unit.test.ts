import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KubernetesObject } from '../../lab/kubernetes/kubernetes-object.ts';
import { planPool, type Boots, type NodePool } from '../../lab/kubernetes/node-pool.ts';

const pool = (spec: NodePool['spec']): NodePool => ({
  apiVersion: 'lab.siteshift.test/v1',
  kind: 'NodePool',
  metadata: { name: 'workers', namespace: 'node-pools', generation: 1 },
  spec,
});

const ready = (node: KubernetesObject): KubernetesObject => ({
  ...node,
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
});

/** Runs rounds until nothing changes any more, each one minute after the other; dead machines never get ready. */
function settle(spec: NodePool['spec'], start: readonly KubernetesObject[] = []) {
  let nodes = [...start];
  let boots: Boots = new Map();
  let rounds = 0;
  for (let nowMs = 0; ; nowMs += 60_000) {
    const plan = planPool({ pool: pool(spec), nodes, boots, nowMs, region: 'west' });
    rounds += 1;
    const born = plan.create.map((node) => (node.metadata.annotations === undefined ? node : ready(node)));
    const isSettled = rounds > 1 && born.length === 0 && plan.remove.length === 0 && plan.boots.size === 0;
    if (isSettled) return { nodes, status: plan.status };
    if (rounds > 10) throw new Error('does not settle');
    nodes = [...nodes.filter(({ metadata }) => !plan.remove.includes(metadata.name)), ...born];
    boots = plan.boots;
  }
}

describe('a node pool', () => {
  it('lets machines register only after they have booted', () => {
    const first = planPool({
      pool: pool({ replicas: 2, bootMs: 1_000 }),
      nodes: [],
      boots: new Map(),
      nowMs: 0,
      region: 'west',
    });
    expect(first.create).toEqual([]);
    expect(first.status).toMatchObject({ replicas: 2, readyReplicas: 0, phase: 'ScalingUp' });
    const later = planPool({
      pool: pool({ replicas: 2, bootMs: 1_000 }),
      nodes: [],
      boots: first.boots,
      nowMs: 1_000,
      region: 'west',
    });
    expect(later.create.map(({ metadata }) => metadata.name)).toEqual(['workers-0001']);
  });

  it('reaches any size from any other, and never holds more than the quota', () => {
    fc.assert(
      fc.property(fc.nat(12), fc.nat(12), fc.nat(12), (from, to, maxReplicas) => {
        const before = settle({ replicas: from, bootMs: 10 }).nodes;
        const { nodes, status } = settle({ replicas: to, bootMs: 10, maxReplicas }, before);
        const names = nodes.map(({ metadata }) => metadata.name);
        expect(new Set(names).size).toBe(names.length);
        expect(names.length).toBe(Math.min(to, maxReplicas));
        expect(status).toMatchObject({ replicas: names.length, readyReplicas: names.length });
      }),
    );
  });

  it('says that the quota is used up', () => {
    const { status } = settle({ replicas: 9, maxReplicas: 4 });
    expect(status).toMatchObject({
      phase: 'ScalingUp',
      conditions: [
        {
          status: 'False',
          reason: 'QuotaExceeded',
          message: '9 nodes wanted, the quota of this region is 4',
        },
      ],
    });
  });

  it('gives dead machines a node that nobody ever reports ready', () => {
    const { nodes, status } = settle({ replicas: 5, deadReplicas: 2 });
    const managed = nodes.filter(({ metadata }) => metadata.annotations?.['kwok.x-k8s.io/node'] === 'fake');
    expect([nodes.length, managed.length]).toEqual([5, 3]);
    expect(status).toMatchObject({ replicas: 5, readyReplicas: 3, phase: 'ScalingUp' });
  });

  it('removes the youngest names when it shrinks', () => {
    const { nodes } = settle({ replicas: 5 });
    const kept = settle({ replicas: 2 }, nodes).nodes.map(({ metadata }) => metadata.name);
    expect(kept.toSorted()).toEqual(['workers-0001', 'workers-0002']);
  });
});
