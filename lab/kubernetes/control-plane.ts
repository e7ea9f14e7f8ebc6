import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import type { ProcessSpec } from '../process/supervise.ts';
import { auditFlags } from './audit.ts';
import type { Certificates } from './certificates.ts';
import type { KubernetesPrograms } from './programs.ts';

export const CONTROL_PLANE_PORTS = [
  'etcd',
  'etcdPeer',
  'apiserver',
  'controllerManager',
  'scheduler',
  'kwok',
  'nodePools',
  'velero',
] as const;

export type ClusterPorts = Readonly<Record<(typeof CONTROL_PLANE_PORTS)[number], number>>;

/** What the processes of one cluster need to know. */
export interface ClusterSetup {
  readonly name: string;
  /** Its folder: data, certificates and kubeconfigs. */
  readonly folder: string;
  readonly ports: ClusterPorts;
  readonly programs: KubernetesPrograms;
  readonly certificates: Certificates;
  readonly kubeconfig: (identity: string) => string;
  /** Keeps a log of the product's writes (see audit.ts). Not where something is measured: each write waits for it. */
  readonly isAudited?: boolean;
}

const HOST = '127.0.0.1';
/**
 * When everything is told to stop at once, each waits for another one that is gone already: the API server for etcd,
 * clients for the API server. None of them holds what could be lost.
 */
export const STOP_MS = 3_000;
const SLOW_START_MS = 240_000; // a busy machine needs a minute; a program that ends is noticed at once anyway

/**
 * One member. It does not fsync: a killed process loses nothing by that, only a machine that loses power does, and
 * then the lab is gone anyway.
 */
export function etcdProcess({ name, folder, ports, programs }: ClusterSetup): ProcessSpec {
  const client = `http://${HOST}:${ports.etcd}`;
  const peer = `http://${HOST}:${ports.etcdPeer}`;
  return {
    name: `${name}-etcd`,
    command: programs.etcd,
    args: flags({
      name,
      'data-dir': join(folder, 'etcd'),
      'listen-client-urls': client,
      'advertise-client-urls': client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': `${name}=${peer}`,
      'unsafe-no-fsync': true,
      'quota-backend-bytes': 4 * 1024 ** 3,
      'log-level': 'warn',
    }),
    ports: { client: ports.etcd, peer: ports.etcdPeer },
    stopWithinMs: STOP_MS,
    readyWithinMs: SLOW_START_MS,
    ready: () => checkPlain(`${client}/health`, '"health":"true"'),
  };
}

export function apiserverProcess(setup: ClusterSetup): ProcessSpec {
  const { name, folder, ports, programs, certificates, isAudited = false } = setup;
  const file = (base: string) => certificates.file(base);
  return {
    name: `${name}-apiserver`,
    command: programs.apiserver,
    args: flags({
      'etcd-servers': `http://${HOST}:${ports.etcd}`,
      'bind-address': HOST,
      'advertise-address': HOST,
      'secure-port': ports.apiserver,
      'tls-cert-file': file('server.crt'),
      'tls-private-key-file': file('server.key'),
      'client-ca-file': file('ca.crt'),
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': file('sa.pub'),
      'service-account-signing-key-file': file('sa.key'),
      'authorization-mode': 'Node,RBAC',
      'allow-privileged': true,
      'service-cluster-ip-range': '10.96.0.0/16',
      'endpoint-reconciler-type': 'none', // it refuses to publish a loopback address
      ...(isAudited ? auditFlags(folder) : {}),
    }),
    ports: { https: ports.apiserver },
    stopWithinMs: STOP_MS,
    readyWithinMs: SLOW_START_MS,
    ready: () => checkReadyz(ports.apiserver, certificates),
  };
}

/**
 * The defaults, 20 and 50 requests a second, would be what the clusters wait for: a few hundred pods at once take longer
 * than everything else in a failover. Large clusters raise them, too.
 */
const CLIENT_RATE = { 'kube-api-qps': 200, 'kube-api-burst': 400 };

/** Without the kubeconfigs for authentication and authorization: those need a requestheader CA in the cluster. */
export function controllerManagerProcess(setup: ClusterSetup): ProcessSpec {
  const { name, ports, programs, certificates } = setup;
  return {
    name: `${name}-controller-manager`,
    command: programs.controllerManager,
    args: flags({
      kubeconfig: setup.kubeconfig('controller-manager'),
      'root-ca-file': certificates.file('ca.crt'),
      'service-account-private-key-file': certificates.file('sa.key'),
      'use-service-account-credentials': true,
      ...CLIENT_RATE,
      'bind-address': HOST,
      'secure-port': ports.controllerManager,
      'leader-elect': false,
      'authorization-always-allow-paths': '/healthz,/readyz,/livez,/metrics',
    }),
    ports: { https: ports.controllerManager },
    stopWithinMs: STOP_MS,
    readyWithinMs: SLOW_START_MS,
    ready: () => checkSecure({ port: ports.controllerManager, path: '/healthz' }),
  };
}

export function schedulerProcess(setup: ClusterSetup): ProcessSpec {
  const { name, ports, programs } = setup;
  return {
    name: `${name}-scheduler`,
    command: programs.scheduler,
    args: flags({
      kubeconfig: setup.kubeconfig('scheduler'),
      'bind-address': HOST,
      'secure-port': ports.scheduler,
      'leader-elect': false,
      ...CLIENT_RATE,
      'authorization-always-allow-paths': '/healthz,/readyz,/livez,/metrics',
    }),
    ports: { https: ports.scheduler },
    stopWithinMs: STOP_MS,
    readyWithinMs: SLOW_START_MS,
    ready: () => checkSecure({ port: ports.scheduler, path: '/healthz' }),
  };
}

/** Plays kubelet for nodes that carry its annotation. It ends at once when a kind of its stages does not exist yet. */
export function kwokProcess(setup: ClusterSetup & { readonly stagesFile: string }): ProcessSpec {
  const { name, ports, programs } = setup;
  return {
    name: `${name}-kwok`,
    command: programs.kwok,
    args: flags({
      kubeconfig: setup.kubeconfig('kwok'),
      config: setup.stagesFile,
      'manage-all-nodes': false,
      'manage-nodes-with-annotation-selector': 'kwok.x-k8s.io/node=fake',
      cidr: '10.128.0.0/14',
      'node-ip': HOST,
      'node-lease-duration-seconds': 40,
      'server-address': `${HOST}:${ports.kwok}`,
    }),
    ports: { http: ports.kwok },
    stopWithinMs: STOP_MS,
    readyWithinMs: SLOW_START_MS,
    ready: () => checkPlain(`http://${HOST}:${ports.kwok}/healthz`, 'ok'),
  };
}

/** The pretended cloud: makes and removes nodes as the NodePool objects ask. */
export function nodePoolProcess(setup: ClusterSetup): ProcessSpec {
  const { name, ports } = setup;
  return {
    name: `${name}-node-pools`,
    command: process.execPath,
    args: [
      join(import.meta.dirname, 'node-pool-controller.ts'),
      ...flags({ kubeconfig: setup.kubeconfig('node-pools'), port: ports.nodePools, region: name }),
    ],
    ports: { http: ports.nodePools },
    stopWithinMs: STOP_MS,
    ready: () => checkPlain(`http://${HOST}:${ports.nodePools}/`, 'ok'),
  };
}

/** `--name=value`, the one form that every one of these programs takes. */
export function flags(values: Readonly<Record<string, string | number | boolean>>): string[] {
  return Object.entries(values).map(([name, value]) => `--${name}=${value}`);
}

export async function checkPlain(url: string, expected: string): Promise<void> {
  const response = await fetch(url, { signal: AbortSignal.timeout(3_000) });
  const body = await response.text();
  if (!response.ok || !body.includes(expected)) {
    throw new Error(`${url}: expected ${expected}, seen status ${response.status}: ${body.slice(0, 300)}`);
  }
}

function checkReadyz(port: number, certificates: Certificates): Promise<void> {
  const [ca, cert, key] = ['ca.crt', 'admin.crt', 'admin.key'].map((name) =>
    readFileSync(certificates.file(name)),
  );
  return checkSecure({ port, path: '/readyz', agent: new Agent({ ca, cert, key }) });
}

/** The controller manager and the scheduler make up a certificate of their own, which nobody could verify. */
const unverified = new Agent({ rejectUnauthorized: false });

function checkSecure(options: { port: number; path: string; agent?: Agent }): Promise<void> {
  const { port, path, agent = unverified } = options;
  const url = `https://${HOST}:${port}${path}`;
  return new Promise((resolve, reject) => {
    const asked = request(url, { agent, signal: AbortSignal.timeout(5_000) }, (response) => {
      response.resume();
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${url}: expected status 200, seen ${response.statusCode}`));
    });
    asked.on('error', reject);
    asked.end();
  });
}
