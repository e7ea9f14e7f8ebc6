import { join } from 'node:path';
import type { Supervised, Supervisor } from '../process/supervise.ts';
import { buildGoPrograms, type GoBuild } from './build-go-programs.ts';
import type { Say } from './cache.ts';
import { findProgram } from './find-program.ts';

const VERSION = '3.6.14';
const MODULE = 'go.etcd.io/etcd/server/v3';

const etcdBuild: GoBuild = {
  name: 'etcd',
  version: VERSION,
  programs: { etcd: MODULE },
  goMod: () => ['go 1.26', `require ${MODULE} v${VERSION}`],
  typically: 'about 40 seconds',
};

export const ETCD_VARIABLE = 'SITESHIFT_ETCD';

/** SITESHIFT_ETCD, the PATH, the cache, or built from the Go module. */
export async function obtainEtcd(say: Say): Promise<string> {
  return findProgram(['etcd'], ETCD_VARIABLE) ?? join(await buildGoPrograms(etcdBuild, say), 'etcd');
}

/** A cluster of one member, with real durability (fsync stays on). */
export function startEtcd(
  supervisor: Supervisor,
  options: {
    readonly program: string;
    readonly name: string;
    readonly dataDir: string;
    readonly ports: { readonly client: number; readonly peer: number };
  },
): Promise<Supervised> {
  const { name, ports } = options;
  const client = `http://127.0.0.1:${ports.client}`;
  const peer = `http://127.0.0.1:${ports.peer}`;
  return supervisor.start({
    name,
    command: options.program,
    args: [
      `--name=${name}`,
      `--data-dir=${options.dataDir}`,
      `--listen-client-urls=${client}`,
      `--advertise-client-urls=${client}`,
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=${name}=${peer}`,
      '--log-level=warn',
    ],
    ports,
    ready: () => checkHealth(client),
  });
}

async function checkHealth(client: string): Promise<void> {
  const response = await fetch(`${client}/health`, { signal: AbortSignal.timeout(2_000) });
  const body = await response.text();
  if (!body.includes('"health":"true"'))
    throw new Error(`${client}/health: expected health true, seen ${body}`);
}
