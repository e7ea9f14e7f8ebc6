import type { KubernetesObject } from './kubernetes-object.ts';

/** Label of every node that a pool made; its value is the pool's name. */
export const POOL_LABEL = 'lab.siteshift.test/pool';

/** What a node offers where the pool does not say. */
export const NODE_CAPACITY = { cpu: '16', memory: '64Gi', pods: '110' } as const;

/** A pool of nodes in the shape of Cluster API's MachineDeployment, on a pretended cloud. */
export interface NodePool extends KubernetesObject {
  readonly spec: {
    readonly replicas?: number;
    /** From the order until the node registers. */
    readonly bootMs?: number;
    /** The cloud's quota: more machines than this are not given. */
    readonly maxReplicas?: number;
    /** This many machines register and then never become ready: the first ones. */
    readonly deadReplicas?: number;
    readonly template?: {
      readonly labels?: Readonly<Record<string, string>>;
      readonly capacity?: Readonly<Record<string, string>>;
    };
  };
}

/** Machines that are ordered and not registered yet: node name → when it registers, ms since 1970. */
export type Boots = ReadonlyMap<string, number>;

export interface PoolPlan {
  readonly create: readonly KubernetesObject[];
  readonly remove: readonly string[];
  readonly boots: Boots;
  readonly status: Readonly<Record<string, unknown>>;
}

/** What to do now for one pool, from its nodes and the machines on order. Pure. */
export function planPool(options: {
  readonly pool: NodePool;
  readonly nodes: readonly KubernetesObject[];
  readonly boots: Boots;
  readonly nowMs: number;
  readonly region: string;
}): PoolPlan {
  const { pool, nodes, nowMs, region } = options;
  const { replicas = 0, maxReplicas = Infinity, bootMs = 0 } = pool.spec;
  const wanted = Math.min(replicas, maxReplicas);
  const registered = nodes.map((node) => node.metadata.name);
  const machines = [...new Set([...registered, ...options.boots.keys()])].toSorted();

  const kept = machines.slice(0, wanted);
  const ordered = unusedNames(pool.metadata.name, kept, wanted - kept.length);
  const boots = new Map([...options.boots].filter(([name]) => kept.includes(name)));
  // Machines of one order do not boot at the same moment; the spread is fixed, so that runs compare.
  ordered.forEach((name, index) => boots.set(name, nowMs + bootMs * (1 + (index % 5) / 10)));

  const due = [...boots]
    .filter(([name, at]) => at <= nowMs && !registered.includes(name))
    .map(([name]) => name);
  [...boots.keys()].filter((name) => registered.includes(name)).forEach((name) => boots.delete(name));
  return {
    create: due.map((name) => nodeOf(pool, name, region)),
    remove: registered.filter((name) => !kept.includes(name)),
    boots,
    status: statusOf(pool, { machines: kept.length + ordered.length, ready: nodes.filter(isReady).length }),
  };
}

export function isReady(node: KubernetesObject): boolean {
  const status = node['status'] as { conditions?: readonly { type: string; status: string }[] } | undefined;
  return status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;
}

const nodeName = (pool: string, index: number) => `${pool}-${String(index).padStart(4, '0')}`;

function unusedNames(pool: string, used: readonly string[], count: number): string[] {
  const names: string[] = [];
  for (let index = 1; names.length < count; index += 1) {
    const name = nodeName(pool, index);
    if (!used.includes(name)) names.push(name);
  }
  return names;
}

function nodeOf(pool: NodePool, name: string, region: string): KubernetesObject {
  const { deadReplicas = 0, template } = pool.spec;
  const capacity = template?.capacity ?? NODE_CAPACITY;
  const index = Number(name.slice(pool.metadata.name.length + 1));
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/region': region,
        'topology.kubernetes.io/zone': `${region}-${'abc'[index % 3] ?? 'a'}`,
        ...template?.labels,
        [POOL_LABEL]: pool.metadata.name,
      },
      // KWOK plays kubelet for what has this annotation; without it nobody ever reports the node ready.
      ...(index > deadReplicas ? { annotations: { 'kwok.x-k8s.io/node': 'fake' } } : {}),
    },
    spec: { providerID: `lab://${region}/${name}` },
    status: { capacity, allocatable: capacity },
  };
}

function statusOf(
  pool: NodePool,
  seen: { machines: number; ready: number },
): Readonly<Record<string, unknown>> {
  const { replicas = 0, maxReplicas = Infinity } = pool.spec;
  const lacksQuota = replicas > maxReplicas;
  const isComplete = seen.ready >= replicas && seen.machines === replicas;
  const reason = lacksQuota ? 'QuotaExceeded' : isComplete ? 'AllReady' : 'Scaling';
  return {
    observedGeneration: pool.metadata['generation'],
    replicas: seen.machines,
    readyReplicas: seen.ready,
    phase: isComplete ? 'Running' : seen.machines > replicas ? 'ScalingDown' : 'ScalingUp',
    selector: `${POOL_LABEL}=${pool.metadata.name}`,
    conditions: [
      {
        type: 'Available',
        status: isComplete ? 'True' : 'False',
        reason,
        message: lacksQuota
          ? `${replicas} nodes wanted, the quota of this region is ${maxReplicas}`
          : `${seen.ready} of ${replicas} nodes ready`,
      },
    ],
  };
}
