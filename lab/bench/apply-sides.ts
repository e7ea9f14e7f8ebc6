import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { runCommand } from '../engines/run-command.ts';
import type { BareCluster } from './bare-cluster.ts';
import { makeNamespaces, serviceSet, type ServiceSet } from './service-set.ts';

/** Requests at once, of the bare loop and of siteshift. */
export const IN_FLIGHT = 32;

export interface Pass {
  readonly ms: number;
  readonly perSecond: number;
}
export interface Passes {
  readonly first: Pass;
  readonly again: Pass;
}

export const round = (value: number): number => Math.round(value * 100) / 100;
export const pass = (objects: number, ms: number): Pass => ({
  ms: Math.round(ms),
  perSecond: round((objects / ms) * 1_000),
});
export const describe = ({ first, again }: Passes): string =>
  `first ${first.perSecond}/s (${first.ms} ms), again ${again.perSecond}/s (${again.ms} ms)`;

async function twice(objects: number, work: () => Promise<unknown>): Promise<Passes> {
  const timed = async () => {
    const startedAt = performance.now();
    await work();
    return pass(objects, performance.now() - startedAt);
  };
  return { first: await timed(), again: await timed() };
}

export async function measureKubectl(
  cluster: BareCluster,
  count: number,
  options: { readonly folder: string; readonly round: number },
): Promise<Passes> {
  const folder = join(options.folder, `kubectl-${options.round}`);
  const set = serviceSet(`kubectl${options.round}`, count);
  await makeNamespaces(cluster.api, set);
  mkdirSync(folder);
  set.objects.forEach((object, index) =>
    writeFileSync(join(folder, `${String(index).padStart(5, '0')}.json`), JSON.stringify(object)),
  );
  const flags = ['apply', '--server-side', '-f', folder, '--kubeconfig', cluster.kubeconfig('orchestrator')];
  return twice(count, () => runCommand(cluster.programs.kubectl, flags, { timeoutMs: 1_200_000 }));
}

/** Nothing but PATCHes over shared connections: what the API server gives on this machine. */
export async function measureBareLoop(cluster: BareCluster, count: number, number: number): Promise<Passes> {
  const set = serviceSet(`bare${number}`, count);
  await makeNamespaces(cluster.api, set);
  return applyBare(cluster, set);
}

export async function applyBare(cluster: BareCluster, set: ServiceSet): Promise<Passes> {
  const loop = await bareLoop(cluster, set);
  const passes = await twice(set.objects.length, loop.patchAll);
  await loop.close();
  return passes;
}

export async function applyOnce(cluster: BareCluster, set: ServiceSet): Promise<void> {
  const loop = await bareLoop(cluster, set);
  await loop.patchAll();
  await loop.close();
}

async function bareLoop(cluster: BareCluster, { objects }: ServiceSet) {
  const agent = agentFor(cluster);
  const paths = await Promise.all(objects.map((object) => cluster.api.pathOf(object)));
  const patchAll = async () => {
    const queue = objects.entries();
    const lane = async () => {
      for (const [index, object] of queue) {
        const { statusCode, body } = await request(`${cluster.server}${paths[index]}?fieldManager=bare`, {
          method: 'PATCH',
          dispatcher: agent,
          headers: { 'content-type': 'application/apply-patch+yaml', accept: 'application/json' },
          body: JSON.stringify(object),
        });
        const answer = await body.text();
        if (statusCode >= 300) throw new Error(`bare loop: status ${statusCode}: ${answer.slice(0, 300)}`);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  };
  return { patchAll, close: () => agent.close() };
}

function agentFor(cluster: BareCluster): Agent {
  const config = JSON.parse(readFileSync(cluster.kubeconfig('orchestrator'), 'utf8')) as {
    clusters: [{ cluster: Record<string, string> }];
    users: [{ user: Record<string, string> }];
  };
  const decode = (text: string | undefined) => Buffer.from(text ?? '', 'base64');
  return new Agent({
    connections: IN_FLIGHT,
    allowH2: false,
    connect: {
      ca: decode(config.clusters[0].cluster['certificate-authority-data']),
      cert: decode(config.users[0].user['client-certificate-data']),
      key: decode(config.users[0].user['client-key-data']),
    },
  });
}
